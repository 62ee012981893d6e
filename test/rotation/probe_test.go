package rotation

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"
)

// probes are handshakes with every replica, as API servers with the newest caBundles have them: the newest
// must trust whatever is served.
type probes struct {
	judged, late atomic.Int64
}

// startProbes fails the test for each replica that is not trusted. A handshake that took longer than the
// propagation bound, on a machine so busy, says nothing.
func startProbes(t *testing.T, bound time.Duration, replicas ...*replica) *probes {
	t.Helper()
	p := &probes{}
	for _, r := range replicas {
		beside(t, 100*time.Millisecond, func(ctx context.Context) {
			for _, kind := range []string{mutating, validating} {
				if err := p.probe(ctx, bound, r, kind); err != nil && ctx.Err() == nil {
					t.Errorf("%s %v", time.Now().Format(time.TimeOnly+".000"), err)
				}
			}
		})
	}
	return p
}

func (p *probes) probe(ctx context.Context, bound time.Duration, r *replica, kind string) error {
	begin := time.Now()
	trusted, err := bundle(ctx, kind)
	if err != nil {
		return err
	}
	address := r.address()
	_, err = handshake(ctx, address, trusted)
	switch {
	case time.Since(begin) > bound:
		p.late.Add(1)
		return nil
	case err != nil && !endpoints.has(address): // it is being restarted
		return nil
	}
	p.judged.Add(1)
	if err != nil {
		return fmt.Errorf("the %s does not trust the replica at %s: %w", kind, address, err)
	}
	return nil
}
