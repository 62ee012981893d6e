package rotation

import (
	"fmt"
	"slices"
	"time"
)

// Action is one write. Its String says for a log what it does and why.
type Action interface{ String() string }

// The writes to the CA's Secret.
type (
	// Move copies the CAs of the serving Secret, where an earlier version kept them.
	Move struct{}

	// Fill puts a new CA in, while nobody is trusted yet.
	Fill struct{}

	// Introduce puts the next CA beside the one that signs.
	Introduce struct{}

	// Retire replaces the CA by the next one, which has signed the serving certificate.
	Retire struct{}

	// Discard removes a next CA that cannot sign.
	Discard struct{}
)

// The writes to the serving Secret.
type (
	// Promote lets the next CA sign a certificate.
	Promote struct{}

	// Renew lets the CA sign another certificate.
	Renew struct{}

	// Strip removes the keys that sign, once the CA's Secret holds them or needs them no more.
	Strip struct{}
)

// Publish sets the caBundle of the webhook of this index in Observed.Bundles.
type Publish struct {
	Webhook int
	CAs     []ID
}

func (Move) String() string {
	return "copy the CA into a Secret of its own, which no Pod mounts"
}
func (Fill) String() string {
	return "issue a CA: there is none, and no caBundle trusts another"
}
func (Introduce) String() string { return "issue the next CA" }
func (Retire) String() string {
	return "replace the CA by the next one, which has signed the serving certificate"
}
func (Discard) String() string { return "remove the next CA, which is of no use" }
func (Strip) String() string {
	return "remove the CA's private key from the Secret that Pods mount"
}
func (Promote) String() string {
	return "sign the serving certificate with the next CA, which is trusted everywhere"
}
func (Renew) String() string   { return "renew the serving certificate" }
func (Publish) String() string { return "set the caBundle" }

// Plan returns the writes that are due now: at most one to a Secret, and at most one to each webhook. They do not
// depend on each other, so that a failed write holds up no other.
func Plan(now time.Time, o *Observed, h *History, s Settings) []Action {
	action := nextSecretWrite(now, o, h, s)
	if action == (Fill{}) {
		return []Action{action} // Fill replaces all that could be published
	}
	actions := publish(now, o, h, s)
	if action != nil {
		actions = append(actions, action)
	}
	return actions
}

// nextSecretWrite returns the write to one of the Secrets that is due now; nil for none.
func nextSecretWrite(now time.Time, o *Observed, h *History, s Settings) Action {
	signs := o.CA != nil && o.CA.Holds(now)
	next := o.Next != nil && o.Next.Holds(now)
	switch {
	case o.Unmoved:
		return Move{}
	case o.Next != nil && o.signedBy(o.Next, now):
		return Retire{}
	case next && maySign(now, o.Next, o, h, s):
		return Promote{}
	// Whoever trusts a certificate that its CA signed directly trusts another certificate of the same CA.
	case signs && mustRenew(now, o, s) && (o.signed(now) && o.Leaf.LeafOnly || maySign(now, o.CA, o, h, s)):
		return Renew{}
	case next: // waits until it may sign
	case !signs && !o.inUse(now, ""):
		return Fill{}
	case !signs || !now.Before(o.CA.RenewAt()):
		return Introduce{}
	}
	switch {
	case o.Strays:
		return Strip{}
	case o.Useless || o.Next != nil && o.Next.Ended(now):
		return Discard{}
	}
	return nil
}

// maySign reports whether every API server trusts a CA by now. If no other CA's certificate can be in use, the CA
// need not wait.
func maySign(now time.Time, ca *CA, o *Observed, h *History, s Settings) bool {
	return h.Trusted(ca.ID) >= s.Propagation || !o.inUse(now, ca.ID)
}

// mustRenew reports whether the CA should sign another certificate.
func mustRenew(now time.Time, o *Observed, s Settings) bool {
	if !o.signed(now) {
		return true
	}
	// A certificate ends with its CA at the latest.
	return !now.Before(o.Leaf.RenewAt()) && LeafEnd(now, *o.CA, s).After(o.Leaf.NotAfter)
}

// LeafEnd returns the NotAfter of a certificate that a CA signs now.
func LeafEnd(now time.Time, ca CA, s Settings) time.Time {
	end := now.Add(s.LeafLifetime)
	if end.After(ca.NotAfter) {
		return ca.NotAfter
	}
	return end
}

// publish adds to each caBundle the needed authorities that have not expired. It removes an authority that has been
// unused for the propagation bound: no Pod serves its certificate any more.
func publish(now time.Time, o *Observed, h *History, s Settings) []Action {
	var actions []Action
	needed := o.needed()
	for i, bundle := range o.Bundles {
		var want []ID
		changes := false
		for _, ca := range bundle {
			if !holds(needed, ca.ID) && h.Unused(ca.ID) >= s.Propagation {
				changes = true
				continue
			}
			want = append(want, ca.ID)
		}
		for _, ca := range needed {
			if !ca.Ended(now) && !holds(bundle, ca.ID) {
				want, changes = append(want, ca.ID), true
			}
		}
		if changes {
			actions = append(actions, Publish{Webhook: i, CAs: want})
		}
	}
	return actions
}

// Waiting names the event that a plan without actions waits for; empty for none.
func Waiting(now time.Time, o *Observed, s Settings) string {
	switch needed := o.needed(); {
	case o.Next != nil && o.Next.Holds(now):
		return fmt.Sprintf("the next CA signs once it has been in every caBundle for %s", s.Propagation)
	case !o.signed(now):
		return fmt.Sprintf("there is no serving certificate that is of use; the CA signs one once it has been in every caBundle for %s", s.Propagation)
	case slices.ContainsFunc(o.Bundles, func(bundle []CA) bool {
		return slices.ContainsFunc(bundle, func(ca CA) bool { return !holds(needed, ca.ID) })
	}):
		return fmt.Sprintf("a CA leaves the caBundles once it has been of no use for %s", s.Propagation)
	}
	return ""
}
