package rotation

import (
	"slices"
	"strconv"
	"time"
)

// The model is the issuer's world, with Plan in its middle: the serving Secret, the CA's Secret, two webhooks in
// configurations of their own, API servers that may see each caBundle late, serving Pods that may see the
// Secret late, and issuers, each of which remembers what it saw and may be about to write.
//
// Time runs in ticks of an hour. Nobody sees anything later than the propagation bound. In every tick
// each issuer looks, and does what it has planned, in any order; everything else is a fault, of
// which there may be several before all has come to rest.
const (
	tick        = time.Hour
	propagation = 1
	leafLife    = 12
	caLife      = 12
)

var (
	settings = Settings{CALifetime: caLife * tick, LeafLifetime: leafLife * tick, Propagation: propagation * tick}
	epoch    = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
)

// authority is a CA; its number is its ID. No CA has the number 0.
type authority struct{ id, start, end int }

// certificate is a serving certificate; without issuer there is none.
type certificate struct {
	issuer     authority
	start, end int
	// planted is what a human put into the Secret with a CA of his own: nothing keeps Pods
	// from serving it before anybody trusts it.
	planted bool
}

func validity(start, end int) Validity {
	return Validity{epoch.Add(time.Duration(start)*tick - Backdating), epoch.Add(time.Duration(end) * tick)}
}

func (a authority) name() ID { return ID(strconv.Itoa(a.id)) }

func (a authority) ca() *CA {
	if a.id == 0 {
		return nil
	}
	return &CA{a.name(), validity(a.start, a.end)}
}

// pair is a version of the CA's Secret. Only issuers read it.
type pair struct {
	ca, next authority
	// until is when the next version came.
	until   int
	version int
}

// secret is a version of the serving Secret.
type secret struct {
	// ca and next are where earlier versions kept them.
	ca, next authority
	leaf     certificate
	// served are the certificates that a Pod which has this version may serve: this one's, or what
	// it had before.
	served []certificate
	// until is when the next version came.
	until   int
	version int
}

// bundle is a version of a caBundle.
type bundle struct {
	cas []authority
	// bare means that a human made it so: the configuration is new.
	bare    bool
	until   int
	version int
}

// intent is a write that an issuer has planned upon a version that is still the newest.
type intent struct {
	action Action
	// cas are what a Publish or a Move is to write, or the CA that is to sign.
	cas []authority
}

type issuer struct {
	history History
	// last is when it last observed.
	last    int
	intents []intent
	// away is for how many ticks more it does nothing: its machine is suspended, or the API
	// server is not reached.
	away int
	// skewed means that its clock is not the API server's.
	skewed bool
}

// world is a state of the model. Old versions are those that somebody may still see.
type world struct {
	// elapsed runs steadily; wall is what clocks show.
	elapsed, wall int
	lastID        int

	secret     secret
	oldSecrets []secret
	pair       pair
	oldPairs   []pair
	bundles    [2]bundle
	oldBundles [2][]bundle
	issuers    []issuer

	// faults is how much may go wrong before all is at rest.
	faults int
}

func (w *world) now() time.Time { return epoch.Add(time.Duration(w.wall) * tick) }

// clone copies what a step may change.
func (w *world) clone() *world {
	c := *w
	c.oldSecrets = slices.Clone(w.oldSecrets)
	c.oldPairs = slices.Clone(w.oldPairs)
	for i := range c.oldBundles {
		c.oldBundles[i] = slices.Clone(w.oldBundles[i])
	}
	c.issuers = slices.Clone(w.issuers)
	for i := range c.issuers {
		c.issuers[i].intents = slices.Clone(c.issuers[i].intents)
	}
	return &c
}

// forget drops the versions that nobody can see any more.
func (w *world) forget() {
	w.oldSecrets = slices.DeleteFunc(w.oldSecrets, func(s secret) bool { return s.until <= w.elapsed-propagation })
	w.oldPairs = slices.DeleteFunc(w.oldPairs, func(p pair) bool { return w.faults == 0 || p.until <= w.elapsed-propagation })
	for i := range w.oldBundles {
		w.oldBundles[i] = slices.DeleteFunc(w.oldBundles[i], func(b bundle) bool { return b.until <= w.elapsed-propagation })
	}
}

// write makes a new version of the serving Secret. Whoever was about to write the old one has a conflict.
func (w *world) write(s secret) {
	s.served = nil
	takes := s.leaf.issuer.id != 0
	if takes {
		s.served = append(s.served, s.leaf)
	}
	if !takes || !validity(s.leaf.start, s.leaf.end).Holds(w.now()) {
		for _, leaf := range w.served() {
			if !slices.Contains(s.served, leaf) {
				s.served = append(s.served, leaf)
			}
		}
	}
	old := w.secret
	old.until = w.elapsed
	s.version = old.version + 1
	w.oldSecrets = append(w.oldSecrets, old)
	w.secret = s
	w.conflict(servingSecret)
}

// keep makes a new version of the CA's Secret.
func (w *world) keep(p pair) {
	old := w.pair
	old.until = w.elapsed
	p.version = old.version + 1
	w.oldPairs = append(w.oldPairs, old)
	w.pair = p
	w.conflict(caSecret)
}

// publish makes a new version of a caBundle.
func (w *world) publish(webhook int, b bundle) {
	old := w.bundles[webhook]
	old.until = w.elapsed
	b.version = old.version + 1
	w.oldBundles[webhook] = append(w.oldBundles[webhook], old)
	w.bundles[webhook] = b
	w.conflict(webhook)
}

// The objects that are written: the webhooks' configurations by their index, and the two Secrets.
const (
	servingSecret = 2 + iota
	caSecret
	objects
)

// conflict fails all writes that are planned upon an older version of an object.
func (w *world) conflict(object int) {
	for i := range w.issuers {
		w.issuers[i].intents = slices.DeleteFunc(w.issuers[i].intents, func(planned intent) bool { return planned.object() == object })
	}
}

func (i intent) object() int {
	switch action := i.action.(type) {
	case Publish:
		return action.Webhook
	case Promote, Renew, Strip:
		return servingSecret
	default:
		return caSecret
	}
}

// newCA returns a CA that nobody has seen before.
func (w *world) newCA() authority {
	w.lastID++
	return authority{w.lastID, w.wall, w.wall + caLife}
}

func (w *world) sign(by authority) certificate {
	end := LeafEnd(w.now(), *by.ca(), settings)
	return certificate{issuer: by, start: w.wall, end: int(end.Sub(epoch) / tick)}
}

// planner is what is tried.
type planner func(time.Time, *Observed, *History, Settings) []Action

// seen is what an issuer reads, and which objects of it are old by the time that it has read the last.
type seen struct {
	secret  secret
	pair    pair
	bundles [2]bundle
	old     [objects]bool
}

// observe lets an issuer look and plan. It reads the serving Secret, the CA's Secret and then the configurations,
// each as it is in that moment; so what it sees may be old when it has read the last.
func (w *world) observe(i int, plan planner) []*world {
	if w.issuers[i].away > 0 || w.issuers[i].skewed { // CheckClocks keeps it from doing anything
		return nil
	}
	fresh := seen{secret: w.secret, pair: w.pair, bundles: w.bundles}
	c := w.clone()
	c.look(i, plan, &fresh)
	worlds := []*world{c}
	if w.faults > 0 {
		for _, stale := range w.stale(fresh) {
			c := w.clone()
			c.faults--
			c.look(i, plan, &stale)
			worlds = append(worlds, c)
		}
	}
	return worlds
}

// stale returns what an issuer may read where one of the Secrets, or both, or both and the first configuration are
// written while it reads.
func (w *world) stale(fresh seen) []seen {
	oldSecret, oldPair, both := fresh, fresh, fresh
	var all []seen
	if n := len(w.oldSecrets); n > 0 {
		oldSecret.secret, oldSecret.old[servingSecret] = w.oldSecrets[n-1], true
		both = oldSecret
		all = append(all, oldSecret)
	}
	if n := len(w.oldPairs); n > 0 {
		oldPair.pair, oldPair.old[caSecret] = w.oldPairs[n-1], true
		both.pair, both.old[caSecret] = oldPair.pair, true
		all = append(all, oldPair)
		if both.old[servingSecret] {
			all = append(all, both)
		}
	}
	if n := len(w.oldBundles[0]); n > 0 && len(all) > 0 {
		both.bundles[0], both.old[0] = w.oldBundles[0][n-1], true
		all = append(all, both)
	}
	return all
}

// look plans upon what is seen; writes upon what is old are lost to conflicts.
func (w *world) look(i int, plan planner, seen *seen) {
	known := map[ID]authority{}
	ca, next := seen.pair.ca, seen.pair.next
	strays := seen.secret.ca.id != 0 || seen.secret.next.id != 0
	unmoved := strays && ca.id == 0 && next.id == 0
	if unmoved {
		ca, next, strays = seen.secret.ca, seen.secret.next, false
	}
	observed := &Observed{CA: ca.ca(), Next: next.ca(), Unmoved: unmoved, Strays: strays, SecretVersion: strconv.Itoa(seen.secret.version)}
	known[ca.name()], known[next.name()] = ca, next
	if leaf := seen.secret.leaf; leaf.issuer.id != 0 {
		observed.Leaf = &Leaf{Issuer: *leaf.issuer.ca(), LeafOnly: true, Validity: validity(leaf.start, leaf.end)}
		known[observed.Leaf.Issuer.ID] = leaf.issuer
	}
	for _, b := range seen.bundles {
		var cas []CA
		for _, a := range b.cas {
			cas = append(cas, *a.ca())
			known[a.name()] = a
		}
		observed.Bundles = append(observed.Bundles, cas)
		observed.BundleVersions = append(observed.BundleVersions, strconv.Itoa(b.version))
	}

	me := &w.issuers[i]
	me.last = w.elapsed
	at := time.Duration(w.elapsed) * tick
	me.history.Note(w.now(), at, at, observed, settings)
	me.intents = nil
	for _, action := range plan(w.now(), observed, &me.history, settings) {
		planned := intent{action: action}
		switch action := action.(type) {
		case Publish:
			for _, id := range action.CAs {
				planned.cas = append(planned.cas, known[id])
			}
		case Move:
			planned.cas = []authority{ca, next}
		case Promote:
			planned.cas = []authority{next}
		case Renew:
			planned.cas = []authority{ca}
		}
		if !seen.old[planned.object()] {
			me.intents = append(me.intents, planned)
		}
	}
}

// apply lets an issuer do one of the writes that it has planned.
func (w *world) apply(i, n int) *world {
	c := w.clone()
	planned := c.issuers[i].intents[n]
	c.issuers[i].intents = slices.Delete(c.issuers[i].intents, n, n+1)
	switch action := planned.action.(type) {
	case Publish:
		c.publish(action.Webhook, bundle{cas: planned.cas, bare: c.bundles[action.Webhook].bare && !c.trusts(planned.cas)})
		return c
	case Move:
		c.keep(pair{ca: planned.cas[0], next: planned.cas[1]})
	case Fill:
		c.keep(pair{ca: c.newCA()})
	case Introduce:
		c.keep(pair{ca: c.pair.ca, next: c.newCA()})
	case Retire:
		c.keep(pair{ca: c.pair.next})
	case Discard:
		c.keep(pair{ca: c.pair.ca})
	case Promote, Renew:
		c.beginAnew(planned.cas[0])
		c.write(secret{leaf: c.sign(planned.cas[0])})
	case Strip:
		c.write(secret{leaf: c.secret.leaf})
	}
	c.excuse()
	return c
}

// steps returns all that may come next.
func (w *world) steps(plan planner) []*world {
	var next []*world
	fault := func(change func(*world)) {
		if w.faults > 0 {
			c := w.clone()
			c.faults--
			change(c)
			next = append(next, c)
		}
	}

	if w.tickIsOver() {
		next = append(next, w.tick())
	} else {
		fault(func(c *world) { *c = *c.tick() }) // with somebody late
	}
	for i := range w.issuers {
		next = append(next, w.observe(i, plan)...)
		for n := range w.issuers[i].intents {
			next = append(next, w.apply(i, n))
			fault(func(c *world) { c.issuers[i].intents = slices.Delete(c.issuers[i].intents, n, n+1) })
		}
		fault(func(c *world) { c.issuers[i] = issuer{last: -1} })
		fault(func(c *world) { c.issuers[i].skewed = true })
		for _, ticks := range []int{propagation + 1, caLife + 1} {
			fault(func(c *world) { c.issuers[i].away = ticks })
		}
		if w.issuers[i].skewed {
			c := w.clone()
			c.issuers[i].skewed = false
			next = append(next, c)
		}
	}
	// All clocks at once are set, by hours, between two writes at the least: what is planned by one
	// clock and done by another is a matter of milliseconds.
	if !slices.ContainsFunc(w.issuers, func(i issuer) bool { return len(i.intents) > 0 }) {
		for _, step := range []int{-3, leafLife / 2, 2 * caLife} {
			fault(func(c *world) { c.wall += step })
		}
	}
	for _, human := range humans {
		fault(func(c *world) {
			human.does(c)
			c.excuse()
		})
	}
	for _, c := range next {
		c.forget()
	}
	return next
}

// tickIsOver reports whether every issuer has done what it does in a tick.
func (w *world) tickIsOver() bool {
	for _, i := range w.issuers {
		if i.away == 0 && !i.skewed && (i.last < w.elapsed || len(i.intents) > 0) {
			return false
		}
	}
	return true
}

func (w *world) tick() *world {
	c := w.clone()
	c.elapsed++
	c.wall++
	for i := range c.issuers {
		c.issuers[i].away = max(0, c.issuers[i].away-1)
	}
	// A certificate that has been valid for a tick is taken by every Pod that sees it.
	take := func(s *secret) {
		if v := validity(s.leaf.start, s.leaf.end); s.leaf.issuer.id != 0 && v.Holds(w.now()) && v.Holds(c.now()) {
			s.served = []certificate{s.leaf}
		}
	}
	take(&c.secret)
	for i := range c.oldSecrets {
		take(&c.oldSecrets[i])
	}
	return c
}

// humans are what people do to the Secrets and the configurations.
var humans = []struct {
	name string
	does func(*world)
}{
	{"empties the serving Secret", func(w *world) { w.write(secret{}) }},
	{"empties the CA's Secret", func(w *world) { w.keep(pair{}) }},
	{"takes the CA's key", func(w *world) { w.keep(pair{next: w.pair.next}) }},
	{"takes the next CA", func(w *world) { w.keep(pair{ca: w.pair.ca}) }},
	{"takes the certificate", func(w *world) { s := w.secret; s.leaf = certificate{}; w.write(s) }},
	{"plants a CA", func(w *world) { w.keep(pair{ca: w.newCA(), next: w.pair.next}) }},
	{"plants a CA and a certificate, as earlier versions kept them", func(w *world) {
		ca := w.newCA()
		leaf := w.sign(ca)
		leaf.planted = true
		w.write(secret{ca: ca, leaf: leaf})
	}},
	{"makes a configuration anew", func(w *world) { w.publish(0, bundle{bare: true}) }},
	{"adds a CA to a caBundle", func(w *world) {
		w.publish(1, bundle{cas: append(slices.Clone(w.bundles[1].cas), w.newCA()), bare: w.bundles[1].bare})
	}},
}
