package main

import (
	"fmt"
	"io"
	"time"
)

// progressInterval is how often a long run says how far it is.
const progressInterval = 2 * time.Second

// progress says how far a run is, how fast it goes, and how long it will take.
type progress struct {
	w    io.Writer
	now  func() time.Time
	from time.Time // of the first move
	next time.Time // when to say it again
}

func newProgress(w io.Writer) *progress { return &progress{w: w, now: time.Now} }

// report is told of each move.
func (p *progress) report(done, total int) {
	now := p.now()
	if p.from.IsZero() {
		p.from, p.next = now, now.Add(progressInterval)
	}
	if now.Before(p.next) {
		return
	}
	p.next = now.Add(progressInterval)
	rate := float64(done) / now.Sub(p.from).Seconds()
	left := time.Duration(float64(total-done) / rate * float64(time.Second)).Round(time.Second)
	fmt.Fprintf(p.w, "%d of %d, %.0f/s, %s left\n", done, total, rate, left)
}
