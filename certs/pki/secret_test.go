package pki_test

import (
	"bytes"
	"crypto/x509"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"userscope.dev/userscope/certs/pki"
	"userscope.dev/userscope/certs/rotation"
)

var settings = rotation.Defaults()

// filled is the data of a Secret that the issuer filled.
func filled(t *testing.T) map[string][]byte {
	t.Helper()
	return do(t, nil, rotation.Fill{}, now)
}

// introduced is the data of a Secret that the issuer filled, and put the next CA into.
func introduced(t *testing.T) map[string][]byte {
	t.Helper()
	return do(t, filled(t), rotation.Introduce{}, now)
}

// do returns the Secret's data after an action.
func do(t *testing.T, data map[string][]byte, action rotation.Action, at time.Time) map[string][]byte {
	t.Helper()
	before := maps.Clone(data)
	after, err := pki.ReadSecret(data, host).Do(action, at, settings)
	if err != nil {
		t.Fatal(err)
	}
	if !maps.EqualFunc(data, before, bytes.Equal) {
		t.Error("the data that were read were changed")
	}
	return after
}

// with returns data that differ in some keys; nil takes a key away.
func with(data, changes map[string][]byte) map[string][]byte {
	changed := maps.Clone(data)
	for key, value := range changes {
		changed[key] = value
		if value == nil {
			delete(changed, key)
		}
	}
	return changed
}

// Of a Secret only what is whole is of use; what is half or foreign is said, and takes nothing else
// with it.
func TestReadSecret(t *testing.T) {
	type data = map[string][]byte
	whole := introduced(t)
	other := introduced(t)
	elsewhere := newAuthority(t, "a.b.svc")
	_, elsewhereCertificate, elsewhereKey := issued(t, elsewhere, "a.b.svc")
	human := (*signer)(nil).sign(t, ca("human"))
	humanCA, humanKey := human.pem(t)
	leafKey, leafCertificate := whole["tls.key"], whole["tls.crt"]
	noCA, noCAKey := (*signer)(nil).sign(t, &x509.Certificate{DNSNames: []string{host}}).pem(t)
	constrained := ca("constrained")
	constrained.PermittedDNSDomains = []string{"a.b.svc"}
	foreignCA, foreignKey := (*signer)(nil).sign(t, constrained).pem(t)
	const (
		noCAPair   = "ca.crt and ca.key are of no use: "
		noNextPair = "next-ca.crt and next-ca.key are of no use: "
		noLeaf     = "tls.crt and tls.key are of no use: "
	)
	tests := []struct {
		name string
		data data
		// found is what is of use, in the order ca, next, leaf.
		found    string
		problems []string
	}{
		{"none", nil, "", nil},
		{"with foreign keys alone", data{"notes": []byte("ours")}, "", nil},
		{"with empty keys", data{"tls.crt": {}, "tls.key": {}, "ca.crt": {}, "ca.key": nil, "next-ca.crt": {}, "next-ca.key": {}}, "", nil},
		{"filled", filled(t), "ca leaf", nil},
		{"in a rotation", whole, "ca next leaf", nil},
		{"with foreign keys beside", with(whole, data{"notes": []byte("ours")}), "ca next leaf", nil},
		{"with a human's own CA", with(whole, data{"ca.crt": humanCA, "ca.key": humanKey, "tls.crt": nil, "tls.key": nil}), "ca next", nil},

		{"without the CA's key", with(whole, data{"ca.key": nil}), "next leaf", nil},
		{"without the CA", with(whole, data{"ca.crt": nil}), "next", []string{noCAPair + "its certificate holds no certificate in PEM", noLeaf + "ca.crt holds no certificate in PEM"}},
		{"without the CA and its key", with(whole, data{"ca.crt": nil, "ca.key": nil}), "next", []string{noLeaf + "ca.crt holds no certificate in PEM"}},
		{"with another CA's key", with(whole, data{"ca.key": other["ca.key"]}), "next leaf", []string{noCAPair + "its private key is of another certificate"}},
		{"with another CA", with(whole, data{"ca.crt": other["ca.crt"], "ca.key": other["ca.key"]}), "ca next", []string{noLeaf + "the certificate does not chain to the CA: x509: "}},
		{"with another CA before it", with(whole, data{"ca.crt": append(bytes.Clone(other["ca.crt"]), whole["ca.crt"]...)}), "ca next leaf", nil},
		{"with an RSA key", with(whole, data{"ca.key": rsaKey(t)}), "next leaf", []string{noCAPair + "its private key is a *rsa.PrivateKey, want ECDSA"}},
		{"with a key that is cut", with(whole, data{"ca.key": whole["ca.key"][:50]}), "next leaf", []string{noCAPair + "its private key is no PKCS #8 key in PEM"}},
		{"with a key of another format", with(whole, data{"ca.key": bytes.ReplaceAll(whole["ca.key"], []byte("PRIVATE"), []byte("EC PRIVATE"))}), "next leaf", []string{noCAPair + "its private key is no PKCS #8 key in PEM"}},
		{"with a key that is none", with(whole, data{"ca.key": []byte("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")}), "next leaf", []string{noCAPair + "its private key: "}},
		{"with a CA for another Service", with(whole, data{"next-ca.crt": foreignCA, "next-ca.key": foreignKey}), "ca leaf", []string{noNextPair + "it cannot sign for " + host + ": "}},
		{"with a CA that is none", with(whole, data{"next-ca.crt": noCA, "next-ca.key": noCAKey}), "ca leaf", []string{noNextPair + "its certificate is not a CA's"}},
		{"without the next CA's key", with(whole, data{"next-ca.key": nil}), "ca leaf", nil},
		{"without the next CA", with(whole, data{"next-ca.crt": {}}), "ca leaf", []string{noNextPair + "its certificate holds no certificate in PEM"}},

		{"without the serving certificate", with(whole, data{"tls.crt": nil}), "ca next", []string{noLeaf + "tls: failed to find any PEM data in certificate input"}},
		{"without its key", with(whole, data{"tls.key": nil}), "ca next", []string{noLeaf + "tls: failed to find any PEM data in key input"}},
		{"without both", with(whole, data{"tls.crt": nil, "tls.key": nil}), "ca next", nil},
		{"with a mismatched pair", with(whole, data{"tls.key": other["tls.key"]}), "ca next", []string{noLeaf + "tls: private key does not match public key"}},
		{"with a foreign pair", with(whole, data{"tls.crt": other["tls.crt"], "tls.key": other["tls.key"]}), "ca next", []string{noLeaf + "the certificate does not chain to the CA: x509: "}},
		{"with another Service's pair", data{"ca.crt": pki.Encode(elsewhere.Certificate), "tls.crt": elsewhereCertificate, "tls.key": elsewhereKey}, "",
			[]string{noLeaf + "the certificate does not name the Service: "}},
		{"with the CA and its key as the pair", with(whole, data{"tls.crt": whole["ca.crt"], "tls.key": whole["ca.key"]}), "ca next", []string{noLeaf + "the certificate does not name the Service: "}},
		{"with no certificate among the chain", with(whole, data{"tls.crt": append(bytes.Clone(leafCertificate), noCertificate...)}), "ca next", []string{noLeaf + "no TLS handshake succeeds with it: client: tls: failed to parse certificate from server: "}},
		{"garbage", data{"ca.crt": []byte("a"), "ca.key": []byte("b"), "next-ca.crt": []byte("c"), "next-ca.key": []byte("d"), "tls.crt": []byte("e"), "tls.key": []byte("f")}, "",
			[]string{noCAPair, noNextPair, noLeaf}},
		{"the serving pair alone", data{"tls.crt": leafCertificate, "tls.key": leafKey}, "", []string{noLeaf + "ca.crt holds no certificate in PEM"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := pki.ReadSecret(test.data, host)
			found := ""
			for _, part := range []struct {
				name string
				is   bool
			}{{" ca", s.CA != nil}, {" next", s.Next != nil}, {" leaf", s.Leaf != nil}} {
				if part.is {
					found += part.name
				}
			}
			if want := " " + test.found; found != want && found != test.found {
				t.Errorf("of use are%s, want%s", found, want)
			}
			if len(s.Leaf) > 0 && s.Leaf[0].CheckSignatureFrom(s.Issuer) != nil {
				t.Error("the serving certificate is said to be of another authority")
			}
			if len(s.Problems) != len(test.problems) {
				t.Fatalf("the problems are %q, want %q", s.Problems, test.problems)
			}
			for i, want := range test.problems {
				if got := s.Problems[i]; len(got) < len(want) || got[:len(want)] != want {
					t.Errorf("problem %q, want %q…", got, want)
				}
			}
		})
	}
}

// Whatever its validity, a certificate is in the Secret: it is for the planner to judge.
func TestReadSecretHasNoClock(t *testing.T) {
	for _, at := range []time.Time{now.Add(-100 * years), now.Add(100 * years)} {
		s := pki.ReadSecret(do(t, nil, rotation.Fill{}, at), host)
		if s.CA == nil || s.Leaf == nil || len(s.Problems) > 0 {
			t.Errorf("of %s: %v", at, s.Problems)
		}
	}
	// A certificate that began before its CA, as a human may plant it, is never valid where it
	// ended before it; else it is when the CA is.
	ca, err := pki.NewAuthority(now.Add(40*day), years, host)
	if err != nil {
		t.Fatal(err)
	}
	for end, of := range map[time.Duration]bool{30 * day: false, 50 * day: true} {
		certificate, key, err := ca.Issue(now, now.Add(end), host)
		if err != nil {
			t.Fatal(err)
		}
		s := pki.ReadSecret(map[string][]byte{"tls.crt": certificate, "tls.key": key, "ca.crt": pki.Encode(ca.Certificate)}, host)
		if (s.Leaf != nil) != of {
			t.Errorf("ending after %s: of use %t, want %t", end, s.Leaf != nil, of)
		}
		for _, problem := range s.Problems {
			if strings.HasPrefix(problem, "tls.crt") && !strings.Contains(problem, "does not chain to the CA") {
				t.Errorf("the problem is %s", problem)
			}
		}
	}
}

// What the planner is told is what the Secret holds.
func TestObserved(t *testing.T) {
	s := pki.ReadSecret(introduced(t), host)
	o := s.Observed()
	if *o.CA != pki.CA(s.CA.Certificate) || *o.Next != pki.CA(s.Next.Certificate) || o.Leaf.Issuer != *o.CA {
		t.Errorf("observed %+v", o)
	}
	if want := (rotation.Validity{NotBefore: now.Add(-time.Hour), NotAfter: now.Add(30 * day)}); o.Leaf.Validity != want {
		t.Errorf("the serving certificate is valid %v, want %v", o.Leaf.Validity, want)
	}
	if o := pki.ReadSecret(nil, host).Observed(); o.CA != nil || o.Next != nil || o.Leaf != nil || o.Bundles != nil {
		t.Errorf("in an empty Secret %+v", o)
	}
	// The issuer of the serving certificate is trusted on even where its key is lost.
	lost := pki.ReadSecret(with(introduced(t), map[string][]byte{"ca.key": nil}), host)
	if got := lost.Certificates(); len(got) != 2 || !got[0].Equal(lost.Issuer) || !got[1].Equal(lost.Next.Certificate) {
		t.Errorf("of a Secret without ca.key there are %d authorities", len(got))
	}
}

// Each action changes only what it is about, and leaves a Secret that is whole.
func TestDo(t *testing.T) {
	later := now.Add(20 * day)
	long := do(t, nil, rotation.Fill{}, later.Add(-years-time.Second))
	expired := map[string][]byte{"next-ca.crt": long["ca.crt"], "next-ca.key": long["ca.key"]}
	rotating := with(introduced(t), map[string][]byte{"notes": []byte("ours")})
	tests := []struct {
		name    string
		before  map[string][]byte
		action  rotation.Action
		changes []string
		found   string // as in TestReadSecret
	}{
		{"fill an empty Secret", nil, rotation.Fill{}, []string{"ca.crt", "ca.key", "tls.crt", "tls.key"}, "ca leaf"},
		{"fill one that is half-written", with(rotating, map[string][]byte{"ca.key": nil, "tls.key": {}}), rotation.Fill{},
			[]string{"ca.crt", "ca.key", "next-ca.crt", "next-ca.key", "tls.crt", "tls.key"}, "ca leaf"},
		{"introduce", with(filled(t), map[string][]byte{"notes": []byte("ours")}), rotation.Introduce{}, []string{"next-ca.crt", "next-ca.key"}, "ca next leaf"},
		{"introduce over what is of no use", with(rotating, map[string][]byte{"next-ca.key": []byte("no")}), rotation.Introduce{}, []string{"next-ca.crt", "next-ca.key"}, "ca next leaf"},
		{"promote", rotating, rotation.Promote{}, []string{"ca.crt", "ca.key", "next-ca.crt", "next-ca.key", "tls.crt", "tls.key"}, "ca leaf"},
		{"renew", rotating, rotation.Renew{}, []string{"tls.crt", "tls.key"}, "ca next leaf"},
		{"renew beside a next CA that is of no use", with(rotating, map[string][]byte{"next-ca.key": []byte("no")}), rotation.Renew{},
			[]string{"next-ca.crt", "next-ca.key", "tls.crt", "tls.key"}, "ca leaf"},
		{"renew beside a next CA that has expired", with(rotating, expired), rotation.Renew{}, []string{"next-ca.crt", "next-ca.key", "tls.crt", "tls.key"}, "ca leaf"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			after := do(t, test.before, test.action, later)
			var changed []string
			for _, key := range []string{"ca.crt", "ca.key", "next-ca.crt", "next-ca.key", "notes", "tls.crt", "tls.key"} {
				if !bytes.Equal(test.before[key], after[key]) {
					changed = append(changed, key)
				}
			}
			if !slices.Equal(changed, test.changes) {
				t.Errorf("it changes %v, want %v", changed, test.changes)
			}
			s := pki.ReadSecret(after, host)
			if len(s.Problems) > 0 || s.CA == nil || s.Leaf == nil {
				t.Fatalf("then the Secret is not whole: %q", s.Problems)
			}
			_, hasNext := after["next-ca.crt"]
			_, hasNextKey := after["next-ca.key"]
			if want := test.found == "ca next leaf"; (s.Next != nil) != want || hasNext != want || hasNextKey != want {
				t.Errorf("then there is a next CA: %t, its keys %t and %t; want %t", s.Next != nil, hasNext, hasNextKey, want)
			}
			if err := pki.Verify(s.Leaf, []*x509.Certificate{s.CA.Certificate}, host, later); err != nil {
				t.Errorf("then the serving certificate is not taken: %v", err)
			}
		})
	}

	promoted := do(t, rotating, rotation.Promote{}, later)
	if !bytes.Equal(promoted["ca.crt"], rotating["next-ca.crt"]) {
		t.Error("another than the next CA was promoted")
	}
}

// Whatever else is in ca.crt goes with the next certificate: serving Pods would trust it.
func TestRenewClearsTheCA(t *testing.T) {
	data, foreign := filled(t), filled(t)
	both := with(data, map[string][]byte{"ca.crt": append(bytes.Clone(foreign["ca.crt"]), data["ca.crt"]...)})
	if after := do(t, both, rotation.Renew{}, now); !bytes.Equal(after["ca.crt"], data["ca.crt"]) {
		t.Errorf("ca.crt is then\n%s", after["ca.crt"])
	}
}

// A certificate ends with its CA at the latest: it would not be taken any more.
func TestCertificateEndsWithItsCA(t *testing.T) {
	data := filled(t)
	end := pki.ReadSecret(data, host).CA.Certificate.NotAfter
	for _, test := range []struct {
		name     string
		at, want time.Time
	}{
		{"in the CA's youth", now, now.Add(30 * day)},
		{"just long enough before its end", end.Add(-30 * day), end},
		{"shortly before its end", end.Add(-time.Hour), end},
	} {
		t.Run(test.name, func(t *testing.T) {
			after := decode(t, do(t, data, rotation.Renew{}, test.at)["tls.crt"])
			if !after[0].NotAfter.Equal(test.want) {
				t.Errorf("it ends at %s, want %s", after[0].NotAfter, test.want)
			}
		})
	}
}

// What cannot be done is an error, and no half-changed Secret.
func TestDoRefuses(t *testing.T) {
	for _, test := range []struct {
		name   string
		data   map[string][]byte
		action rotation.Action
		want   string
	}{
		{"promote nothing", filled(t), rotation.Promote{}, "there is no CA to sign with"},
		{"renew without a CA", nil, rotation.Renew{}, "there is no CA to sign with"},
		{"publish", filled(t), rotation.Publish{}, "rotation.Publish does not write the Secret"},
	} {
		t.Run(test.name, func(t *testing.T) {
			data, err := pki.ReadSecret(test.data, host).Do(test.action, now, settings)
			expect(t, err, test.want)
			if data != nil {
				t.Errorf("with the error comes %d keys", len(data))
			}
		})
	}
}
