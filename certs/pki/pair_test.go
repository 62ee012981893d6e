package pki_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"testing"

	"userscope.dev/userscope/certs/pki"
)

// noCertificate is in PEM what a certificate should be.
var noCertificate = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("no")})

// pair is a certificate that a key signed for itself, and the key, in PEM.
func pair(t *testing.T, key crypto.Signer, err error) (certificatePEM, keyPEM []byte) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{host}, NotBefore: now, NotAfter: now.Add(day)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
}

// A pair is one if an API server can end a handshake with it: some keys and chains can be read and yet not be
// served.
func TestReadPair(t *testing.T) {
	curve := func(curve elliptic.Curve) (certificate, key []byte) {
		private, err := ecdsa.GenerateKey(curve, rand.Reader)
		return pair(t, private, err)
	}
	p256, p256Key := curve(elliptic.P256())
	p384, p384Key := curve(elliptic.P384())
	p521, p521Key := curve(elliptic.P521())
	p224, p224Key := curve(elliptic.P224())
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	ed, edKey := pair(t, edwards, err)
	large, err := rsa.GenerateKey(rand.Reader, 2048)
	rsa2048, rsa2048Key := pair(t, large, err)

	const noHandshake = "no TLS handshake succeeds with it: "
	for _, test := range []struct {
		name             string
		certificate, key []byte
		length           int
		want             string
	}{
		{"P-256", p256, p256Key, 1, ""},
		{"P-384", p384, p384Key, 1, ""},
		{"P-521", p521, p521Key, 1, ""},
		{"Ed25519", ed, edKey, 1, ""},
		{"RSA", rsa2048, rsa2048Key, 1, ""},
		{"a chain", append(bytes.Clone(p256), p384...), p256Key, 2, ""},
		{"P-224", p224, p224Key, 0, noHandshake + "client: remote error: tls: handshake failure, server: tls: unsupported certificate curve (P-224)"},
		{"no certificate behind it", append(bytes.Clone(p256), noCertificate...), p256Key, 0, noHandshake + "client: tls: failed to parse certificate from server: x509: malformed certificate, server: "},
		{"no certificate before it", append(bytes.Clone(noCertificate), p256...), p256Key, 0, "x509: malformed certificate"},
		{"another key", p256, p384Key, 0, "tls: private key does not match public key"},
		{"nothing", nil, nil, 0, "tls: failed to find any PEM data in certificate input"},
	} {
		t.Run(test.name, func(t *testing.T) {
			served, chain, err := pki.ReadPair(test.certificate, test.key)
			expect(t, err, test.want)
			if len(chain) != test.length {
				t.Fatalf("the chain has %d certificates, want %d", len(chain), test.length)
			}
			if (served != nil) != (test.length > 0) || served != nil && !bytes.Equal(pki.Encode(chain...), test.certificate) {
				t.Errorf("the chain is\n%s", pki.Encode(chain...))
			}
		})
	}
}
