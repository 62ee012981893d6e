package issue

import (
	"crypto/x509"
	"fmt"
	"slices"
	"time"

	"userscope.dev/userscope/certs/plan"
)

// Verify reports why an API server that trusts the roots would not take a chain, whose first
// certificate is the serving one, when it calls a host; an empty host is not looked at. Where no
// roots are given nothing is said of them.
func Verify(chain, roots []*x509.Certificate, host string, now time.Time) error {
	_, err := verify(chain, roots, host, now)
	return err
}

// verify returns also the paths from the serving certificate to a root by which the chain is taken.
func verify(chain, roots []*x509.Certificate, host string, now time.Time) (paths [][]*x509.Certificate, err error) {
	leaf := chain[0]
	switch {
	case now.Before(leaf.NotBefore):
		return nil, fmt.Errorf("the certificate is valid only from %s", leaf.NotBefore.Format(time.RFC3339))
	case now.After(leaf.NotAfter):
		return nil, fmt.Errorf("the certificate expired at %s", leaf.NotAfter.Format(time.RFC3339))
	}
	if host != "" {
		if err := leaf.VerifyHostname(host); err != nil {
			return nil, fmt.Errorf("the certificate does not name the Service: %w", err)
		}
	}
	if len(roots) == 0 {
		return nil, nil
	}
	options := x509.VerifyOptions{Roots: pool(roots), Intermediates: pool(chain[1:]), CurrentTime: now}
	if paths, err = leaf.Verify(options); err != nil {
		return nil, fmt.Errorf("the certificate does not chain to the CA: %w", err)
	}
	return paths, nil
}

// takenFor is when an API server that trusts a root takes a chain: while all of a path to it is valid, and of
// several paths, that which is valid longest. The error says why it takes it at no time.
func takenFor(chain []*x509.Certificate, root *x509.Certificate, host string) (plan.Validity, error) {
	var longest plan.Validity
	var problem error
	// All of a path is valid at once, if ever, when the last of it begins to be.
	for _, certificate := range append(slices.Clone(chain), root) {
		paths, err := verify(chain, []*x509.Certificate{root}, host, certificate.NotBefore)
		if problem == nil {
			problem = err
		}
		for _, path := range paths {
			if common := commonValidity(path); common.NotAfter.After(longest.NotAfter) {
				longest = common
			}
		}
	}
	if longest.NotAfter.IsZero() {
		return longest, problem
	}
	return longest, nil
}

// commonValidity is when all of some certificates are valid.
func commonValidity(certificates []*x509.Certificate) plan.Validity {
	common := Validity(certificates[0])
	for _, certificate := range certificates[1:] {
		if certificate.NotBefore.After(common.NotBefore) {
			common.NotBefore = certificate.NotBefore
		}
		if certificate.NotAfter.Before(common.NotAfter) {
			common.NotAfter = certificate.NotAfter
		}
	}
	return common
}

func pool(certificates []*x509.Certificate) *x509.CertPool {
	pool := x509.NewCertPool()
	for _, certificate := range certificates {
		pool.AddCert(certificate)
	}
	return pool
}
