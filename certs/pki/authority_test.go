package pki_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"userscope.dev/userscope/certs/pki"
)

const (
	host  = "userscope.userscope-system.svc"
	day   = 24 * time.Hour
	years = 2 * 365 * day
)

// now is when all of these tests happen; X.509 knows no fractions of a second.
var now = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

func newAuthority(t *testing.T, host string) *pki.Authority {
	t.Helper()
	authority, err := pki.NewAuthority(now, years, host)
	if err != nil {
		t.Fatal(err)
	}
	return authority
}

// issued returns the certificate that an authority signs for a host, from now for 30 days, and as PEM with its key.
func issued(t *testing.T, authority *pki.Authority, host string) (certificate *x509.Certificate, certificatePEM, key []byte) {
	t.Helper()
	certificatePEM, key, err := authority.Issue(now, now.Add(30*day), host)
	if err != nil {
		t.Fatal(err)
	}
	return decode(t, certificatePEM)[0], certificatePEM, key
}

func decode(t *testing.T, data []byte) []*x509.Certificate {
	t.Helper()
	certificates, err := pki.Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	return certificates
}

func TestAuthority(t *testing.T) {
	ca := newAuthority(t, host).Certificate
	testCertificate(t, ca, now.Add(years))
	if !ca.IsCA || !ca.BasicConstraintsValid || ca.MaxPathLen != 0 || !ca.MaxPathLenZero {
		t.Errorf("CA %t, path length %d (zero %t): it must be able to sign serving certificates and no other CA", ca.IsCA, ca.MaxPathLen, ca.MaxPathLenZero)
	}
	if ca.KeyUsage != x509.KeyUsageCertSign {
		t.Errorf("its key is for %b, want the signing of certificates alone", ca.KeyUsage)
	}
	if !ca.PermittedDNSDomainsCritical || !slices.Equal(ca.PermittedDNSDomains, []string{host}) {
		t.Errorf("it is constrained to %q (critical %t), want %q", ca.PermittedDNSDomains, ca.PermittedDNSDomainsCritical, host)
	}
	other := newAuthority(t, host).Certificate
	if bytes.Equal(ca.RawSubject, other.RawSubject) {
		t.Errorf("two authorities are called %s: verifiers find an issuer by its name", ca.Subject)
	}
	if pki.CA(ca).ID == pki.CA(other).ID {
		t.Error("two authorities have one ID")
	}
	if got := pki.CA(ca); !got.NotBefore.Equal(ca.NotBefore) || !got.NotAfter.Equal(ca.NotAfter) || len(got.ID) != 64 {
		t.Errorf("the planner is told %+v", got)
	}
}

// testCertificate checks what all certificates have in common.
func testCertificate(t *testing.T, c *x509.Certificate, end time.Time) {
	t.Helper()
	if key, ok := c.PublicKey.(*ecdsa.PublicKey); !ok || key.Curve != elliptic.P256() {
		t.Errorf("the key is a %T, want ECDSA on P-256", c.PublicKey)
	}
	if !c.NotBefore.Equal(now.Add(-time.Hour)) || !c.NotAfter.Equal(end) {
		t.Errorf("valid from %s to %s, want from %s, an hour ago, to %s", c.NotBefore, c.NotAfter, now.Add(-time.Hour), end)
	}
	// RFC 5280: positive, and at most 20 bytes.
	if c.SerialNumber.Sign() <= 0 || c.SerialNumber.BitLen() > 128 {
		t.Errorf("the serial number is %x", c.SerialNumber)
	}
}

func TestServingCertificate(t *testing.T) {
	authority := newAuthority(t, host)
	c, certificatePEM, key := issued(t, authority, host)
	testCertificate(t, c, now.Add(30*day))
	if c.Subject.CommonName != "" || !slices.Equal(c.DNSNames, []string{host}) {
		t.Errorf("it is called %q, %q; want %q as its only name", c.Subject.CommonName, c.DNSNames, host)
	}
	if c.IsCA || c.KeyUsage != x509.KeyUsageDigitalSignature || !slices.Equal(c.ExtKeyUsage, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}) {
		t.Errorf("CA %t, key usage %b, extended %v; want what a server needs", c.IsCA, c.KeyUsage, c.ExtKeyUsage)
	}
	if _, err := tls.X509KeyPair(certificatePEM, key); err != nil {
		t.Errorf("with its key: %v", err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(authority.Certificate)
	if _, err := c.Verify(x509.VerifyOptions{DNSName: host, Roots: roots, CurrentTime: now}); err != nil {
		t.Errorf("crypto/x509 does not take it: %v", err)
	}
	again, _, _ := issued(t, authority, host)
	if c.SerialNumber.Cmp(again.SerialNumber) == 0 || c.PublicKey.(*ecdsa.PublicKey).Equal(again.PublicKey) {
		t.Error("two certificates share a serial number or a key")
	}
}

// An authority whose key is stolen is of no use against other hosts.
func TestAuthorityCannotSignForOthers(t *testing.T) {
	authority := newAuthority(t, host)
	roots := x509.NewCertPool()
	roots.AddCert(authority.Certificate)
	for _, other := range []string{"kubernetes.default.svc", "userscope.other.svc", "svc", "x" + host} {
		c, _, _ := issued(t, authority, other)
		if _, err := c.Verify(x509.VerifyOptions{DNSName: other, Roots: roots, CurrentTime: now}); err == nil {
			t.Errorf("its certificate for %s is taken", other)
		}
	}
}

// Nor is it against addresses.
func TestAuthorityCannotSignForAddresses(t *testing.T) {
	data := filled(t)
	block, _ := pem.Decode(data["signing/ca.key"])
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	stolen := &signer{decode(t, data["ca.crt"])[0], key.(*ecdsa.PrivateKey)}
	roots := x509.NewCertPool()
	roots.AddCert(stolen.certificate)
	for _, address := range []string{"10.96.0.1", "fd00::1"} {
		signed := stolen.sign(t, &x509.Certificate{IPAddresses: []net.IP{net.ParseIP(address)}}).certificate
		if _, err := signed.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: now}); err == nil || !strings.Contains(err.Error(), "excluded") {
			t.Errorf("its certificate for %s: %v", address, err)
		}
	}
}

// A Service's name and its namespace's may each have 63 characters.
func TestLongNames(t *testing.T) {
	host := strings.Repeat("s", 63) + "." + strings.Repeat("n", 63) + ".svc"
	authority := newAuthority(t, host)
	c, _, _ := issued(t, authority, host)
	if err := pki.Verify([]*x509.Certificate{c}, []*x509.Certificate{authority.Certificate}, host, now); err != nil {
		t.Error(err)
	}
}
