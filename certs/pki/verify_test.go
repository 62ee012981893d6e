package pki_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"userscope.dev/userscope/certs/pki"
)

func TestVerify(t *testing.T) {
	authority, other := newAuthority(t, host), newAuthority(t, host)
	leaf, _, _ := issued(t, authority, host)
	chain := []*x509.Certificate{leaf}
	roots := []*x509.Certificate{other.Certificate, authority.Certificate}
	throughIntermediate, root := intermediateChain(t)
	tests := []struct {
		name         string
		chain, roots []*x509.Certificate
		host         string
		at           time.Time
		want         string
	}{
		{"as it should be", chain, roots, host, now, ""},
		{"in its first second", chain, roots, host, leaf.NotBefore, ""},
		{"in its last second", chain, roots, host, leaf.NotAfter, ""},
		{"before it", chain, roots, host, leaf.NotBefore.Add(-time.Second), "the certificate is valid only from 2026-07-01T11:00:00Z"},
		{"after it", chain, roots, host, leaf.NotAfter.Add(time.Second), "the certificate expired at 2026-07-31T12:00:00Z"},
		{"of another host", chain, roots, "a.b.svc", now, "the certificate does not name the Service: x509: certificate is valid for " + host + ", not a.b.svc"},
		{"of whatever host", chain, roots, "", now, ""},
		{"with a foreign CA", chain, roots[:1], host, now, "the certificate does not chain to the CA: x509: "},
		{"with whatever CA", chain, nil, host, now, ""},
		{"with an intermediate CA", throughIntermediate, root, host, now, ""},
		{"without its intermediate CA", throughIntermediate[:1], root, host, now, "the certificate does not chain to the CA: x509: "},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			expect(t, pki.Verify(test.chain, test.roots, test.host, test.at), test.want)
		})
	}
}

// expect compares an error with how it should begin; empty for none.
func expect(t *testing.T, err error, want string) {
	t.Helper()
	if want == "" && err != nil || want != "" && (err == nil || !strings.HasPrefix(err.Error(), want)) {
		t.Errorf("error %v, want %q…", err, want)
	}
}

// signer is what others than our issuer sign with.
type signer struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// sign makes a certificate and its key; none signs for itself.
func (s *signer) sign(t *testing.T, template *x509.Certificate) *signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber = big.NewInt(1)
	if template.NotAfter.IsZero() {
		template.NotBefore, template.NotAfter = now.Add(-time.Hour), now.Add(day)
	}
	template.BasicConstraintsValid = true
	signed := &signer{template, key}
	if s == nil {
		s = signed
	}
	der, err := x509.CreateCertificate(rand.Reader, template, s.certificate, &key.PublicKey, s.key)
	if err != nil {
		t.Fatal(err)
	}
	if signed.certificate, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return signed
}

func (s *signer) pem(t *testing.T) (certificate, key []byte) {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(s.key)
	if err != nil {
		t.Fatal(err)
	}
	return pki.Encode(s.certificate), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func ca(name string) *x509.Certificate {
	return &x509.Certificate{Subject: pkix.Name{CommonName: name}, IsCA: true, KeyUsage: x509.KeyUsageCertSign}
}

// intermediateChain is a serving certificate with its intermediate CA, as other issuers make them, and
// the root.
func intermediateChain(t *testing.T) (chain, roots []*x509.Certificate) {
	t.Helper()
	root := (*signer)(nil).sign(t, ca("root"))
	intermediate := root.sign(t, ca("intermediate"))
	leaf := intermediate.sign(t, &x509.Certificate{DNSNames: []string{host}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	return []*x509.Certificate{leaf.certificate, intermediate.certificate}, []*x509.Certificate{root.certificate}
}

// What is no certificate is passed over, as API servers do; nothing at all is an error.
func TestDecode(t *testing.T) {
	one, two := newAuthority(t, host).Certificate, newAuthority(t, host).Certificate
	block := func(kind string, headers map[string]string, data []byte) []byte {
		return pem.EncodeToMemory(&pem.Block{Type: kind, Headers: headers, Bytes: data})
	}
	tests := []struct {
		name string
		data [][]byte
		want []*x509.Certificate
	}{
		{"two", [][]byte{pki.Encode(one, two)}, []*x509.Certificate{one, two}},
		{"text before, between and behind", [][]byte{[]byte("# one\n"), pki.Encode(one), []byte("\ntwo\n"), pki.Encode(two), []byte("end")}, []*x509.Certificate{one, two}},
		{"a key between", [][]byte{pki.Encode(one), block("PRIVATE KEY", nil, []byte("key")), pki.Encode(two)}, []*x509.Certificate{one, two}},
		{"one with headers", [][]byte{block("CERTIFICATE", map[string]string{"a": "b"}, one.Raw), pki.Encode(two)}, []*x509.Certificate{two}},
		{"one that is none", [][]byte{block("CERTIFICATE", nil, []byte("no")), pki.Encode(two)}, []*x509.Certificate{two}},
		{"one that is cut", [][]byte{pki.Encode(one), pki.Encode(two)[:200]}, []*x509.Certificate{one}},
		{"nothing", nil, nil},
		{"only a key", [][]byte{block("PRIVATE KEY", nil, []byte("key"))}, nil},
		{"DER", [][]byte{one.Raw}, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := pki.Decode(bytes.Join(test.data, nil))
			if len(test.want) == 0 {
				expect(t, err, "holds no certificate in PEM")
				return
			}
			if err != nil || !bytes.Equal(pki.Encode(got...), pki.Encode(test.want...)) {
				t.Errorf("got %d certificates, %v; want %d", len(got), err, len(test.want))
			}
		})
	}
}

func rsaKey(t *testing.T) []byte {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}
