package rotation

import (
	"context"
	"sync/atomic"
	"testing"
	"time"
)

// probes are handshakes with every replica, as API servers have them: one that knows the newest caBundles, and
// one that sees them late, must both trust whatever is served.
type probes struct {
	judged, late atomic.Int64
}

// known is a caBundle, and when it was the newest.
type known struct {
	bundle []byte
	at     time.Time
}

// startProbes fails the test for each replica that is not trusted. The caBundles that are late are half
// the propagation bound old. A handshake with one that is older than the bound, on a machine so
// busy, says nothing.
func startProbes(t *testing.T, bound time.Duration, replicas ...*replica) *probes {
	t.Helper()
	p := &probes{}
	t.Cleanup(func() {
		if !t.Failed() && p.judged.Load() == 0 {
			t.Errorf("no handshake could be judged, %d came too late", p.late.Load())
		}
	})
	for _, r := range replicas {
		for _, kind := range []string{mutating, validating} {
			var bundles []known
			beside(t, 100*time.Millisecond, func(ctx context.Context) {
				at := time.Now()
				newest, err := bundle(ctx, kind)
				if err != nil && ctx.Err() == nil {
					t.Errorf("probe: %v", err)
					return
				}
				bundles = append(bundles, known{newest, at})
				for len(bundles) > 1 && time.Since(bundles[1].at) > bound/2 {
					bundles = bundles[1:]
				}
				for _, known := range []known{bundles[0], bundles[len(bundles)-1]} {
					if err := p.probe(ctx, bound, r, known); err != nil && ctx.Err() == nil {
						t.Errorf("%s: an API server whose %s is %s old: %v", time.Now().Format(time.TimeOnly+".000"), kind, time.Since(known.at), err)
					}
				}
			})
		}
	}
	return p
}

func (p *probes) probe(ctx context.Context, bound time.Duration, r *replica, known known) error {
	address := r.address()
	_, err := handshake(ctx, address, known.bundle)
	switch {
	case time.Since(known.at) > bound:
		p.late.Add(1)
		return nil
	case err != nil && !endpoints.has(address): // it is being restarted
		return nil
	}
	p.judged.Add(1)
	return err
}
