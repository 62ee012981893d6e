package scope

import (
	"slices"
	"testing"
)

// TestRuleNames holds the names against literals: people and alerts depend on them.
func TestRuleNames(t *testing.T) {
	want := map[Rule]bool{ // whether it is about the identity
		"identity-missing":      true,
		"identity-invalid":      true,
		"identity-conflict":     true,
		"identity-unproven":     true,
		"too-many":              false,
		"selector-mismatch":     false,
		"controller-owner":      false,
		"static-pod":            false,
		"user-data-volume":      false,
		"claim-mount":           false,
		"host-path":             false,
		"other-claim":           false,
		"ephemeral-volume":      false,
		"volume-type":           false,
		"unknown-field":         false,
		"secret":                false,
		"service-account":       false,
		"service-account-token": false,
		"volume-device":         false,
		"resource-claim":        false,
		"runtime-class":         false,
		"fs-group":              false,
		"selinux-options":       false,
		"pod-security":          false,
		"immutable-field":       false,
		"ephemeral-container":   false,
		"delete-not-sandbox":    false,
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
