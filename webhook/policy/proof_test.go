package policy

import (
	"encoding/json"
	"fmt"
	"slices"
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
	if got := SandboxID("alice:t1", nil); got != alicePlain {
		t.Errorf("plain: got %s", got)
	}
	if got := SandboxID("alice:t1", key); got != aliceKeyed {
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
		p := Policies{{Keys: test.keys, ProofOf: []ProofText{DefaultProofText(true)}}}
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
		{ProofAdopted, alicePlain[:8], SourceDefault, true},
		{ProofAdopted, "628b49d9", SourceDefault, true},
		{ProofAdopted, "01234567", SourceDefault, false},
		{ProofNever, "01234567", SourceDefault, false},
		{ProofNever, "01234567", SourceLabel, true},
	} {
		p := Policies{{Proof: test.proof, ProofOf: []ProofText{DefaultProofText(true)}}}
		if got := p.Believes(test.sandboxID, Identity{User: "alice", Thread: "t1", Source: test.source}); got != test.want {
			t.Errorf("proof %s, sandbox id %q, source %s: got %t, want %t", test.proof, test.sandboxID, test.source, got, test.want)
		}
	}
}

// A Pod of policies with and without threads is proved by the texts that hold just the ids that it has.
func TestTextsOfTheIdentity(t *testing.T) {
	parsed := func(text string, threads bool) ProofText {
		template, err := ParseProofText(text, threads)
		if err != nil {
			t.Fatal(err)
		}
		return template
	}
	policies := Policies{
		{ProofOf: []ProofText{parsed("{user}:{thread}", true), parsed("mount-v2:{user}:{thread}", true)}},
		{ProofOf: []ProofText{parsed("{user}", false)}},
	}
	for _, test := range []struct {
		id   Identity
		want []string
	}{
		{alice, []string{"alice:t1", "mount-v2:alice:t1"}},
		{Identity{User: "alice"}, []string{"alice"}},
	} {
		if got := policies.ProofTexts(test.id); !slices.Equal(got, test.want) {
			t.Errorf("%s: %q, want %q", test.id, got, test.want)
		}
		for _, text := range test.want {
			if !policies.Proves(SandboxID(text, nil)[:16], test.id) {
				t.Errorf("%q does not prove %s", text, test.id)
			}
		}
	}
	if policies.Proves(SandboxID("alice", nil)[:16], alice) || policies.Proves(SandboxID("alice:t1", nil)[:16], Identity{User: "alice"}) {
		t.Error("a text with other ids proves an identity")
	}
}

func TestParseProofText(t *testing.T) {
	for _, test := range []struct {
		text    string
		threads bool
		want    string
	}{
		{"{user}:{thread}", true, ""},
		{"mount-v2:{thread}:{user}:end", true, ""},
		{"{user}", false, ""},
		{"", false, "must not have an empty part: colons divide"},
		{"{user}:{thread}:", true, "must not have an empty part: colons divide"},
		{"{user}", true, "must hold {thread} once, as the layout has threads"},
		{"{thread}", true, "must hold {user} once"},
		{"{user}:{user}:{thread}", true, "must hold {user} once"},
		{"{user}:{thread}", false, "must not hold {thread}: the layout has no threads"},
		{"u-{user}:{thread}", true, `part "u-{user}": only {user} and {thread} are placeholders, and colons divide each from the rest`},
		{"{user}:{thread}:{run}", true, `part "{run}": only {user} and {thread} are placeholders, and colons divide each from the rest`},
		{"a b:{user}:{thread}", true, `part "a b": must be of printable ASCII without spaces`},
	} {
		got, err := ParseProofText(test.text, test.threads)
		switch {
		case test.want == "" && (err != nil || got.String() != test.text):
			t.Errorf("%q: got %q, %v", test.text, got, err)
		case test.want != "" && (err == nil || err.Error() != test.want):
			t.Errorf("%q: got %v, want %s", test.text, err, test.want)
		}
	}
}

func TestTextsThatCouldBeOne(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want bool
	}{
		{"{user}:{thread}", "{thread}:{user}", true},
		{"{user}:{thread}", "{user}:{thread}", true},
		{"a:{user}:{thread}", "{user}:{thread}:b", true},
		{"a:{user}:{thread}", "b:{user}:{thread}", false},
		{"{user}:{thread}", "mount-v2:{user}:{thread}", false},
		{"a/b:{user}:{thread}", "{user}:{thread}:b", false},
	} {
		a, errA := ParseProofText(test.a, true)
		b, errB := ParseProofText(test.b, true)
		if errA != nil || errB != nil || a.CouldBe(b) != test.want || b.CouldBe(a) != test.want {
			t.Errorf("%q and %q: want %t, %v, %v", test.a, test.b, test.want, errA, errB)
		}
	}
}
