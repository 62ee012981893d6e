package pki_test

import (
	"crypto/x509"
	"testing"
	"time"

	"userscope.dev/userscope/certs/pki"
	"userscope.dev/userscope/certs/rotation"
)

// No serving Pod takes a certificate while not all that it chains by is valid, so that is for how long the
// Secret's counts.
func TestLeafIsValidWithItsChain(t *testing.T) {
	hours := func(from, to time.Duration) rotation.Validity {
		return rotation.Validity{NotBefore: now.Add(from * time.Hour), NotAfter: now.Add(to * time.Hour)}
	}
	for _, test := range []struct {
		name                           string
		root, intermediate, leaf, want rotation.Validity // none wanted where the certificate is of no use
	}{
		{"ends before its CAs", hours(0, 9), hours(0, 8), hours(1, 7), hours(1, 7)},
		{"outlives the CA", hours(2, 5), hours(1, 8), hours(0, 9), hours(2, 5)},
		{"outlives the intermediate CA", hours(0, 9), hours(2, 5), hours(1, 8), hours(2, 5)},
		{"overlaps with each, and never with both", hours(0, 3), hours(5, 9), hours(1, 8), rotation.Validity{}},
		{"begins when its CA ends", hours(0, 3), hours(0, 9), hours(3, 9), hours(3, 3)},
		{"begins later", hours(0, 3), hours(0, 9), hours(4, 9), rotation.Validity{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			valid := func(template *x509.Certificate, v rotation.Validity) *x509.Certificate {
				template.NotBefore, template.NotAfter = v.NotBefore, v.NotAfter
				return template
			}
			root := (*signer)(nil).sign(t, valid(ca("root"), test.root))
			intermediate := root.sign(t, valid(ca("intermediate"), test.intermediate))
			leaf := intermediate.sign(t, valid(&x509.Certificate{DNSNames: []string{host}}, test.leaf))
			_, key := leaf.pem(t)
			observed := read(map[string][]byte{
				pki.ServingCertificate: pki.Encode(leaf.certificate, intermediate.certificate),
				pki.ServingKey:         key,
				pki.CACertificate:      pki.Encode(root.certificate),
			}).Observed().Leaf
			var got rotation.Validity
			if observed != nil {
				got = observed.Validity
			}
			if got != test.want {
				t.Errorf("it counts as valid %v, want %v", got, test.want)
			}
			for at := range time.Duration(10) {
				moment := now.Add(at * time.Hour)
				taken := pki.Verify([]*x509.Certificate{leaf.certificate, intermediate.certificate}, []*x509.Certificate{root.certificate}, host, moment) == nil
				if taken != got.Holds(moment) {
					t.Errorf("at hour %d a serving Pod takes it: %t", at, taken)
				}
			}
		})
	}
}
