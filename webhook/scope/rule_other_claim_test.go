package scope

import (
	"testing"

	corev1 "k8s.io/api/core/v1"

	"userscope.dev/userscope/webhook/policy"
)

func TestOtherClaims(t *testing.T) {
	runCreate(t, []createTest{
		{name: "a listed claim", pod: sandbox(addVolume(claimVolume("s", "skills"))), verdict: Rewritten,
			edits: []Edit{readOnly("/spec/volumes/1/persistentVolumeClaim/readOnly", "spec.volumes[1].persistentVolumeClaim.readOnly", "sandboxes share the claim")}},
		{name: "a listed claim, read-only", pod: sandbox(addVolume(claimVolume("s", "skills")), spec(func(s *corev1.PodSpec) { s.Volumes[1].PersistentVolumeClaim.ReadOnly = true })),
			verdict: Allowed},
		{name: "the database's", pod: sandbox(addVolume(claimVolume("s", "database"))), verdict: Refused, violations: []Violation{otherClaim("spec.volumes[1].", "database")}},
		{name: "the database's, read-only", pod: sandbox(addVolume(claimVolume("s", "database")), spec(func(s *corev1.PodSpec) { s.Volumes[1].PersistentVolumeClaim.ReadOnly = true })),
			verdict: Refused, violations: []Violation{otherClaim("spec.volumes[1].", "database")}},
		{name: "the database's, where no claim is listed", policy: allowing(func(a *policy.Allow) { a.Claims = nil }), pod: sandbox(addVolume(claimVolume("s", "database"))),
			verdict: Refused, violations: []Violation{otherClaim("spec.volumes[1].", "database")}},
		{name: "the database's beside a listed one", pod: sandbox(addVolume(claimVolume("s", "skills")), addVolume(claimVolume("d", "database"))),
			verdict: Refused, violations: []Violation{otherClaim("spec.volumes[2].", "database")}},
	})
}
