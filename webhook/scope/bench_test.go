package scope

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"userscope.dev/userscope/webhook/policy"
)

// large is a Pod of as many volumes and mounts as an API server would take from a hostile
// provisioner: 3 MB of JSON, each of them a case for several rules.
func large(n int) *corev1.Pod {
	pod := sandbox()
	for i := range n {
		name := fmt.Sprint("v-", i)
		volume := claimVolume(name, "deer-flow-home")
		switch i % 4 {
		case 1:
			volume = hostPathVolume(name, "/base/users/alice/skills")
		case 2:
			volume = claimVolume(name, "other")
		case 3:
			volume = hostPathVolume("user-data", "/x")
		}
		addVolume(volume)(pod)
		addMount(corev1.VolumeMount{Name: name, MountPath: "/m", SubPath: "deer-flow/users/alice/skills/"})(pod)
	}
	return pod
}

// The largest Pod must not take long either: a webhook that is slow for one refuses others, whose
// requests run into the API server's timeout.
func BenchmarkCreate(b *testing.B) {
	for _, n := range []int{0, 10, 20000} {
		pod := large(n)
		b.Run(fmt.Sprint(n+1, " volumes"), func(b *testing.B) {
			policies := policy.Policies{deerflow()}
			b.ReportAllocs()
			for b.Loop() {
				Create(policies, Request{Namespace: "deer-flow", Creator: Creator{Username: provisioner}, Pod: pod})
			}
		})
	}
}

// mounting is alice's sandbox with so many mounts of the claim, each through a volume of its own.
func mounting(n int) *corev1.Pod {
	pod := sandbox()
	pod.Spec.Volumes, pod.Spec.Containers[0].VolumeMounts = nil, nil
	for i := range n {
		name := fmt.Sprint("user-data-", i)
		addVolume(claimVolume(name, "deer-flow-home"))(pod)
		addMount(corev1.VolumeMount{Name: name, MountPath: "/mnt/" + name, SubPath: aliceDir, ReadOnly: i%2 == 0})(pod)
	}
	return pod
}

// megabyte is the same with ten mounts and a megabyte that no rule speaks of.
func megabyte() *corev1.Pod {
	pod := mounting(10)
	pod.Spec.Containers[0].Args = slices.Repeat([]string{strings.Repeat("x", 10_000)}, 100)
	return pod
}

// BenchmarkDecision measures the decision on sandboxes that are all right: those of every day.
func BenchmarkDecision(b *testing.B) {
	for _, size := range []struct {
		name string
		pod  *corev1.Pod
	}{
		{"mounts=1", mounting(1)},
		{"mounts=10", mounting(10)},
		{"mounts=100", mounting(100)},
		{"bytes=1M", megabyte()},
	} {
		b.Run(size.name, func(b *testing.B) {
			policies := policy.Policies{deerflow()}
			request := Request{Namespace: "deer-flow", Creator: Creator{Username: provisioner}, Pod: size.pod}
			if decision := Create(policies, request); decision.Verdict != Allowed {
				b.Fatal(decision)
			}
			b.ReportAllocs()
			for b.Loop() {
				Create(policies, request)
			}
		})
	}
}
