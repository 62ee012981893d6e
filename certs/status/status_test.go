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
	"maps"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"

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

// secrets are the data of the serving Secret and of the CA's Secret.
type secrets struct{ serving, authorities map[string][]byte }

// do returns the Secrets after some actions, all of them now.
func (s secrets) do(t *testing.T, actions ...rotation.Action) secrets {
	t.Helper()
	for _, action := range actions {
		serving, authorities, err := pki.ReadSecrets(s.serving, s.authorities, host).Do(action, now, rotation.Defaults())
		if err != nil {
			t.Fatal(err)
		}
		if serving != nil {
			s.serving = serving
		}
		if authorities != nil {
			s.authorities = authorities
		}
	}
	return s
}

// filled are Secrets that the issuer has filled.
func filled(t *testing.T) secrets {
	t.Helper()
	return secrets{}.do(t, rotation.Fill{}, rotation.Renew{})
}

// observe returns what is seen of the Secrets, and of a caBundle in each of the two configurations.
func (s secrets) observe(mutating, validating []byte) *issuer.Observation {
	configuration := func(kind string, caBundle []byte) *issuer.Configuration {
		return &issuer.Configuration{Kind: kind, Name: "zz-userscope", Webhooks: []issuer.Webhook{webhook("pods.userscope.dev", caBundle)}}
	}
	return &issuer.Observation{
		Secrets:        pki.ReadSecrets(s.serving, s.authorities, host),
		Configurations: []*issuer.Configuration{configuration(issuer.Mutating, mutating), configuration(issuer.Validating, validating)},
	}
}

// webhook is one as the chart has it.
func webhook(name string, caBundle []byte) issuer.Webhook {
	return issuer.Webhook{Name: name, CABundle: caBundle, Calls: host, FailurePolicy: admissionregistrationv1.Fail}
}

// observe is what is seen of a serving Secret without the CA's.
func observe(serving map[string][]byte, mutating, validating []byte) *issuer.Observation {
	return secrets{serving: serving}.observe(mutating, validating)
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
	good, foreign := filled(t), filled(t)
	rotating := good.do(t, rotation.Introduce{})
	promoted := rotating.do(t, rotation.Promote{})
	retired := promoted.do(t, rotation.Retire{})
	unmoved := secrets{serving: maps.Clone(good.serving)}
	unmoved.serving["ca.key"] = good.authorities["ca.key"]
	moved := secrets{unmoved.serving, good.authorities}
	old, _ := issued(t, 9*day, host)
	elsewhereCA, elsewhere := issued(t, 9*day, "a.b.svc")
	names := map[string][]byte{
		"ca": good.serving["ca.crt"], "leaf": good.serving["tls.crt"], "next-ca": promoted.serving["ca.crt"], "next-leaf": promoted.serving["tls.crt"],
		"old-ca": old, "foreign-ca": foreign.serving["ca.crt"], "foreign-leaf": foreign.serving["tls.crt"],
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
	ca, next := good.serving["ca.crt"], rotating.authorities["next-ca.crt"]
	both := bundle(ca, next)
	gone := good.observe(ca, ca)
	gone.Configurations = gone.Configurations[:1]
	empty := good.observe(ca, ca)
	empty.Configurations[1].Webhooks = nil
	two := good.observe(ca, next)
	two.Configurations[1].Webhooks = append(two.Configurations[1].Webhooks, webhook("services.userscope.dev", next))
	elsewhereCalled := good.observe(ca, ca)
	elsewhereCalled.Configurations[0].Webhooks[0].Calls = "userscope.elsewhere.svc"
	elsewhereCalled.Configurations[1].Webhooks[0].Calls = "https://webhooks.example/validate"
	ignoring := good.observe(ca, ca)
	ignoring.Configurations[1].Webhooks[0].FailurePolicy = admissionregistrationv1.Ignore
	immutable := good.observe(ca, ca)
	immutable.Immutable = []string{"userscope-system/userscope-tls"}
	tests := []struct {
		name     string
		observed *issuer.Observation
		missing  error
		address  string
		after    time.Duration
		well     bool
	}{
		{name: "healthy", observed: good.observe(ca, ca), address: serve(t, good.serving), after: 19 * day, well: true},
		{name: "healthy-not-asked", observed: good.observe(ca, ca), well: true},
		{name: "ca-kept-elsewhere", observed: observe(good.serving, ca, ca), address: serve(t, good.serving), well: true},
		{name: "next-ca-published", observed: rotating.observe(both, both), address: serve(t, good.serving), well: true},
		{name: "next-ca-promoted", observed: promoted.observe(both, both), address: serve(t, good.serving), well: true},
		{name: "ca-retired", observed: retired.observe(both, both), address: serve(t, retired.serving)},
		{name: "old-ca-of-no-use", observed: retired.observe(bundle(old, next), next), address: serve(t, promoted.serving), after: 10 * day, well: true},

		{name: "intermediate-ca", observed: observe(chain, root.pem(), root.pem()), address: serve(t, chain), after: 59 * day, well: true},
		{name: "intermediate-ca-trusted-too", observed: observe(trusting, root.pem(), root.pem()), address: serve(t, trusting), well: true},
		{name: "ca-renewed-with-its-key", observed: observe(chain, renewed.pem(), bundle(root.pem(), renewed.pem())), address: serve(t, chain), well: true},

		{name: "intermediate-ca-expiring", observed: observe(chain, root.pem(), root.pem()), address: serve(t, chain), after: 64 * day},
		{name: "intermediate-ca-expired", observed: observe(chain, root.pem(), root.pem()), address: serve(t, chain), after: 91 * day},
		{name: "expiring-for-one-webhook", observed: observe(short, shorter.pem(), root.pem()), address: serve(t, short), after: 71 * day},
		{name: "expiring", observed: good.observe(ca, ca), address: serve(t, good.serving), after: 22 * day},
		{name: "expired", observed: good.observe(ca, ca), address: serve(t, good.serving), after: 31 * day},
		{name: "ca-expired", observed: good.observe(ca, ca), after: 731 * day},
		{name: "not-valid-yet", observed: good.observe(ca, ca), address: serve(t, good.serving), after: -2 * time.Hour},
		{name: "foreign-ca-trusted-too", observed: good.observe(bundle(ca, foreign.serving["ca.crt"]), ca), address: serve(t, good.serving)},
		{name: "old-ca-trusted-while-there-is-no-certificate", observed: secrets{}.observe(old, nil)},
		{name: "another-service-called", observed: elsewhereCalled},
		{name: "failures-ignored", observed: ignoring},
		{name: "secret-immutable", observed: immutable},
		{name: "ca-where-pods-mount-it", observed: unmoved.observe(ca, ca), address: serve(t, good.serving)},
		{name: "ca-left-where-pods-mount-it", observed: moved.observe(ca, ca), address: serve(t, good.serving)},
		{name: "empty", observed: observe(nil, nil, nil)},
		{name: "half-written", observed: secrets{
			map[string][]byte{"ca.crt": ca, "tls.crt": good.serving["tls.crt"]},
			map[string][]byte{"ca.crt": ca, "next-ca.key": rotating.authorities["next-ca.key"]},
		}.observe(ca, ca), address: serve(t, good.serving)},
		{name: "nobody-trusted", observed: good.observe(nil, []byte("garbage")), address: serve(t, good.serving)},
		{name: "not-trusted", observed: two, address: serve(t, good.serving)},
		{name: "another-served", observed: good.observe(ca, ca), address: serve(t, foreign.serving)},
		{name: "another-service-serves", observed: good.observe(bundle(ca, elsewhereCA), bundle(ca, elsewhereCA)), address: serve(t, elsewhere)},
		{name: "nobody-serves", observed: good.observe(ca, ca), address: closed(t)},
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
	good := filled(t)
	for _, test := range []struct {
		name     string
		observed *issuer.Observation
		want     string
	}{
		{"well", good.observe(good.serving["ca.crt"], good.serving["ca.crt"]), `{
  "certificates": [
    {
      "where": "CA's Secret ca.crt",
      "fingerprint": "CA",
      "notAfter": "2028-06-30T12:00:00Z",
      "state": "ok"
    },
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
		{"not well", &issuer.Observation{Secrets: pki.ReadSecrets(nil, nil, host)}, `{
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
			for name, data := range map[string][]byte{"CA": good.serving["ca.crt"], "LEAF": good.serving["tls.crt"]} {
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
	good := filled(t)
	for name, observed := range map[string]*issuer.Observation{"well": good.observe(good.serving["ca.crt"], good.serving["ca.crt"]), "not well": observe(nil, nil, nil)} {
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
