package main

import (
	"context"
	"fmt"
	"io"
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

// round lets the targets take turns. Each turn begins with another target, lest one always follow the same.
func (s *site) round(ctx context.Context, o options, targets []target, clients map[string][]*client, number int) (map[cell]sample, error) {
	samples := map[cell]sample{}
	for _, level := range o.clients {
		requests := max(o.requests/turns, 8*level, 1)
		for turn := range turns {
			for i := range targets {
				t := &targets[(i+number*turns+turn)%len(targets)]
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
	latencies, err := send(ctx, t, clients, requests)
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

// send sends the target's Pod so many times in all.
func send(ctx context.Context, t *target, clients []*client, requests int) ([]time.Duration, error) {
	latencies := make([]time.Duration, requests)
	errs := make(chan error, len(clients))
	var next atomic.Int64
	var all sync.WaitGroup
	for _, c := range clients {
		all.Go(func() {
			for i := next.Add(1) - 1; i < int64(requests); i = next.Add(1) - 1 {
				began := time.Now()
				status, answer, err := c.post(ctx, t.path(), t.body)
				latencies[i] = time.Since(began)
				if err == nil && status != http.StatusCreated {
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
