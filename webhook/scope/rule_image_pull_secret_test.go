package scope

import (
	"testing"

	corev1 "k8s.io/api/core/v1"

	"userscope.dev/userscope/webhook/policy"
)

func TestImagePullSecrets(t *testing.T) {
	pulling := func(names ...string) *corev1.Pod {
		return sandbox(spec(func(s *corev1.PodSpec) {
			for _, name := range names {
				s.ImagePullSecrets = append(s.ImagePullSecrets, corev1.LocalObjectReference{Name: name})
			}
		}))
	}
	refused := func(at, name string) []Violation {
		return []Violation{{RuleImagePullSecret, at, name, saysImagePullSecret}}
	}
	listed := allowing(func(a *policy.Allow) { a.ImagePullSecrets = []string{"a", "b"} })
	readable := allowing(func(a *policy.Allow) { a.Secrets = []string{"a"} })
	mounted := withSource(corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "a"}})
	runCreate(t, []createTest{
		{name: "none", pod: pulling(""), verdict: Allowed},
		{name: "listed", policy: listed, pod: pulling("a", "b"), verdict: Allowed},
		{name: "not listed", pod: pulling("a"), verdict: Refused, violations: refused("spec.imagePullSecrets[0].name", "a")},
		{name: "another than listed", policy: listed, pod: pulling("a", "", "c"), verdict: Refused, violations: refused("spec.imagePullSecrets[2].name", "c")},
		{name: "listed to be read", policy: readable, pod: pulling("a"), verdict: Refused, violations: refused("spec.imagePullSecrets[0].name", "a")},
		{name: "read, and listed to pull", policy: listed, pod: mounted, verdict: Refused, violations: []Violation{{RuleSecret, "spec.volumes[1].secret.secretName", "a", notASecret}}},
	})
}
