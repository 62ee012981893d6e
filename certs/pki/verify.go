package pki

import (
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"userscope.dev/userscope/certs/rotation"
)

// Verify returns an error if an API server that trusts the roots would refuse a chain now, when it calls a host.
// The serving certificate is the first of the chain. An empty host matches every certificate; without roots, every
// CA is trusted.
func Verify(chain, roots []*x509.Certificate, host string, now time.Time) error {
	leaf := chain[0]
	switch {
	case now.Before(leaf.NotBefore):
		return fmt.Errorf("the certificate is valid only from %s", leaf.NotBefore.Format(time.RFC3339))
	case now.After(leaf.NotAfter):
		return fmt.Errorf("the certificate expired at %s", leaf.NotAfter.Format(time.RFC3339))
	}
	_, err := paths(chain, roots, host, now)
	return err
}

// paths returns the valid paths from the serving certificate of a chain to a root.
func paths(chain, roots []*x509.Certificate, host string, now time.Time) ([][]*x509.Certificate, error) {
	leaf := chain[0]
	if host != "" {
		if err := leaf.VerifyHostname(host); err != nil {
			return nil, fmt.Errorf("the certificate does not name the Service: %w", err)
		}
	}
	if len(roots) == 0 {
		return nil, nil
	}
	paths, err := leaf.Verify(x509.VerifyOptions{Roots: pool(roots), Intermediates: pool(chain[1:]), CurrentTime: now})
	if err != nil {
		return nil, fmt.Errorf("the certificate does not chain to the CA: %w", err)
	}
	return paths, nil
}

// ChainValidity returns the longest period in which some path from the leaf to a root is valid, and that root. An
// API server that trusts the roots accepts the chain in that period. Without roots it returns the validity of the
// leaf, and no root. The error says why there is no such period.
func ChainValidity(chain, roots []*x509.Certificate, host string) (rotation.Validity, *x509.Certificate, error) {
	// x509.Verify drops expired paths. Give every copy the same one-instant validity and verify at that instant, so
	// that all paths are returned.
	epoch := time.Unix(0, 0)
	originals := map[*x509.Certificate]*x509.Certificate{}
	atEpoch := func(certificates []*x509.Certificate) []*x509.Certificate {
		var copies []*x509.Certificate
		for _, certificate := range certificates {
			copied := *certificate
			copied.NotBefore, copied.NotAfter = epoch, epoch
			originals[&copied] = certificate
			copies = append(copies, &copied)
		}
		return copies
	}
	found, err := paths(atEpoch(chain), atEpoch(roots), host, epoch)
	switch {
	case err != nil:
		return rotation.Validity{}, nil, err
	case len(roots) == 0:
		return Validity(chain[0]), nil, nil
	}
	var longest rotation.Validity
	var to *x509.Certificate
	for _, path := range found {
		var certificates []*x509.Certificate
		for _, copied := range path {
			certificates = append(certificates, originals[copied])
		}
		if common := commonValidity(certificates); !common.NotAfter.Before(common.NotBefore) && common.NotAfter.After(longest.NotAfter) {
			longest, to = common, certificates[len(certificates)-1]
		}
	}
	if to == nil {
		return longest, nil, errors.New("the certificate does not chain to the CA: not all that it chains by is ever valid at once")
	}
	return longest, to, nil
}

// commonValidity returns the period in which all certificates are valid. It ends before it begins if there is none.
func commonValidity(certificates []*x509.Certificate) rotation.Validity {
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
