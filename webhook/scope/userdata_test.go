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
	both.HostPath = &corev1.HostPathVolumeSource{Path: "/x"}
	database := []Violation{{RuleOtherClaim, "spec.volumes[0].persistentVolumeClaim.claimName", "database",
		"is not the policy's claim: use deer-flow-home, or set claim or allow.claims in the policy"}}
	runCreate(t, []createTest{
		{name: "a hostPath", pod: sandbox(volumes(hostPathVolume("user-data", "/base/threads/t1/user-data"))),
			verdict: Rewritten, edits: edit("hostPath /base/threads/t1/user-data")},
		{name: "an emptyDir", pod: sandbox(volumes(scratch("user-data"))), verdict: Allowed},
		{name: "an emptyDir, of nobody", pod: sandbox(noLabel("user-id", "thread-id"), volumes(scratch("user-data"))), verdict: Allowed, identity: nobody},
		{name: "another claim", pod: sandbox(volumes(claimVolume("user-data", "database"))), verdict: Refused, violations: database},
		{name: "another claim, with a policy that replaces nothing", policy: keep, pod: sandbox(volumes(claimVolume("user-data", "database"))), verdict: Refused, violations: database},
		{name: "a listed claim", pod: sandbox(volumes(claimVolume("user-data", "skills"))), verdict: Rewritten,
			edits: []Edit{readOnly("/spec/volumes/0/persistentVolumeClaim/readOnly", "spec.volumes[0].persistentVolumeClaim.readOnly", "sandboxes share the claim")}},
		{name: "a type that the policy does not list", pod: sandbox(volumes(corev1.Volume{Name: "user-data", VolumeSource: corev1.VolumeSource{NFS: &corev1.NFSVolumeSource{}}})),
			verdict: Refused, violations: []Violation{notListed("spec.volumes[0].nfs", "nfs")}},
		{name: "the claim and a hostPath at once", pod: sandbox(volumes(both)),
			verdict: Rewritten, edits: edit("hostPath /x")},
		{name: "a hostPath, mounted elsewhere", pod: sandbox(volumes(hostPathVolume("user-data", "/x")), mountsOf(corev1.VolumeMount{Name: "user-data", MountPath: "/elsewhere"})),
			verdict: Refused, violations: []Violation{{RuleClaimMount, firstSubPathAt, "", "is missing, and so the mount shows the whole claim: mount a directory of this sandbox" + aliceHas}}},
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

// Where the policy refuses other directories, nobody sees an empty one in the place of what was asked for.
func TestOtherUserDataRefused(t *testing.T) {
	refusing := deerflow(func(p *policy.Policy) { p.OnOtherIdentity = policy.Refuse })
	const message = "is not this sandbox's user data: mount that, or set onOtherIdentity: Rewrite; it is " + aliceDir
	at := func(name, path string) createTest {
		return createTest{name: name, policy: refusing, pod: sandbox(subPath(path)), verdict: Refused, violations: []Violation{{RuleClaimMount, firstSubPathAt, path, message}}}
	}
	onNode := func(name, path, subPath string) createTest {
		return createTest{name: name, policy: refusing, verdict: Refused, violations: []Violation{{RuleClaimMount, "spec.volumes[0].hostPath.path", path, message}},
			pod: sandbox(volumes(hostPathVolume("user-data", path)), mountsOf(corev1.VolumeMount{Name: "user-data", MountPath: "/mnt/user-data", SubPath: subPath}))}
	}
	replaced := func(name, path, part string) createTest {
		test := createTest{name: name, policy: refusing, verdict: Rewritten,
			pod: sandbox(volumes(hostPathVolume("user-data", path)), mountsOf(corev1.VolumeMount{Name: "user-data", MountPath: "/mnt/user-data", SubPath: part}))}
		test.edits = append([]Edit{{Op: "replace", Path: "/spec/volumes/0",
			Value:   map[string]any{"name": "user-data", "persistentVolumeClaim": map[string]any{"claimName": "deer-flow-home"}},
			Warning: "spec.volumes[0]: hostPath " + path + " is now persistentVolumeClaim deer-flow-home: user data lies on that claim"}},
			setTo(firstSubPath, part, aliceDir, firstSubPathAt)...)
		return test
	}
	runCreate(t, []createTest{
		{name: "its own directory", policy: refusing, pod: sandbox(), verdict: Allowed},
		{name: "its own directory, unclean", policy: refusing, pod: sandbox(subPath(aliceDir + "/")), verdict: Rewritten, edits: setTo(firstSubPath, aliceDir+"/", aliceDir, firstSubPathAt)},
		{name: "the directory of old of its thread", policy: refusing, pod: sandbox(subPath("threads/t1/user-data")), verdict: Rewritten,
			edits: setTo(firstSubPath, "threads/t1/user-data", aliceDir, firstSubPathAt)},
		at("another user's", bobDir), at("the whole claim", ""), at("a way up and back", "deer-flow/../"+aliceDir), at("another thread's directory of old", "threads/t2/user-data"),
		at("another directory of its own", "deer-flow/users/alice/skills"), at("without the root", "users/alice/threads/t1/user-data"),
		{name: "an expression beside its own directory", policy: refusing, verdict: Refused,
			pod:        sandbox(mountsOf(corev1.VolumeMount{Name: "user-data", MountPath: "/mnt/user-data", SubPath: aliceDir, SubPathExpr: "$(X)"})),
			violations: []Violation{{RuleClaimMount, "spec.containers[0].volumeMounts[0].subPathExpr", "$(X)", message}}},
		replaced("its own directory of the node", "/base/users/alice/threads/t1/user-data", ""),
		replaced("the directory of old of the node", "/other/base//threads/t1/user-data/", ""),
		replaced("its own directory as a part of the node's", "/base/users", "alice/threads/t1/user-data"),
		onNode("another user's directory of the node", "/base/users/bob/threads/t1/user-data", ""),
		onNode("a part of its own directory of the node", "/base/users/alice/threads/t1/user-data", "x"),
		onNode("a way up on the node", "/base/x/../users/alice/threads/t1/user-data", ""),
		onNode("a way up in the node's directory", "/base/users/x", "../alice/threads/t1/user-data"),
		onNode("a directory of the node below no base", "/users/alice/threads/t1/user-data", ""),
	})
}

func TestUserDataMounts(t *testing.T) {
	const removed = " is removed: user data is mounted by its literal path"
	removeExpr := Edit{Op: "remove", Path: "/spec/containers/0/volumeMounts/0/subPathExpr",
		Warning: `spec.containers[0].volumeMounts[0].subPathExpr: "$(X)"` + removed}
	own := first(func(c *corev1.Container) { c.VolumeMounts[0].MountPath = "/own" })
	other := corev1.VolumeMount{Name: "extra-0", MountPath: "/mnt/user-data", SubPath: "x"}
	second := "/spec/containers/0/volumeMounts/1/subPath"
	secondAt := "spec.containers[0].volumeMounts[1].subPath"
	// elsewhere has the user-data volume a second time, where it is no user-data mount by its path.
	elsewhere := func(name, subPath string, verdict Verdict, edits []Edit) createTest {
		test := createTest{name: name + ", elsewhere", verdict: verdict, edits: edits,
			pod: sandbox(addMount(corev1.VolumeMount{Name: "user-data", MountPath: "/elsewhere", SubPath: subPath}))}
		if verdict == Refused {
			test.violations = []Violation{{RuleClaimMount, secondAt, subPath, noDirectory}}
		}
		return test
	}

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
			pod.Spec.Containers = append(pod.Spec.Containers, corev1.Container{VolumeMounts: []corev1.VolumeMount{{Name: "user-data", MountPath: "/mnt/user-data", SubPath: "x"}}})
		}), verdict: Rewritten, edits: setTo("/spec/containers/1/volumeMounts/0/subPath", "x", aliceDir, "spec.containers[1].volumeMounts[0].subPath")},
		{name: "an ephemeral container", pod: sandbox(func(pod *corev1.Pod) {
			pod.Spec.EphemeralContainers = []corev1.EphemeralContainer{{EphemeralContainerCommon: corev1.EphemeralContainerCommon{
				VolumeMounts: []corev1.VolumeMount{{Name: "user-data", MountPath: "/mnt/user-data", SubPath: "x"}}}}}
		}), verdict: Refused, violations: []Violation{{RuleEphemeralContainer, "spec.ephemeralContainers[0].volumeMounts[0].name", "user-data",
			"shows all of persistentVolumeClaim deer-flow-home: debug without it"}}},
		{name: "another volume of the claim at the user-data path", pod: sandbox(own, addVolume(claimVolume("extra-0", "deer-flow-home")), addMount(other)),
			verdict: Rewritten, edits: setTo(second, "x", aliceDir, secondAt)},
		{name: "at a path that means the same", pod: sandbox(own, addVolume(claimVolume("extra-0", "deer-flow-home")),
			addMount(corev1.VolumeMount{Name: "extra-0", MountPath: "mnt/x/../user-data/", SubPath: "x"})),
			verdict: Rewritten, edits: append(setTo(second, "x", aliceDir, secondAt),
				setTo("/spec/containers/0/volumeMounts/1/mountPath", "mnt/x/../user-data/", "/mnt/user-data", "spec.containers[0].volumeMounts[1].mountPath")...)},
		{name: "at a path from above the root", pod: sandbox(own, addVolume(claimVolume("extra-0", "deer-flow-home")),
			addMount(corev1.VolumeMount{Name: "extra-0", MountPath: "../mnt/user-data", SubPath: aliceDir})),
			verdict: Rewritten, edits: setTo("/spec/containers/0/volumeMounts/1/mountPath", "../mnt/user-data", "/mnt/user-data", "spec.containers[0].volumeMounts[1].mountPath")},
		elsewhere("its own directory", aliceDir, Allowed, nil),
		elsewhere("its own directory, unclean", aliceDir+"/", Rewritten, setTo(second, aliceDir+"/", aliceDir, secondAt)),
		elsewhere("the directory of old of its thread", "deer-flow/threads/t1/user-data/", Rewritten, setTo(second, "deer-flow/threads/t1/user-data/", aliceDir, secondAt)),
		elsewhere("the same at the claim's root", "threads/t1/user-data", Rewritten, setTo(second, "threads/t1/user-data", aliceDir, secondAt)),
		elsewhere("the directory of old of another thread", "threads/t2/user-data", Refused, nil),
		elsewhere("below the directory of old", "threads/t1/user-data/x", Refused, nil),
		elsewhere("above the directory of old", "threads/t1", Refused, nil),
		elsewhere("another user's directory", bobDir, Refused, nil),
		elsewhere("an unknown directory", "x", Refused, nil),
		{name: "the directory of old of its thread, by another volume", verdict: Rewritten, edits: setTo(second, "threads/t1/user-data", aliceDir, secondAt),
			pod: sandbox(addVolume(claimVolume("extra-0", "deer-flow-home")), addMount(corev1.VolumeMount{Name: "extra-0", MountPath: "/elsewhere", SubPath: "threads/t1/user-data"}))},
		{name: "the directory of old of a thread that no layout of the policy has", policy: deerflow(func(p *policy.Policy) {
			p.Layout = policy.Layout{UserData: template("home/{user}"), Legacy: p.Layout.Legacy}
		}), pod: sandbox(subPath("home/alice"), addMount(corev1.VolumeMount{Name: "user-data", MountPath: "/elsewhere", SubPath: "threads/t1/user-data"})),
			identity: "alice label", verdict: Refused, violations: []Violation{{RuleClaimMount, secondAt, "threads/t1/user-data",
				"is no directory of this sandbox: mount one, or list it in layout.directories; it has home/alice"}}},
		{name: "the directory of old, which the layout has at the claim's root", policy: deerflow(func(p *policy.Policy) {
			p.Layout = policy.Layout{Root: "threads", UserData: template("{user}/user-data"), Directories: []policy.Directory{{Template: template("{user}/{thread}"), Access: policy.ReadOnly}}, Legacy: p.Layout.Legacy}
		}), pod: sandbox(label("user-id", "t1"), subPath("threads/t1/user-data"), addMount(corev1.VolumeMount{Name: "user-data", MountPath: "/elsewhere", SubPath: "threads/t1/user-data"})),
			identity: "t1/t1 label", verdict: Allowed},
		{name: "an emptyDir at the user-data path", pod: sandbox(own, addVolume(scratch("extra-0")), addMount(other)), verdict: Allowed},
		{name: "a volume twice, first the claim", pod: sandbox(own,
			volumes(claimVolume("user-data", "deer-flow-home"), claimVolume("extra-0", "deer-flow-home"), claimVolume("extra-0", "skills")), addMount(other),
			spec(func(s *corev1.PodSpec) { s.Volumes[2].PersistentVolumeClaim.ReadOnly = true })),
			verdict: Rewritten, edits: setTo(second, "x", aliceDir, secondAt)},
		{name: "a volume twice, last the claim", pod: sandbox(own,
			volumes(claimVolume("user-data", "deer-flow-home"), claimVolume("extra-0", "skills"), claimVolume("extra-0", "deer-flow-home")), addMount(other),
			spec(func(s *corev1.PodSpec) { s.Volumes[1].PersistentVolumeClaim.ReadOnly = true })),
			verdict: Rewritten, edits: setTo(second, "x", aliceDir, secondAt)},
	})
}
