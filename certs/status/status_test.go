package status

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"userscope.dev/userscope/certs/issuer"
	"userscope.dev/userscope/certs/pki"
	"userscope.dev/userscope/certs/rotation"
)

// update rewrites the golden files: go test ./certs/status -update
var update = flag.Bool("update", false, "rewrite the golden files of this package")

const (
	host = "userscope.userscope-system.svc"
	day  = 24 * time.Hour
)

// now is when the certificates of these tests are issued.
var now = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

// do returns a Secret's data after some actions, all of them now.
func do(t *testing.T, data map[string][]byte, actions ...rotation.Action) map[string][]byte {
	t.Helper()
	for _, action := range actions {
		var err error
		if data, err = pki.ReadSecret(data, host).Do(action, now, rotation.Defaults()); err != nil {
			t.Fatal(err)
		}
	}
	return data
}

// observe is what is seen of a Secret, and of a caBundle in each of the two configurations.
func observe(data map[string][]byte, mutating, validating []byte) *issuer.Observation {
	configuration := func(kind string, caBundle []byte) *issuer.Configuration {
		return &issuer.Configuration{Kind: kind, Name: "zz-userscope", Webhooks: []issuer.Webhook{{Name: "pods.userscope.dev", CABundle: caBundle}}}
	}
	return &issuer.Observation{
		Secret:         pki.ReadSecret(data, host),
		Configurations: []*issuer.Configuration{configuration(issuer.Mutating, mutating), configuration(issuer.Validating, validating)},
	}
}

// issued is a CA with a lifetime, and what serves its certificate for a host, valid as long.
func issued(t *testing.T, lifetime time.Duration, host string) (ca []byte, data map[string][]byte) {
	t.Helper()
	authority, err := pki.NewAuthority(now, lifetime, host)
	if err != nil {
		t.Fatal(err)
	}
	certificate, key, err := authority.Issue(now, now.Add(lifetime), host)
	if err != nil {
		t.Fatal(err)
	}
	return pki.Encode(authority.Certificate), map[string][]byte{"tls.crt": certificate, "tls.key": key}
}

// ended is a certificate that another signs, or that signs for itself, valid for a lifetime. Without names it
// is a CA.
func ended(t *testing.T, by *signer, lifetime time.Duration, names ...string) *signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return again(t, by, key, lifetime, names...)
}

// again is one with a key that there is already.
func again(t *testing.T, by *signer, key *ecdsa.PrivateKey, lifetime time.Duration, names ...string) *signer {
	t.Helper()
	name, err := key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(int64(lifetime)), NotBefore: now.Add(-time.Hour), NotAfter: now.Add(lifetime),
		Subject: pkix.Name{CommonName: fmt.Sprintf("%x", name[:20])}, DNSNames: names, IsCA: len(names) == 0, BasicConstraintsValid: true,
	}
	if by == nil {
		by = &signer{template, key}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by.certificate, &key.PublicKey, by.key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &signer{certificate, key}
}

// signer is a certificate that others than the issuer made, and its key.
type signer struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func (s *signer) pem() []byte { return pki.Encode(s.certificate) }

// secret is a Secret's data with a serving certificate, the certificates that come with it, and ca.crt.
func (s *signer) secret(t *testing.T, intermediate, ca []byte) map[string][]byte {
	t.Helper()
	key, err := x509.MarshalPKCS8PrivateKey(s.key)
	if err != nil {
		t.Fatal(err)
	}
	return map[string][]byte{
		"tls.crt": bundle(s.pem(), intermediate), "ca.crt": ca,
		"tls.key": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}),
	}
}

// serve shows a Secret's certificate to whoever calls the host, and returns the address.
func serve(t *testing.T, data map[string][]byte) string {
	t.Helper()
	certificate, err := tls.X509KeyPair(data["tls.crt"], data["tls.key"])
	if err != nil {
		t.Fatal(err)
	}
	config := &tls.Config{GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		if hello.ServerName != host {
			return nil, fmt.Errorf("%q was called", hello.ServerName)
		}
		return &certificate, nil
	}}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_ = conn.(*tls.Conn).Handshake() // what becomes of it, the caller says
			conn.Close()
		}
	}()
	return listener.Addr().String()
}

// closed is an address that nobody listens on.
func closed(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	return listener.Addr().String()
}

// bundle is a caBundle of authorities in PEM.
func bundle(authorities ...[]byte) []byte { return bytes.Join(authorities, nil) }

// named gives the certificates of a report names of their own, which are not made at random: what they
// are in these tests, as long as a short fingerprint.
func named(t *testing.T, report string, names map[string][]byte) string {
	t.Helper()
	for name, data := range names {
		certificates, err := pki.Decode(data)
		if err != nil {
			t.Fatal(err)
		}
		padded := (name + "............")[:12]
		report = strings.ReplaceAll(report, short(string(pki.CA(certificates[0]).ID)), padded)
	}
	return report
}

// What is printed is compared with golden files; see update. Certificates have names there, and the
// address is that of a webhook.
func TestReport(t *testing.T) {
	good := do(t, nil, rotation.Fill{})
	rotating := do(t, good, rotation.Introduce{})
	promoted := do(t, rotating, rotation.Promote{})
	foreign := do(t, nil, rotation.Fill{})
	old, _ := issued(t, 9*day, host)
	elsewhereCA, elsewhere := issued(t, 9*day, "a.b.svc")
	names := map[string][]byte{
		"ca": good["ca.crt"], "leaf": good["tls.crt"], "next-ca": rotating["next-ca.crt"], "next-leaf": promoted["tls.crt"],
		"old-ca": old, "foreign-ca": foreign["ca.crt"], "foreign-leaf": foreign["tls.crt"],
		"elsewhere-ca": elsewhereCA, "elsewhere": elsewhere["tls.crt"],
	}
	root := ended(t, nil, 730*day)
	renewed := again(t, nil, root.key, 731*day)
	shorter := again(t, nil, root.key, 100*day)
	intermediate := ended(t, root, 90*day)
	direct := ended(t, root, 365*day, host)
	chained := ended(t, intermediate, 365*day, host)
	names["shorter"], names["direct"] = shorter.pem(), direct.pem()
	names["root"], names["renewed"], names["intermediate"], names["chained"] = root.pem(), renewed.pem(), intermediate.pem(), chained.pem()
	chain := chained.secret(t, intermediate.pem(), root.pem())
	short := direct.secret(t, nil, root.pem())
	trusting := chained.secret(t, intermediate.pem(), bundle(intermediate.pem(), root.pem()))
	ca, next := good["ca.crt"], rotating["next-ca.crt"]
	both := bundle(ca, next)
	gone := observe(good, ca, ca)
	gone.Configurations = gone.Configurations[:1]
	empty := observe(good, ca, ca)
	empty.Configurations[1].Webhooks = nil
	two := observe(good, ca, next)
	two.Configurations[1].Webhooks = append(two.Configurations[1].Webhooks, issuer.Webhook{Name: "services.userscope.dev", CABundle: next})
	tests := []struct {
		name     string
		observed *issuer.Observation
		missing  error
		address  string
		after    time.Duration
		well     bool
	}{
		{name: "healthy", observed: observe(good, ca, ca), address: serve(t, good), after: 19 * day, well: true},
		{name: "healthy-not-asked", observed: observe(good, ca, ca), well: true},
		{name: "ca-kept-elsewhere", observed: observe(map[string][]byte{"ca.crt": ca, "tls.crt": good["tls.crt"], "tls.key": good["tls.key"]}, ca, ca), address: serve(t, good), well: true},
		{name: "next-ca-published", observed: observe(rotating, both, both), address: serve(t, good), well: true},
		{name: "next-ca-promoted", observed: observe(promoted, both, both), address: serve(t, good), well: true},
		{name: "old-ca-of-no-use", observed: observe(promoted, bundle(old, next), next), address: serve(t, promoted), after: 10 * day, well: true},

		{name: "intermediate-ca", observed: observe(chain, root.pem(), root.pem()), address: serve(t, chain), after: 59 * day, well: true},
		{name: "intermediate-ca-trusted-too", observed: observe(trusting, root.pem(), root.pem()), address: serve(t, trusting), well: true},
		{name: "ca-renewed-with-its-key", observed: observe(chain, renewed.pem(), bundle(root.pem(), renewed.pem())), address: serve(t, chain), well: true},

		{name: "intermediate-ca-expiring", observed: observe(chain, root.pem(), root.pem()), address: serve(t, chain), after: 64 * day},
		{name: "intermediate-ca-expired", observed: observe(chain, root.pem(), root.pem()), address: serve(t, chain), after: 91 * day},
		{name: "expiring-for-one-webhook", observed: observe(short, shorter.pem(), root.pem()), address: serve(t, short), after: 71 * day},
		{name: "expiring", observed: observe(good, ca, ca), address: serve(t, good), after: 22 * day},
		{name: "expired", observed: observe(good, ca, ca), address: serve(t, good), after: 31 * day},
		{name: "ca-expired", observed: observe(good, ca, ca), after: 731 * day},
		{name: "not-valid-yet", observed: observe(good, ca, ca), address: serve(t, good), after: -2 * time.Hour},
		{name: "empty", observed: observe(nil, nil, nil)},
		{name: "half-written", observed: observe(map[string][]byte{"ca.crt": ca, "tls.crt": good["tls.crt"], "next-ca.key": rotating["next-ca.key"]}, ca, ca), address: serve(t, good)},
		{name: "nobody-trusted", observed: observe(good, nil, []byte("garbage")), address: serve(t, good)},
		{name: "not-trusted", observed: two, address: serve(t, good)},
		{name: "another-served", observed: observe(good, ca, ca), address: serve(t, foreign)},
		{name: "another-service-serves", observed: observe(good, bundle(ca, elsewhereCA), bundle(ca, elsewhereCA)), address: serve(t, elsewhere)},
		{name: "nobody-serves", observed: observe(good, ca, ca), address: closed(t)},
		{name: "configuration-gone", observed: gone, missing: errors.New("ValidatingWebhookConfiguration zz-userscope: is not there")},
		{name: "several-missing", observed: empty, missing: errors.Join(errors.New("one is missing"), errors.New("another is missing"))},
	}
	golden := map[string]bool{}
	for _, test := range tests {
		file := filepath.Join("testdata", test.name+".golden")
		golden[file] = true
		t.Run(test.name, func(t *testing.T) {
			report := describe(t.Context(), test.observed, test.missing, host, test.address, now.Add(test.after))
			if well := len(report.Problems) == 0; well != test.well {
				t.Errorf("all is well: %t, want %t", well, test.well)
			}
			var out bytes.Buffer
			if err := report.Print(&out, now.Add(test.after)); err != nil {
				t.Fatal(err)
			}
			got := named(t, out.String(), names)
			if test.address != "" {
				got = strings.ReplaceAll(got, test.address, "127.0.0.1:10250")
			}
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got\n%s\nwant, by %s,\n%s", got, file, want)
			}
		})
	}
	files, err := filepath.Glob("testdata/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if !golden[file] {
			t.Errorf("no test compares anything with %s", file)
		}
	}
}

// Programs read the report too: its keys are theirs.
func TestReportAsJSON(t *testing.T) {
	good := do(t, nil, rotation.Fill{})
	for _, test := range []struct {
		name     string
		observed *issuer.Observation
		want     string
	}{
		{"well", observe(good, good["ca.crt"], good["ca.crt"]), `{
  "certificates": [
    {
      "where": "Secret ca.crt",
      "fingerprint": "CA",
      "notAfter": "2028-06-30T12:00:00Z",
      "state": "ok"
    },
    {
      "where": "Secret tls.crt",
      "fingerprint": "LEAF",
      "issuer": "CA",
      "notAfter": "2026-07-31T12:00:00Z",
      "state": "ok"
    },
    {
      "where": "MutatingWebhookConfiguration zz-userscope, pods.userscope.dev",
      "fingerprint": "CA",
      "notAfter": "2028-06-30T12:00:00Z",
      "state": "ok"
    },
    {
      "where": "ValidatingWebhookConfiguration zz-userscope, pods.userscope.dev",
      "fingerprint": "CA",
      "notAfter": "2028-06-30T12:00:00Z",
      "state": "ok"
    }
  ],
  "problems": []
}`},
		{"not well", &issuer.Observation{Secret: pki.ReadSecret(nil, host)}, `{
  "certificates": [
    {
      "where": "Secret tls.crt",
      "state": "there is no serving certificate that is of use"
    }
  ],
  "problems": [
    "Secret tls.crt: there is no serving certificate that is of use"
  ]
}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			out, err := json.MarshalIndent(describe(t.Context(), test.observed, nil, host, "", now), "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			got := string(out)
			for name, data := range map[string][]byte{"CA": good["ca.crt"], "LEAF": good["tls.crt"]} {
				certificates, err := pki.Decode(data)
				if err != nil {
					t.Fatal(err)
				}
				got = strings.ReplaceAll(got, string(pki.CA(certificates[0]).ID), name)
			}
			if got != test.want {
				t.Errorf("got\n%s\nwant\n%s", got, test.want)
			}
		})
	}
}

func TestSpan(t *testing.T) {
	for given, want := range map[time.Duration]string{
		0:                          "0s",
		1499 * time.Millisecond:    "1s",
		2*time.Hour - time.Second:  "1h59m59s",
		2 * time.Hour:              "2 hours",
		48*time.Hour - time.Second: "47 hours",
		48 * time.Hour:             "2 days",
		730 * day:                  "730 days",
	} {
		if got := span(given); got != want {
			t.Errorf("%s is %q, want %q", given, got, want)
		}
	}
}

// Whoever redirects the report to a full disk is told so, wherever the disk becomes full.
func TestPrintCannotWrite(t *testing.T) {
	good := do(t, nil, rotation.Fill{})
	for name, observed := range map[string]*issuer.Observation{"well": observe(good, good["ca.crt"], good["ca.crt"]), "not well": observe(nil, nil, nil)} {
		report := describe(t.Context(), observed, nil, host, "", now)
		for at := 0; ; at++ {
			w := &failing{at: at}
			err := report.Print(w, now)
			if w.writes <= at {
				break // that many there are not
			}
			if err == nil {
				t.Errorf("%s: write %d fails, and nobody is told", name, at)
			}
		}
	}
}

// failing fails one write.
type failing struct{ at, writes int }

func (f *failing) Write(data []byte) (int, error) {
	f.writes++
	if f.writes == f.at+1 {
		return 0, errors.New("no space left on device")
	}
	return len(data), nil
}
