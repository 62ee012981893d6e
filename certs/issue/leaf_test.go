package issue

import (
	"testing"
	"time"

	"userscope.dev/userscope/certs/plan"
)

// No serving Pod takes a certificate whose CA has expired, or is not valid yet, so the Secret's counts for as
// long as both are valid.
func TestLeafIsValidWithItsCA(t *testing.T) {
	now := time.Now().Truncate(time.Second)
	const host = "userscope.userscope-system.svc"
	authority, err := NewAuthority(now, time.Hour, host)
	if err != nil {
		t.Fatal(err)
	}
	certificate, key, err := authority.Issue(now.Add(-24*time.Hour), now.Add(24*time.Hour), host)
	if err != nil {
		t.Fatal(err)
	}
	data := map[string][]byte{ServingCertificate: certificate, ServingKey: key, CACertificate: Encode(authority.Certificate)}
	leaf := ReadSecret(data, host).Observed().Leaf
	if leaf == nil {
		t.Fatal("the certificate is of no use")
	}
	if want := CA(authority.Certificate).Validity; leaf.Validity != want {
		t.Errorf("the certificate counts as valid %v, want as its CA, %v", leaf.Validity, want)
	}
	if (plan.Validity{NotBefore: leaf.NotBefore, NotAfter: leaf.NotAfter}).Holds(now.Add(2 * time.Hour)) {
		t.Error("it outlives its CA")
	}
}
