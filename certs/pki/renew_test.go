package pki_test

import (
	"crypto/x509"
	"slices"
	"testing"
	"time"

	"userscope.dev/userscope/certs/pki"
	"userscope.dev/userscope/certs/rotation"
)

// A certificate that came with others may be trusted by these alone. The next has none with it, and waits until its CA
// is trusted.
func TestChainIsRenewedOnceItsCAIsTrusted(t *testing.T) {
	root := (*signer)(nil).sign(t, ca("root"))
	for _, test := range []struct {
		name  string
		signs *signer // its key is in the CA's Secret
		alone bool
		trust string
	}{
		{"its CA is an intermediate one, the caBundle holds the root", root.sign(t, ca("intermediate")), false, "root"},
		{"its CA is the root, the caBundle holds the intermediate one", root, false, "intermediate"},
		{"its CA signed it, the caBundle holds it", root, true, "root"},
	} {
		t.Run(test.name, func(t *testing.T) {
			intermediate := test.signs
			if intermediate == root {
				intermediate = root.sign(t, ca("intermediate"))
			}
			by, with := intermediate, []*x509.Certificate{intermediate.certificate}
			if test.alone {
				by, with = root, nil
			}
			leaf := by.sign(t, &x509.Certificate{DNSNames: []string{host}, NotBefore: now, NotAfter: now.Add(12 * time.Hour)})
			_, key := leaf.pem(t)
			signs, signsKey := test.signs.pem(t)
			o := read(map[string][]byte{
				pki.ServingCertificate: pki.Encode(append([]*x509.Certificate{leaf.certificate}, with...)...),
				pki.ServingKey:         key,
				pki.CACertificate:      signs,
				"signing/ca.crt":       signs,
				"signing/ca.key":       signsKey,
			}).Observed()
			trusted := pki.CA(map[string]*signer{"root": root, "intermediate": intermediate}[test.trust].certificate)
			o.Bundles = [][]rotation.CA{{trusted}}
			if o.Leaf == nil || o.CA == nil {
				t.Fatalf("the Secret is of no use: %+v", o)
			}

			settings, history := rotation.Defaults(), &rotation.History{}
			late := now.Add(11 * time.Hour)
			renews := func(at time.Duration) bool {
				history.Note(late, at, at, o, settings)
				return slices.Contains(rotation.Plan(late, o, history, settings), rotation.Action(rotation.Renew{}))
			}
			if got := renews(0); got != test.alone {
				t.Errorf("renewed at once: %t", got)
			}
			o.Bundles[0] = append(o.Bundles[0], *o.CA)
			for at := time.Duration(1); at < settings.Propagation; at += time.Minute {
				if got := renews(at); got != test.alone {
					t.Errorf("renewed after %s: %t", at, got)
				}
			}
			if !renews(settings.Propagation + time.Minute) {
				t.Error("not renewed once its CA is trusted")
			}
		})
	}
}
