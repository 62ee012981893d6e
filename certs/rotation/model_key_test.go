package rotation

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// key tells states apart, but not those that differ only in the names of CAs and in when all of it
// happens.
func (w *world) key() []byte {
	names := map[int]int{0: 0}
	key := make([]byte, 0, 256)
	number := func(n int) { key = binary.AppendVarint(key, int64(n)) }
	ca := func(a authority) {
		name, ok := names[a.id]
		if !ok {
			name = len(names)
			names[a.id] = name
		}
		number(name)
		if !ok { // the first time only: a CA does not change
			number(max(a.end-w.wall, -8)) // long gone: no step of the clocks brings it back
			number(max(a.start-w.wall, -caLife-8))
		}
	}
	leaf := func(c certificate) {
		ca(c.issuer)
		number(max(c.end-w.wall, -8))
		number(max(c.start-w.wall, -leafLife-8))
		number(bit(c.planted))
	}
	version := func(s secret) {
		ca(s.ca)
		ca(s.next)
		leaf(s.leaf)
		number(len(s.served))
		for _, served := range s.served {
			leaf(served)
		}
	}
	caBundle := func(b bundle) {
		number(len(b.cas))
		for _, a := range b.cas {
			ca(a)
		}
		number(bit(b.bare))
	}
	seen := func(i *issuer, since map[ID]time.Duration) {
		start := len(key)
		for name := range len(names) + 1 {
			for id, as := range names {
				if as != name {
					continue
				}
				if first, ok := since[authority{id: id}.name()]; ok {
					number(name)
					number(min(int((i.history.last-first)/tick), propagation))
				}
			}
		}
		number(len(key) - start)
	}

	ca(w.pair.ca)
	ca(w.pair.next)
	for _, p := range w.oldPairs {
		ca(p.ca)
		ca(p.next)
		number(w.elapsed - p.until)
	}
	number(-1)
	version(w.secret)
	for _, s := range w.oldSecrets {
		version(s)
		number(w.elapsed - s.until)
	}
	number(-1)
	for i := range w.bundles {
		caBundle(w.bundles[i])
		for _, b := range w.oldBundles[i] {
			caBundle(b)
			number(w.elapsed - b.until)
		}
		number(-1)
	}
	for n := range w.issuers {
		i := &w.issuers[n]
		number(min(w.elapsed-i.last, propagation+1))
		seen(i, i.history.trusted)
		seen(i, i.history.unused)
		if len(i.history.unused) > 0 { // else the version does not matter
			number(behind(i.history.secret, w.secret.version))
		}
		if len(i.history.trusted) > 0 {
			number(max(behind(i.history.bundles[0], w.bundles[0].version), behind(i.history.bundles[1], w.bundles[1].version)))
		}
		number(bit(i.skewed))
		number(i.away)
		for _, planned := range i.intents {
			key = fmt.Appendf(key, "%T", planned.action)
			number(planned.object())
			caBundle(bundle{cas: planned.cas})
		}
		number(-1)
	}
	number(w.faults)
	return key
}

func (w *world) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "elapsed %d wall %d CA's Secret {ca %v next %v} serving Secret {ca %v next %v leaf %v} bundles %v %v",
		w.elapsed, w.wall, w.pair.ca, w.pair.next, w.secret.ca, w.secret.next, w.secret.leaf, w.bundles[0].cas, w.bundles[1].cas)
	for _, i := range w.issuers {
		fmt.Fprintf(&b, " issuer{intends %v skewed %v trusted %v unused %v}", i.intents, i.skewed, i.history.trusted, i.history.unused)
	}
	return b.String()
}

// behind is by how many versions another is newer. A stale read shows the one before the newest.
func behind(seen string, newest int) int {
	version, _ := strconv.Atoi(seen)
	return min(newest-version, 2)
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}
