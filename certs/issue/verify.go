package issue

import (
	"crypto/x509"
	"fmt"
	"time"
)

// Verify reports why an API server that trusts the roots would not take a chain, whose first
// certificate is the serving one, when it calls a host; an empty host is not looked at. Where no
// roots are given nothing is said of them.
func Verify(chain, roots []*x509.Certificate, host string, now time.Time) error {
	leaf := chain[0]
	switch {
	case now.Before(leaf.NotBefore):
		return fmt.Errorf("the certificate is valid only from %s", leaf.NotBefore.Format(time.RFC3339))
	case now.After(leaf.NotAfter):
		return fmt.Errorf("the certificate expired at %s", leaf.NotAfter.Format(time.RFC3339))
	}
	if host != "" {
		if err := leaf.VerifyHostname(host); err != nil {
			return fmt.Errorf("the certificate does not name the Service: %w", err)
		}
	}
	if len(roots) == 0 {
		return nil
	}
	options := x509.VerifyOptions{Roots: pool(roots), Intermediates: pool(chain[1:]), CurrentTime: now}
	if _, err := leaf.Verify(options); err != nil {
		return fmt.Errorf("the certificate does not chain to the CA: %w", err)
	}
	return nil
}

func pool(certificates []*x509.Certificate) *x509.CertPool {
	pool := x509.NewCertPool()
	for _, certificate := range certificates {
		pool.AddCert(certificate)
	}
	return pool
}
