package rotation

import (
	"fmt"
	"slices"
)

// unsafe says which certificate a Pod may be serving, to which API server that does not trust it.
func (w *world) unsafe() string {
	for _, leaf := range w.served() {
		if leaf.planted || !validity(leaf.start, leaf.end).Holds(w.now()) {
			continue
		}
		for i := range w.bundles {
			for _, seen := range append(slices.Clone(w.oldBundles[i]), w.bundles[i]) {
				if !seen.bare && !slices.Contains(seen.cas, leaf.issuer) {
					return fmt.Sprintf("a Pod may serve a certificate of CA %d, and webhook %d may be called with CAs %v", leaf.issuer.id, i, seen.cas)
				}
			}
		}
	}
	return ""
}

// beginAnew excuses each version of a caBundle by which no certificate is trusted that a Pod may be
// serving: whoever sees it has nothing to lose by what is signed now.
func (w *world) beginAnew(signs authority) {
	excused := func(b bundle) bool {
		return b.bare || !slices.Contains(b.cas, signs) && !w.trusts(b.cas)
	}
	for i := range w.bundles {
		w.bundles[i].bare = excused(w.bundles[i])
		for n, old := range w.oldBundles[i] {
			w.oldBundles[i][n].bare = excused(old)
		}
	}
}

// trusts reports whether by some CAs a certificate is trusted that a Pod may be serving.
func (w *world) trusts(cas []authority) bool {
	return slices.ContainsFunc(w.served(), func(leaf certificate) bool {
		return slices.Contains(cas, leaf.issuer) && !validity(leaf.start, leaf.end).Ended(w.now())
	})
}

// served are the certificates that some Pod may be serving.
func (w *world) served() []certificate {
	served := slices.Clone(w.secret.served)
	for _, version := range w.oldSecrets {
		served = append(served, version.served...)
	}
	return served
}

// excuse forgets the certificates whose CA is neither in a caBundle that a human has made anew nor, any
// longer, in a Secret, from which it could be put there.
func (w *world) excuse() {
	lost := func(c certificate) bool {
		known := slices.Contains([]authority{w.pair.ca, w.pair.next, w.secret.ca, w.secret.next, w.secret.leaf.issuer}, c.issuer)
		return !known && slices.ContainsFunc(w.bundles[:], func(b bundle) bool { return b.bare && !slices.Contains(b.cas, c.issuer) })
	}
	w.secret.served = slices.DeleteFunc(slices.Clone(w.secret.served), lost)
	for i := range w.oldSecrets {
		w.oldSecrets[i].served = slices.DeleteFunc(slices.Clone(w.oldSecrets[i].served), lost)
	}
}

// settled reports whether all is as it is when nothing is going on.
func (w *world) settled() bool {
	leaf := w.secret.leaf
	if w.pair.next.id != 0 || leaf.issuer.id == 0 || leaf.issuer != w.pair.ca || !validity(leaf.start, leaf.end).Holds(w.now()) {
		return false
	}
	if w.secret.ca.id != 0 || w.secret.next.id != 0 {
		return false
	}
	for _, b := range w.bundles {
		if len(b.cas) != 1 || b.cas[0] != w.pair.ca {
			return false
		}
	}
	return true
}
