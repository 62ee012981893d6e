package scope

import (
	"slices"
	"strings"
	"testing"
)

// TestRuleNames holds the names against literals: people and alerts depend on them.
func TestRuleNames(t *testing.T) {
	want := map[Rule]bool{ // whether it is about the identity
		"identity-missing":  true,
		"identity-invalid":  true,
		"identity-conflict": true,
		"selector-mismatch": false,
		"user-data-volume":  false,
	}
	if len(Rules()) != len(want) {
		t.Errorf("%d rules, want %d", len(Rules()), len(want))
	}
	for rule, identity := range want {
		if !slices.Contains(Rules(), rule) || rule.Identity() != identity {
			t.Errorf("%s: listed %t, about the identity %t, want true, %t", rule, slices.Contains(Rules(), rule), rule.Identity(), identity)
		}
	}
}

func TestQuote(t *testing.T) {
	for value, want := range map[string]string{
		"alice":                  `"alice"`,
		"a\n\"å\x00":             `"a\n\"\u00e5\x00"`,
		strings.Repeat("x", 128): `"` + strings.Repeat("x", 128) + `"`,
		strings.Repeat("x", 129): `"` + strings.Repeat("x", 128) + `"…`,
		strings.Repeat("å", 100): `"` + strings.Repeat(`\u00e5`, 64) + `"…`,
	} {
		if got := quote(value); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestLocation(t *testing.T) {
	at := location{"metadata", "annotations", mapKey("a.b/c~d")}
	if got, want := at.String(), "metadata.annotations[a.b/c~d]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := at.pointer(), "/metadata/annotations/a.b~1c~0d"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	parent := make(location, 0, 8)
	first, second := parent.child("a"), parent.child("b")
	if first.String() != "a" || second.String() != "b" {
		t.Errorf("got %s and %s: siblings share memory", first, second)
	}
}
