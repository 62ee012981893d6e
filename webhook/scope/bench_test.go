package scope

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
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
			policies := Policies{deerflow()}
			b.ReportAllocs()
			for b.Loop() {
				policies.Create(Request{Namespace: "deer-flow", Creator: Creator{Username: provisioner}, Pod: pod})
			}
		})
	}
}
