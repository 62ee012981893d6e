package rotation_test

import (
	"testing"
	"time"

	"userscope.dev/userscope/certs/rotation"
)

// look is a pass of an issuer, which took from a time since the process began to another.
type look struct {
	from, to time.Duration
	sees     *rotation.Observed
}

// How long something has been seen is what a new CA and an old one wait for.
func TestHistory(t *testing.T) {
	const minute = time.Minute
	a, b := ca("a", day), ca("b", day)
	webhooks := func(bundles ...[]rotation.CA) *rotation.Observed {
		return &rotation.Observed{CA: a, Leaf: leaf(a, 0), Bundles: bundles}
	}
	with, without := webhooks(bundle(a, b), bundle(a, b)), webhooks(bundle(a), bundle(a))
	half := webhooks(bundle(a, b), bundle(a))
	needed := &rotation.Observed{CA: a, Next: b, Leaf: leaf(a, 0), Bundles: with.Bundles}
	unserved := &rotation.Observed{CA: a, Bundles: with.Bundles}
	expired := &rotation.Observed{CA: a, Leaf: leaf(a, 31*day), Bundles: with.Bundles}
	early := &rotation.Observed{CA: a, Leaf: leaf(a, -2*hour), Bundles: with.Bundles}
	at := func(at time.Duration, sees *rotation.Observed) look { return look{at, at, sees} }
	tests := []struct {
		name  string
		looks []look
		// trusted and unused are those of b.
		trusted, unused time.Duration
	}{
		{"never", nil, 0, 0},
		{"once", []look{at(minute, with)}, 0, 0},
		{"from the process's beginning", []look{at(0, with), at(minute, with)}, minute, minute},
		{"twice", []look{at(minute, with), at(3*minute, with)}, 2 * minute, 2 * minute},
		{"on and on", []look{at(minute, with), at(5*minute, with), at(9*minute, with), at(13*minute, with)}, 12 * minute, 12 * minute},
		{"as seldom as may be", []look{at(minute, with), at(6*minute, with)}, 5 * minute, 5 * minute},
		{"with a gap", []look{at(minute, with), at(6*minute+1, with)}, 0, 0},
		{"since a gap", []look{at(minute, with), at(7*minute, with), at(9*minute, with)}, 2 * minute, 2 * minute},
		{"not any more", []look{at(minute, with), at(3*minute, without)}, 0, 0},
		{"again", []look{at(minute, with), at(2*minute, without), at(3*minute, with), at(4*minute, with)}, minute, minute},
		{"in one webhook alone", []look{at(minute, half), at(3*minute, half)}, 0, 2 * minute},
		{"in all since there are two", []look{at(minute, half), at(2*minute, with), at(3*minute, with)}, minute, 2 * minute},
		{"where it is needed", []look{at(minute, needed), at(3*minute, needed)}, 2 * minute, 0},
		{"since it is needed no more", []look{at(minute, needed), at(2*minute, with), at(3*minute, with)}, 2 * minute, minute},
		{"while no certificate is served", []look{at(minute, unserved), at(3*minute, unserved)}, 2 * minute, 0},
		{"while an expired one is served", []look{at(minute, expired), at(3*minute, expired)}, 2 * minute, 0},
		{"while one of later is served", []look{at(minute, early), at(3*minute, early)}, 2 * minute, 0},

		// It was there when the first look had ended, and when the last began.
		{"by slow looks", []look{{1 * minute, 2 * minute, with}, {4 * minute, 6 * minute, with}}, 2 * minute, 2 * minute},
		{"by one slow look", []look{{1 * minute, 3 * minute, with}}, 0, 0},
		{"by looks that are slow and seldom", []look{{1 * minute, 2 * minute, with}, {3 * minute, 6*minute + 1, with}}, 0, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := &rotation.History{}
			for _, look := range test.looks {
				h.Note(now, look.from, look.to, look.sees, settings)
			}
			if got := h.Trusted("b"); got != test.trusted {
				t.Errorf("trusted for %s, want %s", got, test.trusted)
			}
			if got := h.Unused("b"); got != test.unused {
				t.Errorf("unused for %s, want %s", got, test.unused)
			}
		})
	}
}

// A caBundle that somebody else writes again and again is never known to be everywhere. That keeps a new CA
// waiting, and no certificate from being renewed.
func TestRenewedWhileTheNextCAWaits(t *testing.T) {
	old, next := ca("old", 70*day), ca("next", 0)
	end := now.Add(15 * day)
	o := &rotation.Observed{CA: old, Next: next, Leaf: leaf(old, 15*day), Bundles: [][]rotation.CA{bundle(old, next)}}
	h := &rotation.History{}
	for at := time.Duration(0); at < 16*day; at += 2 * time.Minute {
		o.BundleVersions = []string{at.String()}
		h.Note(now.Add(at), at, at, o, settings)
		switch got := describe(rotation.Plan(now.Add(at), o, h, settings)); got {
		case "":
		case "renew":
			o.Leaf = &rotation.Leaf{Issuer: *old, LeafOnly: true, Validity: rotation.Validity{
				NotBefore: now.Add(at - rotation.Backdating), NotAfter: rotation.LeafEnd(now.Add(at), *old, settings),
			}}
		default:
			t.Fatalf("after %s: %s", at, got)
		}
	}
	if !o.Leaf.NotAfter.After(end) {
		t.Error("the certificate has expired")
	}
}
