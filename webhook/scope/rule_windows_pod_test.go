package scope

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
)

func TestWindowsPod(t *testing.T) {
	const at = "spec.containers[0].volumeMounts[0].mountPath"
	onSystem := func(name corev1.OSName) *corev1.Pod {
		return sandbox(spec(func(s *corev1.PodSpec) { s.OS = &corev1.PodOS{Name: name} }))
	}
	mountedAt := func(path string) *corev1.Pod {
		return sandbox(mountsOf(corev1.VolumeMount{Name: "user-data", MountPath: path, SubPath: aliceDir}))
	}
	refused := func(path string) createTest {
		return createTest{name: path, pod: mountedAt(path), verdict: Refused, violations: []Violation{{RuleWindowsPod, at, path,
			"is a path of Windows, whose mounts Userscope cannot judge: run sandboxes on Linux"}}}
	}
	inInit := mountedAt(`c:\data`)
	initContainer(inInit)
	runCreate(t, []createTest{
		{name: "Linux", pod: onSystem(corev1.Linux), verdict: Allowed},
		{name: "Windows", pod: onSystem(corev1.Windows), verdict: Refused, violations: []Violation{{RuleWindowsPod, "spec.os.name", "windows",
			"mounts by other rules, which Userscope does not know: run sandboxes on Linux"}}},
		refused(`C:\data`), refused(`/data\x`), refused("z:/data"), refused("C:"),
		{name: "in an init container", pod: inInit, verdict: Refused, violations: []Violation{{RuleWindowsPod, "spec.initContainers[0].volumeMounts[0].mountPath", `c:\data`,
			"is a path of Windows, whose mounts Userscope cannot judge: run sandboxes on Linux"}}},
		{name: "a colon behind no letter", pod: mountedAt("/:data"), verdict: Allowed},
		{name: "a colon further on", pod: mountedAt("/data:x"), verdict: Allowed},
		{name: "a path of Windows, of another volume", pod: sandbox(addVolume(scratch("tmp")), addMount(corev1.VolumeMount{Name: "tmp", MountPath: `C:\tmp`})), verdict: Allowed},
	})
}
