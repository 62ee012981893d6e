package scope

import (
	"testing"

	corev1 "k8s.io/api/core/v1"

	"userscope.dev/userscope/webhook/policy"
)

func TestSecrets(t *testing.T) {
	refused := func(at string) []Violation {
		return []Violation{{RuleSecret, at, "db", notASecret}}
	}
	volume := sandbox(addVolume(corev1.Volume{Name: "s", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "db"}}}))
	twoSources := sandbox(addVolume(corev1.Volume{Name: "s", VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{
		{ConfigMap: &corev1.ConfigMapProjection{}},
		{Secret: &corev1.SecretProjection{LocalObjectReference: corev1.LocalObjectReference{Name: "db"}}},
	}}}}))
	nameless := func(at string) []Violation { return []Violation{{RuleSecret, at, "", notASecret}} }
	key := &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: "db"}, Key: "listed"}}
	env := sandbox(first(func(c *corev1.Container) {
		c.Env = []corev1.EnvVar{{Name: "A", Value: "db"}, {Name: "B", ValueFrom: &corev1.EnvVarSource{}}, {Name: "C", ValueFrom: key}}
	}))
	envFrom := sandbox(first(func(c *corev1.Container) {
		c.EnvFrom = []corev1.EnvFromSource{{ConfigMapRef: &corev1.ConfigMapEnvSource{}}, {SecretRef: &corev1.SecretEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "db"}}}}
	}))
	inInit := sandbox(spec(func(s *corev1.PodSpec) {
		s.InitContainers = []corev1.Container{{Env: []corev1.EnvVar{{Name: "C", ValueFrom: key}}}}
	}))
	listed := allowing(func(a *policy.Allow) { a.Secrets = []string{"db"} })
	another := allowing(func(a *policy.Allow) { a.Secrets = []string{"listed"} })
	runCreate(t, []createTest{
		{name: "volume", pod: volume, verdict: Refused, violations: refused("spec.volumes[1].secret.secretName")},
		{name: "projection", pod: twoSources, verdict: Refused, violations: refused("spec.volumes[1].projected.sources[1].secret.name")},
		{name: "environment", pod: env, verdict: Refused, violations: refused("spec.containers[0].env[2].valueFrom.secretKeyRef.name")},
		{name: "environment of an init container", pod: inInit, verdict: Refused, violations: refused("spec.initContainers[0].env[0].valueFrom.secretKeyRef.name")},
		{name: "whole environment", pod: envFrom, verdict: Refused, violations: refused("spec.containers[0].envFrom[1].secretRef.name")},
		{name: "volume without a name", policy: listed, pod: withSource(corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{}}), verdict: Refused,
			violations: nameless("spec.volumes[1].secret.secretName")},
		{name: "optional volume", pod: withSource(corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "db", Optional: new(true)}}), verdict: Refused,
			violations: refused("spec.volumes[1].secret.secretName")},
		{name: "projection without a name", policy: listed, pod: projected(corev1.VolumeProjection{Secret: &corev1.SecretProjection{}}), verdict: Refused,
			violations: nameless("spec.volumes[1].projected.sources[0].secret.name")},
		{name: "environment without a name", policy: listed, pod: sandbox(first(func(c *corev1.Container) { c.Env = []corev1.EnvVar{secretVariable("A", "")} })), verdict: Refused,
			violations: nameless("spec.containers[0].env[0].valueFrom.secretKeyRef.name")},
		{name: "whole environment without a name", policy: listed, pod: sandbox(first(func(c *corev1.Container) { c.EnvFrom = []corev1.EnvFromSource{secretEnvironment("")} })), verdict: Refused,
			violations: nameless("spec.containers[0].envFrom[0].secretRef.name")},
		{name: "volume, listed", policy: listed, pod: volume, verdict: Allowed},
		{name: "projection, listed", policy: listed, pod: twoSources, verdict: Allowed},
		{name: "environment, listed", policy: listed, pod: env, verdict: Allowed},
		{name: "whole environment, listed", policy: listed, pod: envFrom, verdict: Allowed},
		{name: "environment, listed by the key's name", policy: another, pod: env, verdict: Refused, violations: refused("spec.containers[0].env[2].valueFrom.secretKeyRef.name")},
	})
}
