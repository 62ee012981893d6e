package scope

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestRuleNames holds the names against literals: people and alerts depend on them.
func TestRuleNames(t *testing.T) {
	want := map[Rule]bool{ // whether it is about the identity
		"identity-missing":      true,
		"identity-invalid":      true,
		"identity-conflict":     true,
		"identity-unproven":     true,
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

func TestQuote(t *testing.T) {
	for value, want := range map[string]string{
		"alice":                  `"alice"`,
		"a\n\"å\x00":             `"a\n\"\u00e5\x00"`,
		strings.Repeat("x", 128): `"` + strings.Repeat("x", 128) + `"`,
		strings.Repeat("x", 129): `"` + strings.Repeat("x", 128) + `"…`,
		strings.Repeat("å", 100): `"` + strings.Repeat(`\u00e5`, 64) + `"…`,
	} {
		if got := Quote(value); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestLocation(t *testing.T) {
	at := Location{"metadata", "annotations", MapKey("a.b/c~d")}
	if got, want := at.String(), "metadata.annotations[a.b/c~d]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := at.Pointer(), "/metadata/annotations/a.b~1c~0d"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	parent := make(Location, 0, 8)
	first, second := parent.Child("a"), parent.Child("b")
	if first.String() != "a" || second.String() != "b" {
		t.Errorf("got %s and %s: siblings share memory", first, second)
	}
}

func TestPrintable(t *testing.T) {
	for text, want := range map[string]string{
		`a "b" c~`:               `a "b" c~`,
		"a\n\x1b[2J\x7f\u2028é":  `a\n\x1b[2J\x7f\u2028\u00e9`,
		strings.Repeat("x", 256): strings.Repeat("x", 256),
		strings.Repeat("x", 257): strings.Repeat("x", 256) + "…",
	} {
		if got := Printable(text); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestViolationsAreCapped(t *testing.T) {
	pod := sandbox()
	for i := range 40 {
		pod.Spec.Volumes = append(pod.Spec.Volumes, claimVolume(fmt.Sprint("other-", i), "other"))
	}
	got := Create(Policies{deerflow()}, Request{Namespace: "deer-flow", Creator: Creator{Username: provisioner}, Pod: pod})
	if len(got.Violations) != 32 || got.More != 8 {
		t.Errorf("%d violations and %d more, want 32 and 8", len(got.Violations), got.More)
	}
}

// TestViolationsAreCountedOnce has two policies find the same violations.
func TestViolationsAreCountedOnce(t *testing.T) {
	other := deerflow(func(p *Policy) {
		p.Name, p.Claim, p.UserDataVolume, p.UserDataMountPath = "other", "other", "other", "/mnt/other"
	})
	pod := sandbox()
	for i := range 50 {
		pod.Spec.Volumes = append(pod.Spec.Volumes, claimVolume(fmt.Sprint("other-", i), "db"))
	}
	got := Create(Policies{deerflow(), other}, Request{Namespace: "deer-flow", Creator: Creator{Username: provisioner}, Pod: pod})
	if len(got.Violations) != 32 || got.More != 18 {
		t.Errorf("%d violations and %d more, want 32 and 18", len(got.Violations), got.More)
	}
}
