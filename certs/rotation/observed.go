package rotation

import (
	"slices"
	"time"
)

// ID tells authorities apart: the SHA-256 of the certificate, in hex.
type ID string

// Validity is when a certificate is valid: not before, and not after.
type Validity struct{ NotBefore, NotAfter time.Time }

// Holds reports whether the certificate is valid now.
func (v Validity) Holds(now time.Time) bool {
	return !now.Before(v.NotBefore) && !now.After(v.NotAfter)
}

// Ended reports whether the certificate has expired. One that is not valid yet may be in use soon: when
// all clocks were set back, and run on.
func (v Validity) Ended(now time.Time) bool { return now.After(v.NotAfter) }

// Backdating is how long before it is issued a certificate begins to be valid, so that clocks that
// are behind take it.
const Backdating = time.Hour

// RenewAt is when two thirds of the certificate's life are over.
func (v Validity) RenewAt() time.Time {
	return v.NotAfter.Add(-v.life() / 3)
}

// ExpiringAt is when a certificate should have been renewed for long: three tenths of its life are
// left.
func (v Validity) ExpiringAt() time.Time {
	return v.NotAfter.Add(-v.life() / 10 * 3)
}

func (v Validity) life() time.Duration {
	issued := v.NotBefore.Add(Backdating)
	if issued.After(v.NotAfter) { // it is not one of ours
		issued = v.NotBefore
	}
	return v.NotAfter.Sub(issued)
}

// CA is an authority.
type CA struct {
	ID ID
	Validity
}

// Leaf is a serving certificate.
type Leaf struct {
	// Issuer is the CA that it chains to, one whose certificate the Secret holds.
	Issuer CA
	// Alone is whether it comes without other certificates, so that its Issuer signed it itself, and is what
	// it is trusted by. Else it may be trusted by one of them, which its successor comes without.
	Alone bool
	Validity
}

// Observed is what an issuer sees.
type Observed struct {
	// CA is the authority that signs, and Next the one that will, each with its private key in
	// the Secret. Nil where there is none, or none that could sign: half a pair, another
	// Service's.
	CA, Next *CA

	// Leaf is the Secret's serving certificate, if a serving Pod would take it, its validity
	// aside: with its private key, naming the Service, chaining to the Secret's ca.crt.
	Leaf *Leaf

	// Bundles are the authorities in the caBundle of each webhook of ours, of all
	// configurations.
	Bundles [][]CA

	// SecretVersion and BundleVersions are other ones when the Secret, or a configuration, has been
	// written since: something may have been there in between that nobody saw.
	SecretVersion  string
	BundleVersions []string
}

// signed reports whether the Secret's certificate is valid, and of the CA that signs.
func (o *Observed) signed(now time.Time) bool {
	return o.Leaf != nil && o.CA != nil && o.Leaf.Issuer.ID == o.CA.ID && o.Leaf.Holds(now)
}

// needed are the authorities that every caBundle must hold.
func (o *Observed) needed() []CA {
	var needed []CA
	if o.Leaf != nil {
		needed = append(needed, o.Leaf.Issuer)
	}
	for _, ca := range []*CA{o.CA, o.Next} {
		if ca != nil && !holds(needed, ca.ID) {
			needed = append(needed, *ca)
		}
	}
	return needed
}

// trusted reports whether every caBundle holds an authority.
func (o *Observed) trusted(id ID) bool {
	for _, bundle := range o.Bundles {
		if !holds(bundle, id) {
			return false
		}
	}
	return true
}

// inUse reports whether Pods may be serving, and be trusted for it, a certificate of an authority other
// than the given one: the Secret's, or, whatever the Secret says by now, one of an authority that
// some caBundle holds.
func (o *Observed) inUse(now time.Time, id ID) bool {
	if leaf := o.Leaf; leaf != nil && leaf.Issuer.ID != id && !leaf.Ended(now) {
		return true
	}
	for _, bundle := range o.Bundles {
		for _, ca := range bundle {
			if ca.ID != id && !ca.Ended(now) {
				return true
			}
		}
	}
	return false
}

func holds(cas []CA, id ID) bool {
	return slices.ContainsFunc(cas, func(ca CA) bool { return ca.ID == id })
}
