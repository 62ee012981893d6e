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

// signing begins the keys of the CA's Secret in these tests, where the data of both Secrets are one map.
const signing = "signing/"

// read reads the data of both Secrets.
func read(both map[string][]byte) *pki.Secrets {
	serving, authorities := map[string][]byte{}, map[string][]byte{}
	for key, value := range both {
		if name, ok := strings.CutPrefix(key, signing); ok {
			authorities[name] = value
		} else {
			serving[key] = value
		}
	}
	return pki.ReadSecrets(serving, authorities, host)
}

// filled is the data of Secrets that the issuer filled.
func filled(t *testing.T) map[string][]byte {
	t.Helper()
	return do(t, do(t, nil, rotation.Fill{}, now), rotation.Renew{}, now)
}

// introduced is the data of Secrets that the issuer filled, and put the next CA into.
func introduced(t *testing.T) map[string][]byte {
	t.Helper()
	return do(t, filled(t), rotation.Introduce{}, now)
}

// earlier is the data as an earlier version kept them, all in the serving Secret.
func earlier(both map[string][]byte) map[string][]byte {
	one := map[string][]byte{}
	for key, value := range both {
		one[strings.TrimPrefix(key, signing)] = value
	}
	return one
}

// do returns the Secrets' data after an action.
func do(t *testing.T, both map[string][]byte, action rotation.Action, at time.Time) map[string][]byte {
	t.Helper()
	before := maps.Clone(both)
	serving, authorities, err := read(both).Do(action, at, settings)
	if err != nil {
		t.Fatal(err)
	}
	if (serving == nil) == (authorities == nil) {
		t.Errorf("%T writes %d keys of the serving Secret and %d of the CA's, want one of the two", action, len(serving), len(authorities))
	}
	if !maps.EqualFunc(both, before, bytes.Equal) {
		t.Error("the data that were read were changed")
	}
	after := map[string][]byte{}
	for key, value := range both {
		if strings.HasPrefix(key, signing) == (authorities == nil) {
			after[key] = value
		}
	}
	maps.Copy(after, serving)
	for key, value := range authorities {
		after[signing+key] = value
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

// Of the Secrets only what is whole is of use; what is half or foreign is said, and takes nothing else
// with it.
func TestReadSecrets(t *testing.T) {
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
		noCAPair   = "CA's Secret: ca.crt and ca.key are of no use: "
		noNextPair = "CA's Secret: next-ca.crt and next-ca.key are of no use: "
		noLeaf     = "Secret: tls.crt and tls.key are of no use: "
		readable   = "Secret: the nodes of the Pods that mount it can read its "
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
		{"with empty keys", data{"tls.crt": {}, "tls.key": {}, "ca.crt": {}, "ca.key": {}, "signing/ca.crt": {}, "signing/ca.key": nil, "signing/next-ca.crt": {}, "signing/next-ca.key": {}}, "", nil},
		{"filled", filled(t), "ca leaf", nil},
		{"in a rotation", whole, "ca next leaf", nil},
		{"with foreign keys beside", with(whole, data{"notes": []byte("ours"), "signing/notes": []byte("ours")}), "ca next leaf", nil},
		{"with a human's own CA", with(whole, data{"signing/ca.crt": humanCA, "signing/ca.key": humanKey, "tls.crt": nil, "tls.key": nil}), "ca next", nil},

		{"without the CA's key", with(whole, data{"signing/ca.key": nil}), "next leaf", nil},
		{"without the CA's certificate", with(whole, data{"signing/ca.crt": nil}), "next leaf", []string{noCAPair + "its certificate holds no certificate in PEM"}},
		{"without the CA and its key", with(whole, data{"signing/ca.crt": nil, "signing/ca.key": nil}), "next leaf", nil},
		{"with another CA's key", with(whole, data{"signing/ca.key": other["signing/ca.key"]}), "next leaf", []string{noCAPair + "its private key is of another certificate"}},
		{"with another CA", with(whole, data{"signing/ca.crt": other["signing/ca.crt"], "signing/ca.key": other["signing/ca.key"]}), "ca next leaf", nil},
		{"with another CA before it", with(whole, data{"signing/ca.crt": append(bytes.Clone(other["ca.crt"]), whole["ca.crt"]...)}), "ca next leaf", nil},
		{"with an RSA key", with(whole, data{"signing/ca.key": rsaKey(t)}), "next leaf", []string{noCAPair + "its private key is a *rsa.PrivateKey, want ECDSA"}},
		{"with a key that is cut", with(whole, data{"signing/ca.key": whole["signing/ca.key"][:50]}), "next leaf", []string{noCAPair + "its private key is no PKCS #8 key in PEM"}},
		{"with a key of another format", with(whole, data{"signing/ca.key": bytes.ReplaceAll(whole["signing/ca.key"], []byte("PRIVATE"), []byte("EC PRIVATE"))}), "next leaf",
			[]string{noCAPair + "its private key is no PKCS #8 key in PEM"}},
		{"with a key that is none", with(whole, data{"signing/ca.key": []byte("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")}), "next leaf", []string{noCAPair + "its private key: "}},
		{"with a CA for another Service", with(whole, data{"signing/next-ca.crt": foreignCA, "signing/next-ca.key": foreignKey}), "ca leaf", []string{noNextPair + "it cannot sign for " + host + ": "}},
		{"with a CA that is none", with(whole, data{"signing/next-ca.crt": noCA, "signing/next-ca.key": noCAKey}), "ca leaf", []string{noNextPair + "its certificate is not a CA's"}},
		{"without the next CA's key", with(whole, data{"signing/next-ca.key": nil}), "ca leaf", nil},
		{"without the next CA", with(whole, data{"signing/next-ca.crt": {}}), "ca leaf", []string{noNextPair + "its certificate holds no certificate in PEM"}},

		{"without the CA that is trusted", with(whole, data{"ca.crt": nil}), "ca next", []string{noLeaf + "ca.crt holds no certificate in PEM"}},
		{"with another CA that is trusted", with(whole, data{"ca.crt": other["ca.crt"]}), "ca next", []string{noLeaf + "the certificate does not chain to the CA: x509: "}},
		{"with another CA that is trusted too", with(whole, data{"ca.crt": append(bytes.Clone(other["ca.crt"]), whole["ca.crt"]...)}), "ca next leaf", nil},

		{"as an earlier version kept them", earlier(whole), "ca next leaf", []string{readable + "ca.key, next-ca.crt, next-ca.key: the issuer moves"}},
		{"as an earlier version kept them at rest", earlier(filled(t)), "ca leaf", []string{readable + "ca.key: "}},
		{"as an earlier version kept them, moved", with(whole, earlier(whole)), "ca next leaf", []string{readable}},
		{"as an earlier version kept them, and garbage", with(earlier(whole), data{"signing/ca.key": []byte("a")}), "ca next leaf", []string{noCAPair, readable}},
		{"as an earlier version kept them, and of no use", with(earlier(whole), data{"ca.key": []byte("a"), "next-ca.key": nil}), "leaf", []string{readable + "ca.key, next-ca.crt: "}},

		{"without the serving certificate", with(whole, data{"tls.crt": nil}), "ca next", []string{noLeaf + "tls: failed to find any PEM data in certificate input"}},
		{"without its key", with(whole, data{"tls.key": nil}), "ca next", []string{noLeaf + "tls: failed to find any PEM data in key input"}},
		{"without both", with(whole, data{"tls.crt": nil, "tls.key": nil}), "ca next", nil},
		{"with a mismatched pair", with(whole, data{"tls.key": other["tls.key"]}), "ca next", []string{noLeaf + "tls: private key does not match public key"}},
		{"with a foreign pair", with(whole, data{"tls.crt": other["tls.crt"], "tls.key": other["tls.key"]}), "ca next", []string{noLeaf + "the certificate does not chain to the CA: x509: "}},
		{"with another Service's pair", data{"ca.crt": pki.Encode(elsewhere.Certificate), "tls.crt": elsewhereCertificate, "tls.key": elsewhereKey}, "",
			[]string{noLeaf + "the certificate does not name the Service: "}},
		{"with the CA and its key as the pair", with(whole, data{"tls.crt": whole["ca.crt"], "tls.key": whole["signing/ca.key"]}), "ca next", []string{noLeaf + "the certificate does not name the Service: "}},
		{"with no certificate among the chain", with(whole, data{"tls.crt": append(bytes.Clone(leafCertificate), noCertificate...)}), "ca next", []string{noLeaf + "no TLS handshake succeeds with it: client: tls: failed to parse certificate from server: "}},
		{"garbage", data{"signing/ca.crt": []byte("a"), "signing/ca.key": []byte("b"), "signing/next-ca.crt": []byte("c"), "signing/next-ca.key": []byte("d"), "tls.crt": []byte("e"), "tls.key": []byte("f")}, "",
			[]string{noCAPair, noNextPair, noLeaf}},
		{"the serving pair alone", data{"tls.crt": leafCertificate, "tls.key": leafKey}, "", []string{noLeaf + "ca.crt holds no certificate in PEM"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := read(test.data)
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

// Whatever its validity, a certificate is in the Secrets: it is for the planner to judge.
func TestReadSecretsHasNoClock(t *testing.T) {
	for _, at := range []time.Time{now.Add(-100 * years), now.Add(100 * years)} {
		s := read(do(t, do(t, nil, rotation.Fill{}, at), rotation.Renew{}, at))
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
		s := read(map[string][]byte{"tls.crt": certificate, "tls.key": key, "ca.crt": pki.Encode(ca.Certificate)})
		if (s.Leaf != nil) != of {
			t.Errorf("ending after %s: of use %t, want %t", end, s.Leaf != nil, of)
		}
		for _, problem := range s.Problems {
			if strings.HasPrefix(problem, "Secret: tls.crt") && !strings.Contains(problem, "does not chain to the CA") {
				t.Errorf("the problem is %s", problem)
			}
		}
	}
}

// What the planner is told is what the Secret holds.
func TestObserved(t *testing.T) {
	s := read(introduced(t))
	o := s.Observed()
	if *o.CA != pki.CA(s.CA.Certificate) || *o.Next != pki.CA(s.Next.Certificate) || o.Leaf.Issuer != *o.CA {
		t.Errorf("observed %+v", o)
	}
	if want := (rotation.Validity{NotBefore: now.Add(-time.Hour), NotAfter: now.Add(30 * day)}); o.Leaf.Validity != want {
		t.Errorf("the serving certificate is valid %v, want %v", o.Leaf.Validity, want)
	}
	if o := read(nil).Observed(); o.Unmoved || o.Strays || o.Useless || o.CA != nil || o.Next != nil || o.Leaf != nil || o.Bundles != nil {
		t.Errorf("in an empty Secret %+v", o)
	}
	// The issuer of the serving certificate is trusted on even where its key is lost.
	lost := read(with(introduced(t), map[string][]byte{"signing/ca.key": nil}))
	if got := lost.Certificates(); len(got) != 2 || !got[0].Equal(lost.Issuer) || !got[1].Equal(lost.Next.Certificate) {
		t.Errorf("of a Secret without ca.key there are %d authorities", len(got))
	}
}

// Where the CAs lie, and what does not belong there, decides what moves.
func TestObservedPlaces(t *testing.T) {
	type data = map[string][]byte
	whole := introduced(t)
	for _, test := range []struct {
		name                     string
		given                    data
		unmoved, strays, useless bool
	}{
		{"whole", whole, false, false, false},
		{"as an earlier version kept them", earlier(whole), true, false, false},
		{"only the next CA is of use", with(earlier(whole), data{"ca.key": nil}), true, false, false},
		{"moved", with(whole, earlier(whole)), false, true, false},
		{"another CA is there", with(filled(t), earlier(whole)), false, true, false},
		{"an earlier version's are of no use", with(earlier(whole), data{"ca.key": []byte("a"), "next-ca.key": nil}), false, true, false},
		{"the next CA is of no use", with(whole, data{"signing/next-ca.key": []byte("a")}), false, false, true},
		{"the next CA's key is missing", with(whole, data{"signing/next-ca.key": nil}), false, false, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := read(test.given).Observed()
			if o.Unmoved != test.unmoved || o.Strays != test.strays || o.Useless != test.useless {
				t.Errorf("unmoved %t, strays %t, useless %t; want %t, %t, %t", o.Unmoved, o.Strays, o.Useless, test.unmoved, test.strays, test.useless)
			}
		})
	}
}

// Each action changes only its own keys, of one Secret, and leaves Secrets that are whole.
func TestDo(t *testing.T) {
	type data = map[string][]byte
	later := now.Add(20 * day)
	rotating := with(introduced(t), data{"notes": []byte("ours"), "signing/notes": []byte("ours")})
	signed := do(t, rotating, rotation.Promote{}, later)
	pairOfNext := []string{"ca.crt", "tls.crt", "tls.key"}
	bothCAs := []string{"signing/ca.crt", "signing/ca.key", "signing/next-ca.crt", "signing/next-ca.key"}
	tests := []struct {
		name    string
		before  data
		action  rotation.Action
		changes []string
		found   string // as in TestReadSecrets
	}{
		{"fill empty Secrets", nil, rotation.Fill{}, bothCAs[:2], "ca"},
		{"fill one that is half-written", with(rotating, data{"signing/ca.key": nil, "tls.key": {}}), rotation.Fill{}, bothCAs, "ca"},
		{"sign for the first time", do(t, nil, rotation.Fill{}, now), rotation.Renew{}, pairOfNext, "ca leaf"},
		{"introduce", filled(t), rotation.Introduce{}, bothCAs[2:], "ca next leaf"},
		{"introduce over a next CA that is of no use", with(rotating, data{"signing/next-ca.key": []byte("no")}), rotation.Introduce{}, bothCAs[2:], "ca next leaf"},
		{"introduce beside a CA that cannot be read", with(filled(t), data{"signing/ca.key": []byte("no")}), rotation.Introduce{}, bothCAs[2:], "next leaf"},
		{"promote", rotating, rotation.Promote{}, pairOfNext, "ca next leaf"},
		{"retire", signed, rotation.Retire{}, bothCAs, "ca leaf"},
		{"renew", rotating, rotation.Renew{}, pairOfNext[1:], "ca next leaf"},
		{"discard", with(rotating, data{"signing/next-ca.key": []byte("no")}), rotation.Discard{}, bothCAs[2:], "ca leaf"},
		{"discard beside a CA that cannot be read", with(rotating, data{"signing/ca.key": []byte("no")}), rotation.Discard{}, bothCAs[2:], "leaf"},
		{"move", earlier(rotating), rotation.Move{}, bothCAs, "ca next leaf"},
		{"move at rest", earlier(filled(t)), rotation.Move{}, bothCAs[:2], "ca leaf"},
		{"move over garbage", with(earlier(filled(t)), data{"signing/ca.key": []byte("no"), "signing/next-ca.key": []byte("no")}), rotation.Move{},
			[]string{"signing/ca.crt", "signing/ca.key", "signing/next-ca.key"}, "ca leaf"},
		{"strip", with(earlier(rotating), rotating), rotation.Strip{}, []string{"ca.key", "next-ca.crt", "next-ca.key"}, "ca next leaf"},
		{"renew beside an earlier version's", with(earlier(rotating), rotating), rotation.Renew{}, []string{"ca.key", "next-ca.crt", "next-ca.key", "tls.crt", "tls.key"}, "ca next leaf"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			after := do(t, test.before, test.action, later)
			var changed []string
			for _, key := range []string{
				"ca.crt", "ca.key", "next-ca.crt", "next-ca.key", "notes",
				"signing/ca.crt", "signing/ca.key", "signing/next-ca.crt", "signing/next-ca.key", "signing/notes", "tls.crt", "tls.key",
			} {
				if !bytes.Equal(test.before[key], after[key]) {
					changed = append(changed, key)
				}
			}
			if !slices.Equal(changed, test.changes) {
				t.Errorf("it changes %v, want %v", changed, test.changes)
			}
			s := read(after)
			var found []string
			for name, is := range map[string]bool{"ca": s.CA != nil, "next": s.Next != nil, "leaf": s.Leaf != nil} {
				if is {
					found = append(found, name)
				}
			}
			slices.SortFunc(found, func(a, b string) int { return strings.Index("ca next leaf", a) - strings.Index("ca next leaf", b) })
			if got := strings.Join(found, " "); got != test.found {
				t.Errorf("then of use are %s, want %s: %q", got, test.found, s.Problems)
			}
			if s.Leaf != nil && pki.Verify(s.Leaf, []*x509.Certificate{s.Issuer}, host, later) != nil {
				t.Error("then the serving certificate is not taken")
			}
		})
	}

	if !bytes.Equal(signed["ca.crt"], rotating["signing/next-ca.crt"]) {
		t.Error("another than the next CA was promoted")
	}
	retired := do(t, signed, rotation.Retire{}, later)
	for _, file := range []string{".crt", ".key"} {
		if !bytes.Equal(retired["signing/ca"+file], rotating["signing/next-ca"+file]) {
			t.Errorf("after the CA has retired, ca%s is another than the next CA's", file)
		}
	}
	// The moved CA is the same, so that nobody sees another.
	moved := do(t, earlier(rotating), rotation.Move{}, later)
	for _, key := range bothCAs {
		if !bytes.Equal(moved[key], rotating[key]) {
			t.Errorf("after the move %s is another", key)
		}
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
	end := read(data).CA.Certificate.NotAfter
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
		{"retire for nothing", filled(t), rotation.Retire{}, "there is no next CA"},
		{"renew without a CA", nil, rotation.Renew{}, "there is no CA to sign with"},
		{"publish", filled(t), rotation.Publish{}, "rotation.Publish does not write a Secret"},
	} {
		t.Run(test.name, func(t *testing.T) {
			serving, authorities, err := read(test.data).Do(test.action, now, settings)
			expect(t, err, test.want)
			if serving != nil || authorities != nil {
				t.Errorf("with the error come %d and %d keys", len(serving), len(authorities))
			}
		})
	}
}
