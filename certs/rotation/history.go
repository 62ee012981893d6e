package rotation

import (
	"slices"
	"time"
)

// History remembers for how long an issuer has seen each authority in the caBundles. It lives as long as the
// process. It measures by a clock that only runs forward, such as the time since the process began: no step of the
// wall clock shortens a wait.
type History struct {
	last            time.Duration
	trusted, unused map[ID]time.Duration
	// secret and bundles are the versions of the last look.
	secret  string
	bundles []string
}

// Note adds an observation that was made between two times since the process began. Each wait is measured short
// by the time that the observation took. After a gap longer than the propagation bound, or a write, an authority
// may have been absent in between, and counts from now.
func (h *History) Note(now time.Time, from, to time.Duration, o *Observed, s Settings) {
	if to-h.last > s.Propagation {
		*h = History{}
	}
	if o.SecretVersion != h.secret {
		h.unused = nil
	}
	if !slices.Equal(o.BundleVersions, h.bundles) {
		h.trusted = nil
	}
	h.last, h.secret, h.bundles = from, o.SecretVersion, o.BundleVersions

	trusted, unused := map[ID]time.Duration{}, map[ID]time.Duration{}
	needed := o.needed()
	served := o.Leaf != nil && o.Leaf.Holds(now)
	for _, bundle := range o.Bundles {
		for _, ca := range bundle {
			if o.trusted(ca.ID) {
				trusted[ca.ID] = since(h.trusted, ca.ID, to)
			}
			// Without a valid certificate in the Secret, Pods go on serving an earlier one.
			if served && !holds(needed, ca.ID) {
				unused[ca.ID] = since(h.unused, ca.ID, to)
			}
		}
	}
	h.trusted, h.unused = trusted, unused
}

func since(seen map[ID]time.Duration, id ID, at time.Duration) time.Duration {
	if first, ok := seen[id]; ok {
		return first
	}
	return at
}

// Trusted returns for how long every caBundle has been seen to hold an authority.
func (h *History) Trusted(id ID) time.Duration { return h.forHowLong(h.trusted, id) }

// Unused returns for how long an authority has been seen in some caBundle without being needed, while the Secret
// held a valid certificate of another.
func (h *History) Unused(id ID) time.Duration { return h.forHowLong(h.unused, id) }

func (h *History) forHowLong(seen map[ID]time.Duration, id ID) time.Duration {
	first, ok := seen[id]
	if !ok {
		return 0
	}
	return max(0, h.last-first)
}
