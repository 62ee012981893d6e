package policy

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// Digests of "alice:t1", computed with another implementation.
const (
	alicePlain = "b076b51a7d6fe4e26bd8c8eff4f1c34b62cac1cba16d205cd6283ae9214d52e0"
	aliceKeyed = "38f3bfc0eecde8be544ac6f18bfc4e4bd8110f9ca82392884972c4bc82907791"
	aliceOther = "ac4790729bdf5c3f2827806d4123ffc3452d61fc1013facf92dcb5e9f2694b1b"
)

var (
	alice    = Identity{User: "alice", Thread: "t1"}
	key      = Key("0123456789abcdef0123456789abcdef")
	otherKey = Key("another-key-of-the-gateway-32-by")
)

func TestSandboxID(t *testing.T) {
	if got := SandboxID(alice, nil); got != alicePlain {
		t.Errorf("plain: got %s", got)
	}
	if got := SandboxID(alice, key); got != aliceKeyed {
		t.Errorf("keyed: got %s", got)
	}
}

func TestKeysDoNotPrint(t *testing.T) {
	p := &Policy{Proof: ProofAlways, Keys: []Key{key}}
	if text, err := json.Marshal(p.Keys); err != nil || string(text) != `["[key]"]` {
		t.Errorf("as JSON: %s, %v", text, err)
	}
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		for _, value := range []any{key, p, *p} {
			if text := fmt.Sprintf(format, value); strings.Contains(text, "0123456789") || strings.Contains(text, "3031323334") || strings.Contains(text, "48 49 50") {
				t.Errorf("%s of %T shows the key: %s", format, value, text)
			}
		}
	}
}

func TestProves(t *testing.T) {
	for _, test := range []struct {
		name, sandboxID string
		keys            []Key
		want            bool
	}{
		{"the shortest proof", alicePlain[:16], nil, true},
		{"the longest proof", alicePlain[:63], nil, true},
		{"a digit too few", alicePlain[:15], nil, false},
		{"a digit too many", alicePlain, nil, false},
		{"nothing", "", nil, false},
		{"another digit at the end", alicePlain[:15] + "0", nil, false},
		{"upper-case digits", strings.ToUpper(alicePlain[:16]), nil, false},
		{"no hex digits", strings.Repeat("g", 16), nil, false},
		{"a plain hash where there is a key", alicePlain[:16], []Key{key}, false},
		{"of the first key", aliceKeyed[:16], []Key{key, otherKey}, true},
		{"of the second key", aliceOther[:16], []Key{key, otherKey}, true},
		{"of a key that is gone", aliceOther[:16], []Key{key}, false},
	} {
		p := &Policy{Keys: test.keys}
		if got := p.Proves(test.sandboxID, alice); got != test.want {
			t.Errorf("%s: got %t, want %t", test.name, got, test.want)
		}
	}
}

func TestBelieves(t *testing.T) {
	const short, wrong = "0123456789abcde", "0123456789abcdef"
	for _, test := range []struct {
		proof     Proof
		sandboxID string
		source    Source
		want      bool
	}{
		{ProofAdopted, "", SourceLabel, true},
		{ProofAdopted, "", SourceAnnotation, true},
		{ProofAdopted, "", SourceDefault, true},
		{ProofAdopted, "", SourceSubPath, false},
		{ProofAdopted, short, SourceLabel, true},
		{ProofAdopted, wrong, SourceLabel, false},
		{ProofAdopted, strings.ToUpper(wrong), SourceLabel, false},
		{ProofAdopted, "no-hex-digits-here", SourceLabel, true},
		{ProofAlways, "", SourceLabel, false},
		{ProofNever, wrong, SourceLabel, true},
		{ProofNever, wrong, SourceSubPath, true},
		{ProofNever, wrong, SourceDefault, false},
		{ProofNever, short, SourceDefault, true},
	} {
		p := &Policy{Proof: test.proof}
		if got := p.Believes(test.sandboxID, test.source); got != test.want {
			t.Errorf("proof %s, sandbox id %q, source %s: got %t, want %t", test.proof, test.sandboxID, test.source, got, test.want)
		}
	}
}
