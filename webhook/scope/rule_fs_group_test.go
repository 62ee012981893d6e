package scope

import (
	"testing"

	corev1 "k8s.io/api/core/v1"

	"userscope.dev/userscope/webhook/policy"
)

func TestVolumeOwnership(t *testing.T) {
	group := func(group int64, change *corev1.PodFSGroupChangePolicy) func(*corev1.Pod) {
		return spec(func(s *corev1.PodSpec) {
			s.SecurityContext = &corev1.PodSecurityContext{FSGroup: &group, FSGroupChangePolicy: change}
		})
	}
	refusedGroup := []Violation{{RuleFSGroup, "spec.securityContext.fsGroup", "1000", "would change the group and mode of every user's files: drop it, or have the policy name it in allow.fsGroup"}}
	named := allowing(func(a *policy.Allow) {
		a.FSGroup, a.SELinuxOptions = new(int64(1000)), &corev1.SELinuxOptions{Type: "container_t", Level: "s0:c1,c2"}
	})
	another := allowing(func(a *policy.Allow) {
		a.FSGroup, a.SELinuxOptions = new(int64(1001)), &corev1.SELinuxOptions{Level: "s0:c3"}
	})
	label := &corev1.SELinuxOptions{Type: "container_t", Level: "s0:c1,c2"}
	podLabel := sandbox(spec(func(s *corev1.PodSpec) { s.SecurityContext = &corev1.PodSecurityContext{SELinuxOptions: label} }))
	containerLabel := sandbox(first(func(c *corev1.Container) { c.SecurityContext = &corev1.SecurityContext{SELinuxOptions: label} }))
	refusedLabel := func(where string) []Violation {
		return []Violation{{RuleSELinuxOptions, "spec." + where + "securityContext.seLinuxOptions", "type=container_t,level=s0:c1,c2", "would relabel files that others use: drop it, or have the policy name it in allow.seLinuxOptions"}}
	}
	const changePath, changeAt = "/spec/securityContext/fsGroupChangePolicy", "spec.securityContext.fsGroupChangePolicy"
	runCreate(t, []createTest{
		{name: "an empty security context", pod: sandbox(spec(func(s *corev1.PodSpec) { s.SecurityContext = &corev1.PodSecurityContext{} })), verdict: Allowed},
		{name: "an fsGroup", pod: sandbox(group(1000, nil)), verdict: Refused, violations: refusedGroup},
		{name: "an fsGroup other than the policy's", policy: another, pod: sandbox(group(1000, nil)), verdict: Refused, violations: refusedGroup},
		{name: "the policy's fsGroup", policy: named, pod: sandbox(group(1000, nil)), verdict: Allowed},
		{name: "the policy's fsGroup, always applied", policy: named, pod: sandbox(group(1000, new(corev1.FSGroupChangeAlways))), verdict: Rewritten,
			edits: setTo(changePath, "Always", "OnRootMismatch", changeAt)},
		{name: "the policy's fsGroup, as it should be", policy: named, pod: sandbox(group(1000, new(corev1.FSGroupChangeOnRootMismatch))), verdict: Allowed},
		{name: "SELinux options of the Pod", pod: podLabel, verdict: Refused, violations: refusedLabel("")},
		{name: "SELinux options of a container", pod: containerLabel, verdict: Refused, violations: refusedLabel("containers[0].")},
		{name: "SELinux options other than the policy's", policy: another, pod: podLabel, verdict: Refused, violations: refusedLabel("")},
		{name: "the policy's SELinux options", policy: named, pod: podLabel, verdict: Allowed},
		{name: "the policy's SELinux options of a container", policy: named, pod: containerLabel, verdict: Allowed},
	})
}
