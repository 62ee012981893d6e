package rotation

import (
	"crypto/sha256"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// search visits every state that can be reached.
type search struct {
	plan   planner
	faults int
	// rests are states from which the issuers, left alone, are known to come to rest.
	rests map[state]bool
	// starts are the states at the beginning.
	starts []*world
	// visits are how each state was reached: by which step of which other; or, from none, which start it is.
	visits []visit
}

type visit struct {
	from int32
	step int16
}

// state is a hash of a state's key: there are too many to keep the keys.
type state [16]byte

func hash(w *world) state {
	sum := sha256.Sum256(w.key())
	return state(sum[:16])
}

// steps are a state's next ones. When all is at rest, as much may go wrong again.
func (s *search) steps(w *world) []*world {
	next := w.steps(s.plan)
	for _, n := range next {
		if n.settled() && n.quiet() {
			n.faults = s.faults
		}
	}
	return next
}

// from returns what is wrong with a state that can be reached, and the way that leads there; empty if
// nothing is.
func (s *search) from(starts ...*world) string {
	s.starts, s.rests = starts, map[state]bool{}
	seen := map[state]bool{}
	for n, start := range starts {
		seen[hash(start)] = true
		s.visits = append(s.visits, visit{-1, int16(n)})
	}
	ahead := slices.Clone(starts)
	for n := 0; len(ahead) > 0; n++ {
		w := ahead[0]
		ahead[0], ahead = nil, ahead[1:]
		problem := w.unsafe()
		if leaf := w.secret.leaf; problem == "" && s.faults == 0 && leaf.issuer.id != 0 && !validity(leaf.start, leaf.end).Holds(w.now()) {
			problem = "a certificate expired, and nothing had gone wrong"
		}
		if w.lost(s.faults) {
			problem = "no Secret holds the CA of the serving certificate"
		}
		if problem == "" {
			problem = s.converges(w)
		}
		if problem != "" {
			return problem + s.way(n)
		}
		for step, next := range s.steps(w) {
			if h := hash(next); !seen[h] {
				seen[h] = true
				s.visits = append(s.visits, visit{int32(n), int16(step)})
				ahead = append(ahead, next)
			}
		}
	}
	return ""
}

// way walks once more to a state.
func (s *search) way(n int) string {
	var steps []int16
	for ; s.visits[n].from >= 0; n = int(s.visits[n].from) {
		steps = append(steps, s.visits[n].step)
	}
	slices.Reverse(steps)
	w := s.starts[s.visits[n].step]
	way := "\n" + w.String()
	for _, step := range steps {
		w = s.steps(w)[step]
		way += "\n" + w.String()
	}
	return way
}

// lost reports whether nothing has gone wrong, and yet no Secret holds the CA of the serving certificate.
func (w *world) lost(faults int) bool {
	issuer := w.secret.leaf.issuer
	return faults == 0 && issuer.id != 0 && !slices.Contains([]authority{w.pair.ca, w.pair.next, w.secret.ca}, issuer)
}

// quiet reports whether nothing is under way that could be seen later.
func (w *world) quiet() bool {
	for _, i := range w.issuers {
		if len(i.intents) > 0 || i.skewed || i.away > 0 {
			return false
		}
	}
	return len(w.oldSecrets) == 0 && len(w.oldPairs) == 0 && len(w.oldBundles[0]) == 0 && len(w.oldBundles[1]) == 0
}

// converges lets the issuers work, with nothing more going wrong, until all is at rest.
func (s *search) converges(w *world) string {
	w = w.clone()
	w.faults = 0
	for i := range w.issuers {
		w.issuers[i].skewed = false
	}
	var way []state
	for range 2*caLife + 6*propagation {
		key := hash(w)
		if s.rests[key] {
			break
		}
		way = append(way, key)
		if w.settled() {
			break
		}
		for i := range w.issuers {
			for pass := 0; w.issuers[i].away == 0; pass++ {
				if problem := w.unsafe(); problem != "" {
					return problem + " (on the way to rest)\n" + w.String()
				}
				w = w.observe(i, s.plan)[0]
				if len(w.issuers[i].intents) == 0 {
					break
				}
				if pass == 20 {
					return fmt.Sprintf("issuer %d never stops writing: %v\n%s", i, w.issuers[i].intents, w)
				}
				for len(w.issuers[i].intents) > 0 {
					w = w.apply(i, 0)
				}
			}
		}
		w = w.tick()
		w.forget()
	}
	if !w.settled() && !s.rests[hash(w)] {
		return "does not come to rest\n" + w.String()
	}
	for _, key := range way {
		s.rests[key] = true
	}
	return ""
}

// upgraded are clusters where an earlier version has kept the CA in the serving Secret: at rest, and in a rotation.
func upgraded(issuers, faults int) []*world {
	var worlds []*world
	for _, rotates := range []bool{false, true} {
		w := begin(issuers, faults)
		ca := w.newCA()
		cas := []authority{ca}
		w.secret = secret{ca: ca, leaf: w.sign(ca)}
		w.secret.served = []certificate{w.secret.leaf}
		if rotates {
			w.secret.next = w.newCA()
			cas = append(cas, w.secret.next)
		}
		for i := range w.bundles {
			w.bundles[i] = bundle{cas: cas}
		}
		worlds = append(worlds, w)
	}
	return worlds
}

// starts are the states at the beginning: just installed, and just upgraded.
func starts(issuers, faults int) []*world {
	return append([]*world{begin(issuers, faults)}, upgraded(issuers, faults)...)
}

// begin is a cluster where Userscope has just been installed.
func begin(issuers, faults int) *world {
	start := &world{faults: faults, issuers: make([]issuer, issuers), bundles: [2]bundle{{bare: true}, {bare: true}}}
	for i := range start.issuers {
		start.issuers[i].last = -1
	}
	return start
}

// TestModel visits every state that can be reached and asks two things of it: that every certificate that
// a Pod may be serving is trusted by every caBundle that an API server may see, and that all comes
// to rest when nothing more goes wrong. Where nothing goes wrong at all, no certificate may expire.
func TestModel(t *testing.T) {
	if err := settings.Validate(); err != nil {
		t.Fatal(err)
	}
	for _, size := range sizes() {
		t.Run(fmt.Sprintf("issuers=%d,faults=%d", size.issuers, size.faults), func(t *testing.T) {
			s := search{plan: Plan, faults: size.faults}
			problem := s.from(starts(size.issuers, size.faults)...)
			t.Logf("%d states", len(s.visits))
			if problem != "" {
				t.Error(problem)
			}
		})
	}
}

// size is how much of the world is searched: between two rests, that many faults may happen.
type size struct{ issuers, faults int }

// longVariable asks for the search that takes an hour.
const longVariable = "USERSCOPE_MODEL_LONG"

func sizes() []size {
	switch {
	case os.Getenv(longVariable) != "":
		return []size{{1, 2}, {2, 1}}
	case testing.Short():
		return []size{{1, 0}, {2, 0}}
	}
	return []size{{1, 0}, {2, 0}, {1, 1}}
}

// TestModelFindsBadPlanners shows that the search sees what it is for.
func TestModelFindsBadPlanners(t *testing.T) {
	hasty := settings
	hasty.Propagation = 0
	onlySecret := func(actions []Action) []Action {
		return slices.DeleteFunc(actions, func(a Action) bool { _, publishes := a.(Publish); return publishes })
	}
	onlyBundles := func(actions []Action) []Action {
		return slices.DeleteFunc(actions, func(a Action) bool { _, publishes := a.(Publish); return !publishes })
	}
	for _, test := range []struct {
		name string
		plan planner
		want string
	}{
		{"signs before all trust it", func(now time.Time, o *Observed, h *History, s Settings) []Action {
			return append(onlyBundles(Plan(now, o, h, s)), onlySecret(Plan(now, o, h, hasty))...)
		}, "a Pod may serve a certificate of CA 2, and webhook 0 may be called with CAs [{1 "},
		{"takes trust away before all serve another", func(now time.Time, o *Observed, h *History, s Settings) []Action {
			return append(onlyBundles(Plan(now, o, h, hasty)), onlySecret(Plan(now, o, h, s))...)
		}, "a Pod may serve a certificate of CA 1, and webhook 0 may be called with CAs [{2 "},
		{"swaps", func(now time.Time, o *Observed, h *History, _ Settings) []Action {
			if o.CA != nil && !now.Before(o.CA.RenewAt()) {
				return []Action{Fill{}}
			}
			return Plan(now, o, h, hasty)
		}, "no Secret holds the CA of the serving certificate"},
		{"does nothing", func(time.Time, *Observed, *History, Settings) []Action { return nil }, "does not come to rest"},
		{"renews nothing", func(now time.Time, o *Observed, h *History, s Settings) []Action {
			return slices.DeleteFunc(Plan(now, o, h, s), func(a Action) bool {
				return o.Leaf != nil && a == (Renew{}) || a == (Introduce{}) || a == (Promote{})
			})
		}, "a certificate expired, and nothing had gone wrong"},
		{"strips before it moves", func(now time.Time, o *Observed, h *History, s Settings) []Action {
			if o.Unmoved {
				return []Action{Strip{}}
			}
			return Plan(now, o, h, s)
		}, "no Secret holds the CA of the serving certificate"},
		{"publishes again and again", func(now time.Time, o *Observed, h *History, s Settings) []Action {
			var ids []ID
			for _, ca := range o.Bundles[0] {
				ids = append(ids, ca.ID)
			}
			return append(Plan(now, o, h, s), Publish{Webhook: 0, CAs: ids})
		}, "never stops writing"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := search{plan: test.plan}
			problem := s.from(starts(1, 0)[:2]...) // none of them in a rotation
			if problem, _, _ = strings.Cut(problem, "\n"); !strings.Contains(problem, test.want) {
				t.Errorf("found %q, want %q", problem, test.want)
			}
		})
	}
}
