package rotation

import (
	"slices"
	"time"
)

// ID identifies an authority: the SHA-256 of its certificate, in hex.
type ID string

// Validity is the period in which a certificate is valid (RFC 5280, section 4.1.2.5).
type Validity struct{ NotBefore, NotAfter time.Time }

// Holds reports whether the certificate is valid now.
func (v Validity) Holds(now time.Time) bool {
	return !now.Before(v.NotBefore) && !now.After(v.NotAfter)
}

// Ended reports whether the certificate has expired. A certificate that is not valid yet has not: it may be in use
// soon, after all clocks were set back.
func (v Validity) Ended(now time.Time) bool { return now.After(v.NotAfter) }

// Backdating is the time by which NotBefore precedes the issuing of a certificate, so that machines whose clocks
// are behind accept it.
const Backdating = time.Hour

// RenewAt returns the time at which two thirds of the certificate's life are over.
func (v Validity) RenewAt() time.Time {
	return v.NotAfter.Add(-v.life() / 3)
}

// ExpiringAt returns the time at which three tenths of the certificate's life are left. Its renewal is overdue by
// then.
func (v Validity) ExpiringAt() time.Time {
	return v.NotAfter.Add(-v.life() / 10 * 3)
}

func (v Validity) life() time.Duration {
	issued := v.NotBefore.Add(Backdating)
	if issued.After(v.NotAfter) { // the issuer did not make it
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
	// Issuer is the CA of the Secret's ca.crt to which the certificate chains.
	Issuer CA
	// LeafOnly is true if tls.crt holds only the leaf, so Issuer signed it directly. Otherwise clients may trust it
	// through an intermediate that a renewed certificate would lack.
	LeafOnly bool
	Validity
}

// Observed is the state of the cluster as an issuer sees it.
type Observed struct {
	// CA is the authority that signs, and Next its successor, each with its private key. Nil if it is absent or
	// could not sign: half a pair, or a CA for another Service. Both are those of the CA's Secret. If that has
	// neither, they are those of the serving Secret, where earlier versions kept them.
	CA, Next *CA

	// Unmoved is true if CA and Next are those of the serving Secret. Strays is true if that Secret holds keys that
	// sign, though CA and Next are elsewhere. Useless is true if the CA's Secret holds a next CA that cannot sign.
	Unmoved, Strays, Useless bool

	// Leaf is the serving certificate of the serving Secret; nil if a serving Pod would not accept it at any time.
	// It has its private key, names the Service and chains to the Secret's ca.crt.
	Leaf *Leaf

	// Bundles are the authorities in the caBundle of each webhook of all of Userscope's configurations.
	Bundles [][]CA

	// SecretVersion and BundleVersions change with each write of the serving Secret and of a configuration. They tell
	// History of content that came and went between two looks.
	SecretVersion  string
	BundleVersions []string
}

// signed reports whether the serving certificate is valid, and of the CA that signs.
func (o *Observed) signed(now time.Time) bool { return o.CA != nil && o.signedBy(o.CA, now) }

// signedBy reports whether the serving certificate is valid, and of a CA.
func (o *Observed) signedBy(ca *CA, now time.Time) bool {
	return o.Leaf != nil && o.Leaf.Issuer.ID == ca.ID && o.Leaf.Holds(now)
}

// needed returns the authorities that every caBundle must hold.
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

// inUse reports whether Pods may be serving a trusted certificate of an authority other than the given one: the
// Secret's certificate, or an earlier one of an authority that some caBundle holds.
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
