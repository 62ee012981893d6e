package scope

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"userscope.dev/userscope/webhook/policy"
)

func TestTooMany(t *testing.T) {
	bounded := deerflow(func(p *policy.Policy) { p.Bounds = policy.Bounds{Volumes: 3, Mounts: 4, Containers: 2, Environment: 3} })
	scratch := corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}
	one := corev1.VolumeProjection{ConfigMap: &corev1.ConfigMapProjection{}}
	container := func(mounts, env, envFrom int) corev1.Container {
		c := corev1.Container{
			Name: "more", Env: make([]corev1.EnvVar, env), EnvFrom: make([]corev1.EnvFromSource, envFrom),
			VolumeMounts: make([]corev1.VolumeMount, mounts),
		}
		for i := range c.VolumeMounts {
			c.VolumeMounts[i] = corev1.VolumeMount{Name: "scratch", MountPath: fmt.Sprintf("/%d", i)}
		}
		return c
	}
	initial := func(all ...corev1.Container) func(*corev1.Pod) {
		return func(pod *corev1.Pod) { pod.Spec.InitContainers = all }
	}
	more := func(n int) func(*corev1.Pod) {
		return func(pod *corev1.Pod) {
			for range n {
				addVolume(corev1.Volume{Name: "scratch", VolumeSource: scratch})(pod)
			}
		}
	}
	sources := func(all ...corev1.VolumeProjection) func(*corev1.Pod) {
		return addVolume(corev1.Volume{Name: "all", VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: all}}})
	}
	tooMany := func(at, has, name string, may int) []Violation {
		return []Violation{{RuleTooMany, at, has, fmt.Sprintf("are more than the policy's bounds.%s (%d): use fewer, or raise the bound", name, may)}}
	}
	tests := []createTest{
		{name: "as many volumes", pod: sandbox(more(2)), verdict: Allowed},
		{name: "too many volumes", pod: sandbox(more(3)), verdict: Refused, violations: tooMany("spec.volumes", "4", "volumes", 3)},
		{name: "as many with their sources", pod: sandbox(sources(one)), verdict: Allowed},
		{name: "too many with their sources", pod: sandbox(sources(one, one)), verdict: Refused, violations: tooMany("spec.volumes", "4", "volumes", 3)},
		{name: "as many of the rest", pod: sandbox(more(1), initial(container(3, 2, 1))), verdict: Allowed},
		{name: "too many mounts", pod: sandbox(more(1), initial(container(4, 0, 0))), verdict: Refused, violations: tooMany("spec.containers", "5", "mounts", 4)},
		{name: "too many variables", pod: sandbox(initial(container(0, 2, 2))), verdict: Refused, violations: tooMany("spec.containers", "4", "environment", 3)},
		{name: "too many containers", pod: sandbox(initial(container(0, 0, 0), container(0, 0, 0))), verdict: Refused,
			violations: tooMany("spec.containers", "3", "containers", 2)},
	}
	for i := range tests {
		tests[i].policy = bounded
	}
	runCreate(t, tests)
}
