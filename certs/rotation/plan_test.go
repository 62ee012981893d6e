package rotation_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"userscope.dev/userscope/certs/rotation"
)

const (
	hour = time.Hour
	day  = 24 * hour
)

var (
	// now is when all of these tests happen.
	now = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	// settings are such that lives are easily written in days.
	settings = rotation.Settings{CALifetime: 90 * day, LeafLifetime: 30 * day, Propagation: 5 * time.Minute}
)

// validity is that of what was issued some time ago for a lifetime.
func validity(ago, lifetime time.Duration) rotation.Validity {
	return rotation.Validity{NotBefore: now.Add(-ago - rotation.Backdating), NotAfter: now.Add(lifetime - ago)}
}

// ca is an authority that was made some time ago.
func ca(name string, ago time.Duration) *rotation.CA {
	return &rotation.CA{ID: rotation.ID(name), Validity: validity(ago, settings.CALifetime)}
}

// leaf is a serving certificate that an authority signed some time ago.
func leaf(by *rotation.CA, ago time.Duration) *rotation.Leaf {
	v := validity(ago, settings.LeafLifetime)
	if v.NotAfter.After(by.NotAfter) {
		v.NotAfter = by.NotAfter
	}
	return &rotation.Leaf{Issuer: *by, LeafOnly: true, Validity: v}
}

// bundle is the caBundle of a webhook.
func bundle(cas ...*rotation.CA) []rotation.CA {
	var bundle []rotation.CA
	for _, ca := range cas {
		bundle = append(bundle, *ca)
	}
	return bundle
}

// seenFor is the history of an issuer that has seen the same every minute for some time.
func seenFor(ago time.Duration, o *rotation.Observed) *rotation.History {
	h := &rotation.History{}
	for at := time.Duration(0); at < ago; at += time.Minute {
		h.Note(now, at, at, o, settings)
	}
	h.Note(now, ago, ago, o, settings)
	return h
}

// describe writes actions as these tests do: "publish 0: a b" sets the caBundle of the first webhook.
func describe(actions []rotation.Action) string {
	var described []string
	for _, action := range actions {
		switch action := action.(type) {
		case rotation.Publish:
			ids := ""
			for _, id := range action.CAs {
				ids += " " + string(id)
			}
			described = append(described, fmt.Sprintf("publish %d:%s", action.Webhook, ids))
		default:
			described = append(described, strings.ToLower(strings.TrimPrefix(fmt.Sprintf("%T", action), "rotation.")))
		}
	}
	return strings.Join(described, ", ")
}

// What is observed, and for how long it has been seen, says what is done.
func TestPlan(t *testing.T) {
	a, b, c := ca("a", 10*day), ca("b", 0), ca("c", 3*day)
	old, dead := ca("old", 70*day), ca("dead", 100*day) // after two thirds of its life, after its end
	ending, tomorrow := ca("ending", 89*day), ca("tomorrow", -day)
	chained := leaf(a, 20*day)
	chained.LeafOnly = false
	const long, short = 5 * time.Minute, 5*time.Minute - time.Second
	both := func(cas ...*rotation.CA) [][]rotation.CA { return [][]rotation.CA{bundle(cas...), bundle(cas...)} }
	type observed = rotation.Observed
	tests := []struct {
		name  string
		given observed
		seen  time.Duration
		want  string
	}{
		// Nothing to do.
		{"all is as it should be", observed{CA: a, Leaf: leaf(a, day), Bundles: both(a)}, long, ""},
		{"even if it was never seen before", observed{CA: a, Leaf: leaf(a, day), Bundles: both(a)}, 0, ""},
		{"the serving certificate is just not old", observed{CA: a, Leaf: leaf(a, 20*day-time.Second), Bundles: both(a)}, long, ""},
		{"the CA is just not old", observed{CA: ca("a", 60*day-time.Second), Leaf: leaf(a, day), Bundles: both(a)}, long, ""},

		// The beginning.
		{"there is nothing", observed{Bundles: both()}, 0, "fill"},
		{"there is nothing, and no webhook", observed{}, 0, "fill"},
		{"filled, and not published", observed{CA: b, Leaf: leaf(b, 0), Bundles: both()}, 0, "publish 0: b, publish 1: b"},
		{"filled, and published in one webhook", observed{CA: b, Leaf: leaf(b, 0), Bundles: [][]rotation.CA{bundle(), bundle(b)}}, 0, "publish 0: b"},
		{"only what has expired is trusted", observed{Bundles: both(dead)}, 0, "fill"},
		{"there is nothing, and another CA is trusted", observed{Bundles: both(c)}, 0, "introduce"},
		{"there is nothing, and another CA is trusted by one webhook", observed{Bundles: [][]rotation.CA{bundle(), bundle(c)}}, 0, "introduce"},
		{"there is nothing, and a CA of tomorrow is trusted", observed{Bundles: both(tomorrow)}, 0, "introduce"},
		{"there is only a CA of tomorrow that nobody trusts", observed{CA: tomorrow, Bundles: both()}, 0, "fill"},
		{"there is only a certificate of later", observed{Leaf: leaf(a, -2*hour), Bundles: both()}, 0, "publish 0: a, publish 1: a, introduce"},
		{"all has expired", observed{CA: dead, Leaf: leaf(dead, 90*day), Bundles: both(dead)}, 0, "fill"},

		// A serving certificate is renewed after two thirds of its life, by the CA that all trust.
		{"the serving certificate is old", observed{CA: a, Leaf: leaf(a, 20*day), Bundles: both(a)}, long, "renew"},
		// No other CA's certificate is served: there is nothing to lose by what the CA signs.
		{"it is old, and not long seen", observed{CA: a, Leaf: leaf(a, 20*day), Bundles: both(a)}, 0, "renew"},
		{"it is old, and another CA is trusted, not long seen", observed{CA: a, Leaf: leaf(a, 20*day), Bundles: both(a, c)}, 0, "renew"},
		{"it is old and not alone, and another CA is trusted, not long seen", observed{CA: a, Leaf: chained, Bundles: both(a, c)}, short, ""},
		{"it is old and not alone, and another CA is trusted, long seen", observed{CA: a, Leaf: chained, Bundles: [][]rotation.CA{bundle(a, c), bundle(a)}}, long, "publish 0: a, renew"},
		{"it has expired, and another CA is trusted, not long seen", observed{CA: a, Leaf: leaf(a, 31*day), Bundles: both(a, c)}, short, ""},
		{"it has expired", observed{CA: a, Leaf: leaf(a, 31*day), Bundles: both(a)}, 0, "renew"},
		{"it is not valid yet", observed{CA: a, Leaf: leaf(a, -2*hour), Bundles: both(a)}, long, "renew"},
		{"it is of no use", observed{CA: a, Bundles: both(a)}, long, "renew"},
		{"it is of no use, and nobody is trusted", observed{CA: a, Bundles: both()}, 0, "publish 0: a, publish 1: a, renew"},
		{"it is of another CA", observed{CA: a, Leaf: leaf(c, day), Bundles: both(a, c)}, long, "renew"},
		{"it is of another CA, and the CA is not long trusted", observed{CA: a, Leaf: leaf(c, day), Bundles: both(a, c)}, short, ""},
		{"it is of another CA that nobody trusts", observed{CA: a, Leaf: leaf(c, day), Bundles: both(a)}, 0, "publish 0: a c, publish 1: a c"},
		{"it is old, and ends with its CA", observed{CA: ending, Leaf: leaf(ending, 25*day), Bundles: both(ending)}, long, "introduce"},

		// A CA is replaced after two thirds of its life: first the next one is made, …
		{"the CA is old", observed{CA: old, Leaf: leaf(old, day), Bundles: both(old)}, long, "introduce"},
		{"the CA is just old", observed{CA: ca("a", 60*day), Leaf: leaf(a, day), Bundles: both(a)}, 0, "introduce"},
		{"the CA and its certificate are old", observed{CA: old, Leaf: leaf(old, 20*day), Bundles: both(old)}, long, "renew"},
		{"the CA has expired, its certificate not", observed{CA: dead, Leaf: leaf(c, day), Bundles: both(c)}, 0, "introduce"},
		{"the CA's key is lost", observed{Leaf: leaf(a, day), Bundles: both(a)}, long, "introduce"},
		// … then it is trusted everywhere, …
		{"the next CA is not published", observed{CA: old, Next: b, Leaf: leaf(old, day), Bundles: both(old)}, long, "publish 0: old b, publish 1: old b"},
		{"the next CA is published in one webhook", observed{CA: old, Next: b, Leaf: leaf(old, day), Bundles: [][]rotation.CA{bundle(old, b), bundle(old)}}, long, "publish 1: old b"},
		{"the next CA was just published", observed{CA: old, Next: b, Leaf: leaf(old, day), Bundles: both(old, b)}, 0, ""},
		{"it has not been seen for long", observed{CA: old, Next: b, Leaf: leaf(old, day), Bundles: both(old, b)}, short, ""},
		// … then it signs, …
		{"it has been seen for long", observed{CA: old, Next: b, Leaf: leaf(old, day), Bundles: both(old, b)}, long, "promote"},
		{"it is not trusted, but nothing else is in use", observed{CA: dead, Next: b, Leaf: leaf(dead, 90*day), Bundles: both(dead)}, 0, "publish 0: dead b, publish 1: dead b, promote"},
		{"the certificate grows old meanwhile", observed{CA: old, Next: b, Leaf: leaf(old, 20*day), Bundles: both(old, b)}, short, "renew"},
		{"the certificate is old when the next CA may sign", observed{CA: old, Next: b, Leaf: leaf(old, 20*day), Bundles: both(old, b)}, long, "promote"},
		{"the certificate of another CA grows old meanwhile", observed{CA: old, Next: b, Leaf: leaf(c, 20*day), Bundles: both(old, b, c)}, short, ""},
		{"the next CA has expired", observed{CA: a, Next: dead, Leaf: leaf(a, day), Bundles: both(a)}, 0, "discard"},
		{"the next CA has expired, and the CA is old", observed{CA: old, Next: dead, Leaf: leaf(old, day), Bundles: both(old)}, 0, "introduce"},
		{"the next CA is not valid yet", observed{CA: old, Next: tomorrow, Leaf: leaf(old, day), Bundles: both(old, tomorrow)}, long, "introduce"},
		// … then it replaces the old one, at once, even for an issuer that begins anew, …
		{"it has signed", observed{CA: old, Next: b, Leaf: leaf(b, 0), Bundles: both(old, b)}, 0, "retire"},
		{"it has signed, and the CA's key is lost", observed{Next: b, Leaf: leaf(b, 0), Bundles: both(old, b)}, 0, "retire"},
		{"it has signed, and the certificate is old", observed{CA: old, Next: b, Leaf: leaf(b, 20*day), Bundles: both(old, b)}, 0, "retire"},
		{"it has signed, and the certificate has expired", observed{CA: old, Next: b, Leaf: leaf(b, 31*day), Bundles: both(old, b)}, short, ""},
		{"it has signed, and the certificate is gone", observed{CA: old, Next: b, Bundles: both(old, b)}, short, ""},
		// … and when all Pods serve its certificate, the old one goes.
		{"a CA has been of no use, not for long", observed{CA: b, Leaf: leaf(b, 0), Bundles: both(old, b)}, short, ""},
		{"a CA has been of no use for long", observed{CA: b, Leaf: leaf(b, 0), Bundles: both(old, b)}, long, "publish 0: b, publish 1: b"},
		{"a CA in one webhook has been of no use for long", observed{CA: b, Leaf: leaf(b, 0), Bundles: [][]rotation.CA{bundle(b), bundle(b, old)}}, long, "publish 1: b"},
		{"one that has expired", observed{CA: b, Leaf: leaf(b, 0), Bundles: both(dead, b)}, long, "publish 0: b, publish 1: b"},
		{"one of no use, while there is no certificate", observed{CA: a, Bundles: both(c, a)}, 10 * long, "renew"},
		{"one of no use, while the certificate has expired", observed{CA: a, Leaf: leaf(a, 31*day), Bundles: both(c, a)}, 10 * long, "renew"},

		// An earlier version kept the CA where Pods mount it: it moves first, and at once.
		{"the CA is where Pods mount it", observed{CA: a, Leaf: leaf(a, day), Bundles: both(a), Unmoved: true}, 0, "move"},
		{"the CA is where Pods mount it, and old", observed{CA: old, Leaf: leaf(old, day), Bundles: both(old), Unmoved: true}, long, "move"},
		{"the next CA is where Pods mount it, and may sign", observed{CA: old, Next: b, Leaf: leaf(old, day), Bundles: both(old, b), Unmoved: true}, long, "move"},
		{"the next CA is where Pods mount it, and not published", observed{CA: old, Next: b, Leaf: leaf(old, day), Bundles: both(old), Unmoved: true}, 0, "publish 0: old b, publish 1: old b, move"},
		{"the CA has moved", observed{CA: a, Leaf: leaf(a, day), Bundles: both(a), Strays: true}, 0, "strip"},
		{"the CA has moved, and is old", observed{CA: old, Leaf: leaf(old, day), Bundles: both(old), Strays: true}, long, "introduce"},
		{"the CA has moved, and the next CA waits", observed{CA: old, Next: b, Leaf: leaf(old, day), Bundles: both(old, b), Strays: true}, short, "strip"},
		{"there is a next CA that is of no use", observed{CA: a, Leaf: leaf(a, day), Bundles: both(a), Useless: true}, 0, "discard"},
		{"there is a next CA that is of no use, and the CA is old", observed{CA: old, Leaf: leaf(old, day), Bundles: both(old), Useless: true}, 0, "introduce"},

		// caBundles are completed whatever else goes on.
		{"a caBundle is gone in a rotation", observed{CA: old, Next: b, Leaf: leaf(old, day), Bundles: [][]rotation.CA{bundle(), bundle(old, b)}}, long, "publish 0: old b"},
		{"a caBundle lacks a CA while another is of no use", observed{CA: b, Leaf: leaf(b, 0), Bundles: [][]rotation.CA{bundle(old), bundle(old, b)}}, long, "publish 0: b, publish 1: b"},
		{"a caBundle lacks a CA that has expired", observed{CA: a, Leaf: leaf(dead, 90*day), Bundles: both(a)}, long, "renew"},
		{"the CA of tomorrow", observed{CA: tomorrow, Leaf: leaf(tomorrow, 0), Bundles: both()}, 0, "publish 0: tomorrow, publish 1: tomorrow, introduce"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := describe(rotation.Plan(now, &test.given, seenFor(test.seen, &test.given), settings))
			if got != test.want {
				t.Errorf("after %s: %q, want %q", test.seen, got, test.want)
			}
		})
	}
}

// What is waited for is said wherever a plan is empty and all is not as it should be.
func TestWaiting(t *testing.T) {
	a, b, old, dead := ca("a", 10*day), ca("b", 0), ca("old", 70*day), ca("dead", 100*day)
	const (
		next   = "the next CA signs once it has been in every caBundle for 5m0s"
		signs  = "there is no serving certificate that is of use; the CA signs one once it has been in every caBundle for 5m0s"
		leaves = "a CA leaves the caBundles once it has been of no use for 5m0s"
	)
	tests := []struct {
		name  string
		given rotation.Observed
		want  string
	}{
		{"all is as it should be", rotation.Observed{CA: a, Leaf: leaf(a, day), Bundles: [][]rotation.CA{bundle(a), bundle(a)}}, ""},
		{"beside a next CA that has expired", rotation.Observed{CA: a, Next: dead, Leaf: leaf(a, day), Bundles: [][]rotation.CA{bundle(a)}}, ""},
		{"there is a next CA", rotation.Observed{CA: old, Next: b, Leaf: leaf(old, day), Bundles: [][]rotation.CA{bundle(old, b)}}, next},
		{"there is only a next CA", rotation.Observed{Next: b, Bundles: [][]rotation.CA{bundle(old, b)}}, next},
		{"there is no certificate", rotation.Observed{CA: b, Bundles: [][]rotation.CA{bundle(a, b)}}, signs},
		{"the certificate is another CA's", rotation.Observed{CA: b, Leaf: leaf(a, day), Bundles: [][]rotation.CA{bundle(a, b)}}, signs},
		{"the certificate has expired", rotation.Observed{CA: b, Leaf: leaf(b, 31*day), Bundles: [][]rotation.CA{bundle(a, b)}}, signs},
		{"the CA's key is lost", rotation.Observed{Leaf: leaf(a, day), Bundles: [][]rotation.CA{bundle(a)}}, signs},
		{"an old CA is trusted on", rotation.Observed{CA: b, Leaf: leaf(b, 0), Bundles: [][]rotation.CA{bundle(b), bundle(old, b)}}, leaves},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := rotation.Waiting(now, &test.given, settings); got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}

// Each action says in a log what it does.
func TestActionsSayWhatTheyDo(t *testing.T) {
	for action, want := range map[rotation.Action]string{
		rotation.Move{}:      "copy the CA into a Secret of its own, which no Pod mounts",
		rotation.Fill{}:      "issue a CA: there is none, and no caBundle trusts another",
		rotation.Introduce{}: "issue the next CA",
		rotation.Retire{}:    "replace the CA by the next one, which has signed the serving certificate",
		rotation.Discard{}:   "remove the next CA, which is of no use",
		rotation.Strip{}:     "remove the CA's private key from the Secret that Pods mount",
		rotation.Promote{}:   "sign the serving certificate with the next CA, which is trusted everywhere",
		rotation.Renew{}:     "renew the serving certificate",
	} {
		if got := action.String(); got != want {
			t.Errorf("%T says %q, want %q", action, got, want)
		}
	}
	if got, want := (rotation.Publish{Webhook: 1}).String(), "set the caBundle"; got != want {
		t.Errorf("Publish says %q, want %q", got, want)
	}
}

func TestValidity(t *testing.T) {
	ours := validity(0, 30*day)
	if got, want := ours.RenewAt(), now.Add(20*day); !got.Equal(want) {
		t.Errorf("renewed at %s, want %s", got, want)
	}
	if got, want := ours.ExpiringAt(), now.Add(21*day); !got.Equal(want) {
		t.Errorf("expiring at %s, want %s", got, want)
	}
	// One that is valid for less than it would be backdated is not ours: all of it is its life.
	short := rotation.Validity{NotBefore: now, NotAfter: now.Add(30 * time.Minute)}
	if got, want := short.RenewAt(), now.Add(20*time.Minute); !got.Equal(want) {
		t.Errorf("a short one is renewed at %s, want %s", got, want)
	}
	for at, want := range map[time.Time]struct{ holds, ended bool }{
		ours.NotBefore.Add(-1): {false, false},
		ours.NotBefore:         {true, false},
		ours.NotAfter:          {true, false},
		ours.NotAfter.Add(1):   {false, true},
	} {
		if holds, ended := ours.Holds(at), ours.Ended(at); holds != want.holds || ended != want.ended {
			t.Errorf("at %s it holds: %t, has ended: %t; want %t and %t", at, holds, ended, want.holds, want.ended)
		}
	}
}
