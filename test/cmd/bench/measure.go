package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"userscope.dev/userscope/test/kit/usage"
)

// cell is what one target is asked by so many clients.
type cell struct {
	target  string
	clients int
}

// sample is what was measured of a cell in one round.
type sample struct {
	latencies []time.Duration
	// wall is how long the requests took together.
	wall time.Duration
	// apiServer and webhook are the CPU time of these processes meanwhile; the webhook of the target floor is
	// the floor.
	apiServer, webhook time.Duration
}

// turns is how often the targets take turns in a round.
const turns = 8

// measure returns the samples of each round.
func (s *site) measure(ctx context.Context, o options, targets []target, progress io.Writer) ([]map[cell]sample, error) {
	clients, closeAll, err := s.connect(o.clients)
	if err != nil {
		return nil, err
	}
	defer closeAll()
	for i := range targets { // the first requests open connections and fill caches
		if _, err := s.ask(ctx, &targets[i], clients[targets[i].user], max(50, 4*len(clients[targets[i].user]))); err != nil {
			return nil, err
		}
	}
	rounds := make([]map[cell]sample, o.rounds)
	for round := range rounds {
		began := time.Now()
		if rounds[round], err = s.round(ctx, o, targets, clients, round); err != nil {
			return nil, err
		}
		fmt.Fprintf(progress, "Round %d of %d took %.1f s.\n", round+1, o.rounds, time.Since(began).Seconds())
	}
	return rounds, nil
}

// connect returns as many clients of each user as are ever needed at once.
func (s *site) connect(levels []int) (clients map[string][]*client, closeAll func(), err error) {
	clients = map[string][]*client{}
	closeAll = func() {
		for _, ofUser := range clients {
			for _, c := range ofUser {
				c.close()
			}
		}
	}
	for _, t := range s.targets {
		for len(clients[t.user]) < slices.Max(levels) {
			c, err := s.client(t.user)
			if err != nil {
				closeAll()
				return nil, nil, err
			}
			clients[t.user] = append(clients[t.user], c)
		}
	}
	return clients, closeAll, nil
}

// round lets the targets take turns, in another order each time: what one of them leaves to be collected as
// garbage is not always paid for by the same other.
func (s *site) round(ctx context.Context, o options, targets []target, clients map[string][]*client, number int) (map[cell]sample, error) {
	order := rand.New(rand.NewPCG(uint64(number), 0)) //nolint:gosec // the same order in every run
	samples := map[cell]sample{}
	for _, level := range o.clients {
		requests := max(o.requests/turns, 8*level, 1)
		for range turns {
			for _, i := range order.Perm(len(targets)) {
				t := &targets[i]
				more, err := s.ask(ctx, t, clients[t.user][:level], requests)
				if err != nil {
					return nil, err
				}
				at := cell{t.name, level}
				samples[at] = samples[at].and(more)
			}
		}
	}
	return samples, nil
}

// and adds what was measured later.
func (s sample) and(more sample) sample {
	return sample{
		latencies: append(s.latencies, more.latencies...),
		wall:      s.wall + more.wall,
		apiServer: s.apiServer + more.apiServer,
		webhook:   s.webhook + more.webhook,
	}
}

// ask has clients send requests, all at once, until so many are answered.
func (s *site) ask(ctx context.Context, t *target, clients []*client, requests int) (sample, error) {
	webhookPID := s.webhook.PID()
	if t.name == floor {
		webhookPID = s.floor.PID()
	}
	apiServer, webhook, err := cpu(s.cluster.APIServerPID(), webhookPID)
	if err != nil {
		return sample{}, err
	}
	began := time.Now()
	latencies, err := send(ctx, call{t.path(), t.body, http.StatusCreated}, clients, requests)
	wall := time.Since(began)
	if err != nil {
		return sample{}, fmt.Errorf("target %s: %w", t.name, err)
	}
	apiServerThen, webhookThen, err := cpu(s.cluster.APIServerPID(), webhookPID)
	return sample{latencies, wall, apiServerThen - apiServer, webhookThen - webhook}, err
}

func cpu(first, second int) (ofFirst, ofSecond time.Duration, err error) {
	if ofFirst, err = usage.CPU(first); err != nil {
		return 0, 0, err
	}
	ofSecond, err = usage.CPU(second)
	return ofFirst, ofSecond, err
}

// call is a request and the status that answers it.
type call struct {
	path string
	body []byte
	want int
}

// send has clients make the same call, so many times in all.
func send(ctx context.Context, what call, clients []*client, times int) ([]time.Duration, error) {
	return sendEach(ctx, func(int) call { return what }, clients, times)
}

// sendEach has clients make calls, all at once, until so many are answered. It returns how long each took.
func sendEach(ctx context.Context, calls func(i int) call, clients []*client, times int) ([]time.Duration, error) {
	latencies := make([]time.Duration, times)
	errs := make(chan error, len(clients))
	var next atomic.Int64
	var all sync.WaitGroup
	for _, c := range clients {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < times; i = int(next.Add(1)) - 1 {
				what := calls(i)
				began := time.Now()
				status, answer, err := c.post(ctx, what.path, what.body)
				latencies[i] = time.Since(began)
				if err == nil && status != what.want {
					err = fmt.Errorf("status %d: %.500s", status, answer)
				}
				if err != nil {
					errs <- err
					return
				}
			}
		})
	}
	all.Wait()
	close(errs)
	return latencies, <-errs
}
