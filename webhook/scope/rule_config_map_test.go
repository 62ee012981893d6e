package scope

import (
	"testing"

	corev1 "k8s.io/api/core/v1"

	"userscope.dev/userscope/webhook/policy"
)

func TestConfigMaps(t *testing.T) {
	ref := corev1.LocalObjectReference{Name: "db"}
	refused := func(at string) []Violation { return []Violation{{RuleConfigMap, at, "db", saysConfigMap}} }
	places := map[string]*corev1.Pod{
		"spec.volumes[1].configMap.name": withSource(corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: ref}}),
		"spec.volumes[1].projected.sources[1].configMap.name": projected(
			corev1.VolumeProjection{DownwardAPI: &corev1.DownwardAPIProjection{}},
			corev1.VolumeProjection{ConfigMap: &corev1.ConfigMapProjection{LocalObjectReference: ref}}),
		"spec.containers[0].env[1].valueFrom.configMapKeyRef.name": sandbox(first(func(c *corev1.Container) {
			c.Env = []corev1.EnvVar{{Name: "A", Value: "db"}, {Name: "B", ValueFrom: &corev1.EnvVarSource{ConfigMapKeyRef: &corev1.ConfigMapKeySelector{LocalObjectReference: ref, Key: "listed"}}}}
		})),
		"spec.containers[0].envFrom[0].configMapRef.name": sandbox(first(func(c *corev1.Container) {
			c.EnvFrom = []corev1.EnvFromSource{{ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: ref}}}
		})),
		"spec.initContainers[0].envFrom[0].configMapRef.name": sandbox(spec(func(s *corev1.PodSpec) {
			s.InitContainers = []corev1.Container{{EnvFrom: []corev1.EnvFromSource{{ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: ref}}}}}
		})),
	}
	listing := func(names ...string) *policy.Policy {
		return allowing(func(a *policy.Allow) { a.ConfigMaps = names })
	}
	nameless := withSource(corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{}})
	certificates := projected(
		corev1.VolumeProjection{ConfigMap: &corev1.ConfigMapProjection{LocalObjectReference: corev1.LocalObjectReference{Name: "kube-root-ca.crt"}}},
		corev1.VolumeProjection{ConfigMap: &corev1.ConfigMapProjection{LocalObjectReference: corev1.LocalObjectReference{Name: "openshift-service-ca.crt"}}})
	tests := []createTest{
		{name: "no name, no list", pod: nameless, verdict: Allowed},
		{name: "no name", policy: listing("db"), pod: nameless, verdict: Refused, violations: []Violation{{RuleConfigMap, "spec.volumes[1].configMap.name", "", saysConfigMap}}},
		{name: "certificates of all", policy: listing([]string{}...), pod: certificates, verdict: Allowed},
	}
	for at, pod := range places {
		tests = append(tests,
			createTest{name: at + ", no list", pod: pod, verdict: Allowed},
			createTest{name: at + ", listed", policy: listing("other", "db"), pod: pod, verdict: Allowed},
			createTest{name: at + ", not listed", policy: listing("other", "listed"), pod: pod, verdict: Refused, violations: refused(at)},
			createTest{name: at + ", none listed", policy: allowing(func(a *policy.Allow) { a.ConfigMaps = []string{} }), pod: pod, verdict: Refused, violations: refused(at)},
		)
	}
	runCreate(t, tests)
}
