package pki_test

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"math/big"
	"strings"
	"testing"
	"time"

	"userscope.dev/userscope/certs/pki"
	"userscope.dev/userscope/certs/rotation"
)

// Of several paths the one that is valid longest counts, and leads to the root that must be trusted for it.
func TestChainValidityOfTheLongestPath(t *testing.T) {
	root := (*signer)(nil).sign(t, ca("root"))
	leaf := root.sign(t, &x509.Certificate{DNSNames: []string{host}, NotBefore: now, NotAfter: now.Add(10 * time.Hour)})
	chain := []*x509.Certificate{leaf.certificate}
	shorter, longer := root.again(t, 1, now, now.Add(time.Hour)), root.again(t, 2, now.Add(time.Minute), now.Add(2*time.Hour))
	early, late := root.again(t, 3, now.Add(-2*time.Hour), now.Add(-time.Hour)), root.again(t, 4, now.Add(11*time.Hour), now.Add(12*time.Hour))
	foreign := newAuthority(t, host).Certificate
	until := func(from, to time.Duration) rotation.Validity {
		return rotation.Validity{NotBefore: now.Add(from), NotAfter: now.Add(to)}
	}
	for _, test := range []struct {
		name  string
		roots []*x509.Certificate
		root  *x509.Certificate
		when  rotation.Validity
		want  string
	}{
		{"the longer last", []*x509.Certificate{early, shorter, foreign, longer, late}, longer, until(time.Minute, 2*time.Hour), ""},
		{"the longer first", []*x509.Certificate{longer, shorter}, longer, until(time.Minute, 2*time.Hour), ""},
		{"ended before, and begins later", []*x509.Certificate{early, late}, nil, rotation.Validity{}, "the certificate does not chain to the CA: not all that it chains by is ever valid at once"},
		{"a foreign CA", []*x509.Certificate{foreign}, nil, rotation.Validity{}, "the certificate does not chain to the CA: x509: "},
		{"itself", chain, leaf.certificate, until(0, 10*time.Hour), ""},
		{"whatever CA", nil, nil, until(0, 10*time.Hour), ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			when, root, err := pki.ChainValidity(chain, test.roots, host)
			expect(t, err, test.want)
			if when != test.when {
				t.Errorf("taken %v, want %v", when, test.when)
			}
			if (root == nil) != (test.root == nil) || root != nil && !root.Equal(test.root) {
				t.Error("it is taken by another root")
			}
		})
	}
	_, _, err := pki.ChainValidity(chain, nil, "a.b.svc")
	expect(t, err, "the certificate does not name the Service: ")
}

// again is another certificate of a CA and its key.
func (s *signer) again(t *testing.T, serial int64, from, to time.Time) *x509.Certificate {
	t.Helper()
	template := ca(s.certificate.Subject.CommonName)
	template.SerialNumber, template.BasicConstraintsValid = big.NewInt(serial), true
	template.NotBefore, template.NotAfter = from, to
	der, err := x509.CreateCertificate(rand.Reader, template, template, s.key.Public(), s.key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

// A Secret that is full of certificates, all of which may have signed the others, does not keep whoever
// reads it busy.
func TestFullSecretIsReadAtOnce(t *testing.T) {
	root, other := (*signer)(nil).sign(t, ca("root")), (*signer)(nil).sign(t, ca("root"))
	leaf := root.sign(t, &x509.Certificate{DNSNames: []string{host}})
	chain, key := leaf.pem(t)
	var crowd [2][]*x509.Certificate
	for n := range 120 {
		crowd[n%2] = append(crowd[n%2], other.again(t, int64(n+1), now.Add(time.Duration(n)*time.Second), now.Add(day)))
	}
	data := map[string][]byte{
		"tls.crt": bytes.Join([][]byte{chain, pki.Encode(crowd[0]...)}, nil),
		"tls.key": key,
		"ca.crt":  pki.Encode(crowd[1]...),
	}
	done := make(chan *pki.Secrets, 1)
	go func() { done <- read(data) }()
	select {
	case s := <-done:
		if s.Leaf != nil || len(s.Problems) != 1 || !strings.HasPrefix(s.Problems[0], "Secret: tls.crt and tls.key are of no use: the certificate does not chain to the CA: ") {
			t.Errorf("the problems are %q", s.Problems)
		}
	case <-time.After(time.Minute):
		t.Fatal("it is still being read")
	}
}
