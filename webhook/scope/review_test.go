package scope

import (
	"fmt"
	"testing"

	"userscope.dev/userscope/webhook/policy"
)

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
