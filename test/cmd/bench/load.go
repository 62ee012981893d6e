package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"userscope.dev/userscope/test/kit/controlplane"
	"userscope.dev/userscope/test/pods/oracle"
)

// load is what became of many sandboxes, with two replicas of the webhook and the backstop, as installed.
type load struct {
	// Sandboxes are stored one after the other by eight clients, and their latencies those of the first and the
	// last thousand.
	Sandboxes   int    `json:"sandboxes"`
	FirstP50    figure `json:"firstThousandP50Millis"`
	LastP50     figure `json:"lastThousandP50Millis"`
	LastVsFirst figure `json:"lastThousandVsFirst"`
	PerSecond   figure `json:"sandboxesPerSecond"`
	Unscoped    int    `json:"unscoped"`
	// Burst are created at the same moment, Failed of them are not, and the last is stored after so long.
	Burst  int `json:"burst"`
	Failed int `json:"burstFailed"`
	// Postponed counts the answers by which the API server itself let some of them come again.
	Postponed    int    `json:"burstPostponed"`
	BurstSeconds figure `json:"burstSeconds"`

	Machine  machine  `json:"machine"`
	Versions versions `json:"versions"`
}

// problem is what must not be.
func (l *load) problem() error {
	if l.Unscoped > 0 || l.Failed > 0 {
		return fmt.Errorf("%d sandboxes are unscoped, %d failed", l.Unscoped, l.Failed)
	}
	return nil
}

// podsPath is where the sandboxes are stored.
const podsPath = "/api/v1/namespaces/" + controlplane.Namespace + "/pods"

// measureLoad stores sandboxes, then a burst of more, and has the oracle judge them all.
func measureLoad(ctx context.Context, sandboxes, burst int, progress io.Writer) (result load, err error) {
	fmt.Fprintln(progress, "Starting etcd, kube-apiserver and two webhooks …")
	s, err := startLoadSite(ctx)
	if err != nil {
		return result, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	result = load{Sandboxes: sandboxes, Burst: burst}

	began := time.Now()
	clients, err := s.connect(8)
	if err != nil {
		return result, err
	}
	latencies, err := sendEach(ctx, func(i int) call {
		body, _ := s.sandbox(i)
		return call{podsPath, body, http.StatusCreated}
	}, clients, sandboxes)
	if err != nil {
		return result, err
	}
	result.PerSecond = figure(float64(sandboxes) / time.Since(began).Seconds())
	result.FirstP50, result.LastP50 = ends(latencies)
	result.LastVsFirst = ratio(result.LastP50, result.FirstP50)
	fmt.Fprintf(progress, "%d sandboxes stored in %.0f s\n", sandboxes, time.Since(began).Seconds())

	began = time.Now()
	failed, postponed, err := s.burst(ctx, sandboxes, burst, progress)
	if err != nil {
		return result, err
	}
	result.Failed, result.Postponed = len(failed), postponed
	result.BurstSeconds = figure(time.Since(began).Seconds())
	fmt.Fprintf(progress, "%d more at once, of which %d failed, in %.1f s\n", burst, result.Failed, result.BurstSeconds)

	result.Unscoped, err = s.judge(ctx, clients[0], sandboxes+burst, failed, progress)
	if err == nil {
		result.Machine, result.Versions, err = describe(ctx, s.cluster)
	}
	return result, err
}

// ends are the medians of the first and of the last thousand latencies.
func ends(latencies []time.Duration) (first, last figure) {
	n := min(1000, len(latencies))
	p50 := func(part []time.Duration) figure { return millis(percentile(slices.Sorted(slices.Values(part)), 50)) }
	return p50(latencies[:n]), p50(latencies[len(latencies)-n:])
}

// burst creates sandboxes at the same moment. It returns those that were not created, by their numbers, and how
// many answers only postponed one: an API server lets so many in at once, and asks others to come again.
func (s *loadSite) burst(ctx context.Context, first, n int, progress io.Writer) (failed map[int]bool, postponed int, err error) {
	// An API server takes a hundred requests at once over one connection.
	const perConnection = 50
	clients, err := s.connect((n + perConnection - 1) / perConnection)
	if err != nil {
		return nil, 0, err
	}
	// Else each request would open a connection of its own, and the API server shuts some of so many.
	for _, c := range clients {
		if _, _, err := c.get(ctx, podsPath+"?limit=1"); err != nil {
			return nil, 0, err
		}
	}
	type problem struct {
		number int
		says   string
	}
	problems := make(chan problem, n)
	var again atomic.Int64
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			body, _ := s.sandbox(first + i)
			status, answer, err := clients[i%len(clients)].post(ctx, podsPath, body)
			for err == nil && status == http.StatusTooManyRequests {
				again.Add(1)
				select {
				case <-time.After(time.Second): // its Retry-After
				case <-ctx.Done():
				}
				status, answer, err = clients[i%len(clients)].post(ctx, podsPath, body)
			}
			if err != nil || status != http.StatusCreated {
				problems <- problem{first + i, fmt.Sprintf("%d, %v: %.300s", status, err, answer)}
			}
		})
	}
	all.Wait()
	close(problems)
	failed = map[int]bool{}
	for p := range problems {
		failed[p.number] = true
		if len(failed) <= 5 {
			fmt.Fprintln(progress, p.says)
		}
	}
	return failed, int(again.Load()), ctx.Err()
}

// judge lists all sandboxes and returns how many of them are not as they must be. All that were created must be
// there, but for those that failed.
func (s *loadSite) judge(ctx context.Context, c *client, created int, failed map[int]bool, progress io.Writer) (unscoped int, err error) {
	request := oracle.Request{Namespace: controlplane.Namespace, Username: controlplane.Provisioner}
	seen := map[string]bool{}
	err = s.list(ctx, c, func(pod map[string]any) error {
		problems := oracle.Judge(s.policies, request, pod, pod)
		text, err := json.Marshal(pod)
		if err != nil {
			return err
		}
		subPath := subPathOfUserData(text)
		if len(oracle.Governed(s.policies, request, pod)) == 0 {
			problems = append(problems, "it is not governed")
		}
		if seen[subPath] {
			problems = append(problems, "it shares "+subPath)
		}
		seen[subPath] = true
		if len(problems) > 0 {
			unscoped++
			if unscoped <= 5 {
				fmt.Fprintln(progress, problems, string(text))
			}
		}
		return nil
	})
	for number := range created {
		if _, subPath := s.sandbox(number); err == nil && !seen[subPath] && !failed[number] {
			err = fmt.Errorf("no sandbox has %s", subPath)
		}
	}
	return unscoped, err
}

// list hands over all Pods of the namespace.
func (s *loadSite) list(ctx context.Context, c *client, each func(pod map[string]any) error) error {
	for next := ""; ; {
		status, answer, err := c.get(ctx, podsPath+"?limit=500&continue="+url.QueryEscape(next))
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("list the sandboxes: status %d: %.500s", status, answer)
		}
		if err != nil {
			return err
		}
		var page struct {
			Metadata struct {
				Continue string `json:"continue"`
			} `json:"metadata"`
			Items []map[string]any `json:"items"`
		}
		if err := json.Unmarshal(answer, &page); err != nil {
			return err
		}
		for _, pod := range page.Items {
			if err := each(pod); err != nil {
				return err
			}
		}
		if next = page.Metadata.Continue; next == "" {
			return nil
		}
	}
}
