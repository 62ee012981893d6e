package scope

import (
	"testing"

	corev1 "k8s.io/api/core/v1"

	"userscope.dev/userscope/webhook/policy"
)

func TestReplaceUserData(t *testing.T) {
	edit := func(was string) []Edit {
		return []Edit{{Op: "replace", Path: "/spec/volumes/0",
			Value:   map[string]any{"name": "user-data", "persistentVolumeClaim": map[string]any{"claimName": "deer-flow-home"}},
			Warning: "spec.volumes[0]: " + was + " is now persistentVolumeClaim deer-flow-home: user data lies on that claim"}}
	}
	keep := deerflow(func(p *policy.Policy) { p.ReplaceUserData = false })
	both := claimVolume("user-data", "deer-flow-home")
	both.EmptyDir = &corev1.EmptyDirVolumeSource{}
	runCreate(t, []createTest{
		{name: "a hostPath", pod: sandbox(volumes(hostPathVolume("user-data", "/base/threads/t1/user-data"))),
			verdict: Rewritten, edits: edit("hostPath /base/threads/t1/user-data")},
		{name: "an emptyDir", pod: sandbox(volumes(corev1.Volume{Name: "user-data", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}})),
			verdict: Rewritten, edits: edit("emptyDir")},
		{name: "another claim", pod: sandbox(volumes(claimVolume("user-data", "database"))),
			verdict: Rewritten, edits: edit("persistentVolumeClaim database")},
		{name: "a source that this build does not know", pod: sandbox(volumes(corev1.Volume{Name: "user-data"})),
			verdict: Rewritten, edits: edit("no known source")},
		{name: "the claim and another source at once", pod: sandbox(volumes(both)),
			verdict: Rewritten, edits: edit("persistentVolumeClaim deer-flow-home")},
		{name: "a hostPath, mounted by thread alone", pod: sandbox(volumes(hostPathVolume("user-data", "/base/threads/t1/user-data")), subPath("")),
			verdict: Rewritten, edits: append(edit("hostPath /base/threads/t1/user-data"), setTo(firstSubPath, "", aliceDir, firstSubPathAt)...)},
		{name: "a hostPath, without an identity", pod: sandbox(noLabel("user-id"), volumes(hostPathVolume("user-data", "/x"))),
			verdict: Refused, violations: []Violation{{RuleIdentityMissing, "metadata.labels[user-id]", "",
				"no user: set this label to the sandbox's user id or, if the id is no legal label value, an annotation with the same key"}}},
		{name: "a hostPath that the policy does not replace", policy: keep, pod: sandbox(volumes(hostPathVolume("user-data", "/skills")), subPath(""), first(func(c *corev1.Container) { c.VolumeMounts[0].ReadOnly = true })),
			verdict: Refused, violations: []Violation{{RuleUserDataVolume, "spec.volumes[0]", "hostPath /skills",
				"is not the claim that holds the users' data: make it the persistentVolumeClaim deer-flow-home"}}},
		{name: "the claim, with a policy that replaces nothing", policy: keep, pod: sandbox(), verdict: Allowed},
	})
}

func TestUserDataMounts(t *testing.T) {
	const removed = " is removed: user data is mounted by its literal path"
	removeExpr := Edit{Op: "remove", Path: "/spec/containers/0/volumeMounts/0/subPathExpr",
		Warning: `spec.containers[0].volumeMounts[0].subPathExpr: "$(X)"` + removed}
	other := corev1.VolumeMount{Name: "extra-0", MountPath: "/mnt/user-data", SubPath: "x"}
	second := "/spec/containers/0/volumeMounts/1/subPath"
	secondAt := "spec.containers[0].volumeMounts[1].subPath"

	runCreate(t, []createTest{
		{name: "its own directory", pod: sandbox(), verdict: Allowed},
		{name: "another user's", pod: sandbox(subPath(bobDir)), verdict: Rewritten, edits: setTo(firstSubPath, bobDir, aliceDir, firstSubPathAt)},
		{name: "the thread-only path of old", pod: sandbox(subPath("threads/t1/user-data")), verdict: Rewritten,
			edits: setTo(firstSubPath, "threads/t1/user-data", aliceDir, firstSubPathAt)},
		{name: "the whole claim", pod: sandbox(subPath("")), verdict: Rewritten, edits: setTo(firstSubPath, "", aliceDir, firstSubPathAt)},
		{name: "an unclean spelling of its own", pod: sandbox(subPath("./" + aliceDir)), verdict: Rewritten,
			edits: setTo(firstSubPath, "./"+aliceDir, aliceDir, firstSubPathAt)},
		{name: "subPathExpr", pod: sandbox(mountsOf(corev1.VolumeMount{Name: "user-data", MountPath: "/mnt/user-data", SubPathExpr: "$(X)"})),
			verdict: Rewritten, edits: append([]Edit{removeExpr}, setTo(firstSubPath, "", aliceDir, firstSubPathAt)...)},
		{name: "subPathExpr beside a good subPath", pod: sandbox(mountsOf(corev1.VolumeMount{Name: "user-data", MountPath: "/mnt/user-data", SubPath: aliceDir, SubPathExpr: "$(X)"})),
			verdict: Rewritten, edits: []Edit{removeExpr}},
		{name: "an init container", pod: sandbox(initContainer, func(pod *corev1.Pod) { pod.Spec.InitContainers[0].VolumeMounts[0].SubPath = "x" }),
			verdict: Rewritten, edits: setTo("/spec/initContainers/0/volumeMounts/0/subPath", "x", aliceDir, "spec.initContainers[0].volumeMounts[0].subPath")},
		{name: "a second container", pod: sandbox(func(pod *corev1.Pod) {
			pod.Spec.Containers = append(pod.Spec.Containers, corev1.Container{VolumeMounts: []corev1.VolumeMount{{Name: "user-data", MountPath: "/d", SubPath: "x"}}})
		}), verdict: Rewritten, edits: setTo("/spec/containers/1/volumeMounts/0/subPath", "x", aliceDir, "spec.containers[1].volumeMounts[0].subPath")},
		{name: "an ephemeral container", pod: sandbox(func(pod *corev1.Pod) {
			pod.Spec.EphemeralContainers = []corev1.EphemeralContainer{{EphemeralContainerCommon: corev1.EphemeralContainerCommon{
				VolumeMounts: []corev1.VolumeMount{{Name: "user-data", MountPath: "/d", SubPath: "x"}}}}}
		}), verdict: Refused, violations: []Violation{{RuleEphemeralContainer, "spec.ephemeralContainers[0].volumeMounts[0].name", "user-data",
			"shows all of persistentVolumeClaim deer-flow-home: debug without it"}}},
		{name: "another volume of the claim at the user-data path", pod: sandbox(addVolume(claimVolume("extra-0", "deer-flow-home")), addMount(other)),
			verdict: Rewritten, edits: setTo(second, "x", aliceDir, secondAt)},
		{name: "at a path that means the same", pod: sandbox(addVolume(claimVolume("extra-0", "deer-flow-home")),
			addMount(corev1.VolumeMount{Name: "extra-0", MountPath: "mnt/x/../user-data/", SubPath: "x"})),
			verdict: Rewritten, edits: append(setTo(second, "x", aliceDir, secondAt),
				setTo("/spec/containers/0/volumeMounts/1/mountPath", "mnt/x/../user-data/", "/mnt/user-data", "spec.containers[0].volumeMounts[1].mountPath")...)},
		{name: "at a path from above the root", pod: sandbox(addVolume(claimVolume("extra-0", "deer-flow-home")),
			addMount(corev1.VolumeMount{Name: "extra-0", MountPath: "../mnt/user-data", SubPath: aliceDir})),
			verdict: Rewritten, edits: setTo("/spec/containers/0/volumeMounts/1/mountPath", "../mnt/user-data", "/mnt/user-data", "spec.containers[0].volumeMounts[1].mountPath")},
		{name: "the user-data volume elsewhere", pod: sandbox(addMount(corev1.VolumeMount{Name: "user-data", MountPath: "/elsewhere", SubPath: "x"})),
			verdict: Rewritten, edits: setTo(second, "x", aliceDir, secondAt)},
		{name: "an emptyDir at the user-data path", pod: sandbox(addVolume(corev1.Volume{Name: "extra-0", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}),
			addMount(other)), verdict: Allowed},
		{name: "a volume twice, first the claim", pod: sandbox(
			volumes(claimVolume("user-data", "deer-flow-home"), claimVolume("extra-0", "deer-flow-home"), claimVolume("extra-0", "skills")), addMount(other),
			spec(func(s *corev1.PodSpec) { s.Volumes[2].PersistentVolumeClaim.ReadOnly = true })),
			verdict: Rewritten, edits: setTo(second, "x", aliceDir, secondAt)},
		{name: "a volume twice, last the claim", pod: sandbox(
			volumes(claimVolume("user-data", "deer-flow-home"), claimVolume("extra-0", "skills"), claimVolume("extra-0", "deer-flow-home")), addMount(other),
			spec(func(s *corev1.PodSpec) { s.Volumes[1].PersistentVolumeClaim.ReadOnly = true })),
			verdict: Rewritten, edits: setTo(second, "x", aliceDir, secondAt)},
	})
}
