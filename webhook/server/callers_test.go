package server_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"userscope.dev/userscope/webhook/server"
)

// authority signs client certificates.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "the cluster's CA"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return authority{certificate, key}
}

// pem is the certificates of authorities, as --client-ca names them.
func pemOf(authorities ...authority) []byte {
	var text bytes.Buffer
	for _, a := range authorities {
		text.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.certificate.Raw}))
	}
	return text.Bytes()
}

// client makes a client certificate for a name that differs from the usual one.
func (a authority) client(t *testing.T, name string, differs func(*x509.Certificate)) *tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	if differs != nil {
		differs(template)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// presenting is a client with connections of its own that presents a certificate.
func presenting(t *testing.T, certificate *tls.Certificate) *http.Client {
	t.Helper()
	config := &tls.Config{InsecureSkipVerify: true} //nolint:gosec // the test knows whom it calls
	if certificate != nil {
		config.Certificates = []tls.Certificate{*certificate}
	}
	transport := &http.Transport{TLSClientConfig: config}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// Only certificates of the CA that are for one of the names are answered by a review.
func TestCallers(t *testing.T) {
	ours, other := newAuthority(t), newAuthority(t)
	file := filepath.Join(t.TempDir(), "ca.crt")
	writeFile(t, file, pemOf(ours))
	o := options(t)
	o.ClientCA, o.ClientNames = file, []string{"kube-apiserver", "api.example"}
	s := start(t, o, current(t), answering)
	s.awaitReadyz(t, http.StatusOK)
	for _, test := range []struct {
		name        string
		certificate *tls.Certificate
		want        string
	}{
		{"an API server", ours.client(t, "kube-apiserver", nil), "yes"},
		{"one by its DNS name", ours.client(t, "", func(c *x509.Certificate) { c.DNSNames = []string{"api.example"} }), "yes"},
		{"nobody", nil, "userscope: no client certificate: API servers must present one (--client-ca)\n"},
		{"a kubelet of the same CA", ours.client(t, "system:node:a", nil), `userscope: the client certificate of "system:node:a": is for none of --client-names` + "\n"},
		{"a long name", ours.client(t, strings.Repeat("n", 100), nil), `userscope: the client certificate of "` + strings.Repeat("n", 80) + `\u2026": is for none of --client-names` + "\n"},
		{"the name from another CA", other.client(t, "kube-apiserver", nil),
			`userscope: the client certificate of "kube-apiserver": x509: certificate signed by unknown authority (possibly because of "x509: ECDSA verification failure" while trying to verify candidate authority certificate "the cluster's CA") (--client-ca)` + "\n"},
		{"a server's certificate", ours.client(t, "kube-apiserver", func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }),
			`userscope: the client certificate of "kube-apiserver": x509: certificate specifies an incompatible key usage (--client-ca)` + "\n"},
		{"an expired one", ours.client(t, "kube-apiserver", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }),
			`userscope: the client certificate of "kube-apiserver": x509: certificate has expired or is not yet valid`},
	} {
		t.Run(test.name, func(t *testing.T) {
			client := presenting(t, test.certificate)
			for range 2 {
				if got, err := s.call(client); err != nil || !strings.HasPrefix(got, test.want) {
					t.Errorf("answered %q, %v, want %q", got, err, test.want)
				}
			}
		})
	}
	got := s.counted(t, "userscope_unauthenticated_requests_total")
	if want := map[string]float64{"no-certificate": 2, "not-trusted": 6, "other-name": 4}; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("counted %v, want %v", got, want)
	}
}

// Another CA is taken while the server runs, for connections that are there already as well.
func TestCAsOfClientsAreReadAgain(t *testing.T) {
	before, after := newAuthority(t), newAuthority(t)
	file := filepath.Join(t.TempDir(), "ca.crt")
	writeFile(t, file, pemOf(before))
	o := options(t)
	o.ClientCA, o.ClientNames = file, []string{"kube-apiserver"}
	s := start(t, o, current(t), answering)
	s.awaitReadyz(t, http.StatusOK)
	old, current := presenting(t, before.client(t, "kube-apiserver", nil)), presenting(t, after.client(t, "kube-apiserver", nil))
	expect := func(client *http.Client, want bool) {
		t.Helper()
		await(t, fmt.Sprintf("an answer of a review to be %t", want), func() (bool, any) {
			got, err := s.call(client)
			return (got == "yes") == want && err == nil, fmt.Sprint(got, err)
		})
	}
	expect(old, true)
	expect(current, false)
	writeFile(t, file, pemOf(before, after))
	expect(current, true)
	expect(old, true)
	writeFile(t, file, []byte("nothing"))
	expect(old, true)
	writeFile(t, file, pemOf(after))
	expect(old, false)
	expect(current, true)
}

// What is no file of CAs is reported before any port is opened.
func TestCAsOfClientsThatCannotBe(t *testing.T) {
	dir := t.TempDir()
	pair := newAuthority(t)
	key, err := x509.MarshalPKCS8PrivateKey(pair.key)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name string
		text []byte
		want string
	}{
		{"none", nil, "no such file or directory"},
		{"empty", []byte{}, "holds no certificate in PEM"},
		{"a key", append(pemOf(pair), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})...), `holds a "PRIVATE KEY", and only certificates belong there`},
		{"a broken certificate", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")}), "x509: malformed certificate"},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := options(t)
			o.ClientCA, o.ClientNames = filepath.Join(dir, test.name), []string{"a"}
			if test.text != nil {
				writeFile(t, o.ClientCA, test.text)
			}
			if _, err := server.New(o, nil, answering, nil); err == nil || !strings.HasPrefix(err.Error(), "--client-ca: ") || !strings.HasSuffix(err.Error(), test.want) {
				t.Errorf("error %v, want one that ends with %s", err, test.want)
			}
		})
	}
}
