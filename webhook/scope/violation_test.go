package scope

import (
	"fmt"
	"slices"
	"testing"

	"userscope.dev/userscope/webhook/policy"
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

func TestViolationsAreCapped(t *testing.T) {
	pod := sandbox()
	for i := range 40 {
		pod.Spec.Volumes = append(pod.Spec.Volumes, claimVolume(fmt.Sprint("other-", i), "other"))
	}
	got := Create(policy.Policies{deerflow()}, Request{Namespace: "deer-flow", Creator: Creator{Username: provisioner}, Pod: pod})
	if len(got.Violations) != 32 || got.More != 8 {
		t.Errorf("%d violations and %d more, want 32 and 8", len(got.Violations), got.More)
	}
}

// TestViolationsAreCountedOnce has two policies find the same violations.
func TestViolationsAreCountedOnce(t *testing.T) {
	other := deerflow(func(p *policy.Policy) {
		p.Name, p.Claim, p.UserDataVolume, p.UserDataMountPath = "other", "other", "other", "/mnt/other"
	})
	pod := sandbox()
	for i := range 50 {
		pod.Spec.Volumes = append(pod.Spec.Volumes, claimVolume(fmt.Sprint("other-", i), "db"))
	}
	got := Create(policy.Policies{deerflow(), other}, Request{Namespace: "deer-flow", Creator: Creator{Username: provisioner}, Pod: pod})
	if len(got.Violations) != 32 || got.More != 18 {
		t.Errorf("%d violations and %d more, want 32 and 18", len(got.Violations), got.More)
	}
}
