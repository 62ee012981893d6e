package scope

import (
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"userscope.dev/userscope/webhook/policy"
)

// readOnly is the edit that makes a mount or volume read-only.
func readOnly(path, at, why string) Edit {
	return Edit{Op: "add", Path: path, Value: true, Warning: at + ": is now true: " + why}
}

func TestClaimMounts(t *testing.T) {
	const (
		at     = "spec.containers[0].volumeMounts[1]."
		base   = "/spec/containers/0/volumeMounts/1/"
		alice  = "deer-flow/users/alice/"
		why    = "the policy lists the directory as ReadOnly"
		remedy = ": mount a directory of this sandbox" + aliceHas
	)
	extra := func(m corev1.VolumeMount) *corev1.Pod {
		m.Name = "extra-0"
		if m.MountPath == "" {
			m.MountPath = "/x"
		}
		return sandbox(addVolume(claimVolume("extra-0", "deer-flow-home")), addMount(m))
	}
	refused := func(name, subPath, problem string) createTest {
		return createTest{name: name, pod: extra(corev1.VolumeMount{SubPath: subPath, ReadOnly: true}), verdict: Refused,
			violations: []Violation{{RuleClaimMount, at + "subPath", subPath, problem}}}
	}
	const foreign = noDirectory
	runCreate(t, []createTest{
		{name: "a directory of the thread", pod: extra(corev1.VolumeMount{SubPath: alice + "threads/t1/acp-workspace", ReadOnly: true}), verdict: Allowed},
		{name: "a directory of the user", pod: extra(corev1.VolumeMount{SubPath: alice + "skills", ReadOnly: true}), verdict: Allowed},
		{name: "a shared directory", pod: extra(corev1.VolumeMount{SubPath: "deer-flow/shared/tools", ReadOnly: true}), verdict: Allowed},
		{name: "a writable directory below a read-only one", pod: extra(corev1.VolumeMount{SubPath: alice + "skills/locks"}), verdict: Allowed},
		{name: "the user-data directory once more", pod: extra(corev1.VolumeMount{SubPath: aliceDir}), verdict: Allowed},
		{name: "a read-only directory, mounted writable", pod: extra(corev1.VolumeMount{SubPath: alice + "skills"}), verdict: Rewritten,
			edits: []Edit{readOnly(base+"readOnly", at+"readOnly", why)}},
		{name: "a shared directory, mounted writable", pod: extra(corev1.VolumeMount{SubPath: "deer-flow/shared/tools"}), verdict: Rewritten,
			edits: []Edit{readOnly(base+"readOnly", at+"readOnly", why)}},
		{name: "an unclean spelling", pod: extra(corev1.VolumeMount{SubPath: "./deer-flow//users/alice/skills/", ReadOnly: true}), verdict: Rewritten,
			edits: setTo(base+"subPath", "./deer-flow//users/alice/skills/", alice+"skills", at+"subPath")},
		{name: "an unclean mount path", pod: extra(corev1.VolumeMount{SubPath: alice + "skills", ReadOnly: true, MountPath: "x//y/"}), verdict: Rewritten,
			edits: setTo(base+"mountPath", "x//y/", "/x/y", at+"mountPath")},
		{name: "another directory, through the user-data volume", verdict: Rewritten,
			pod:   sandbox(addMount(corev1.VolumeMount{Name: "user-data", MountPath: "/x", SubPath: alice + "skills"})),
			edits: []Edit{readOnly(base+"readOnly", at+"readOnly", why)}},
		{name: "another directory, through the user-data volume, by an expression", verdict: Refused,
			pod:        sandbox(addMount(corev1.VolumeMount{Name: "user-data", MountPath: "/x", SubPath: alice + "skills", SubPathExpr: "$(X)"})),
			violations: []Violation{{RuleClaimMount, at + "subPathExpr", "$(X)", "is expanded on the node, where it could become any path: set subPath instead"}}},
		{name: "another directory, at the user-data path", verdict: Rewritten,
			pod: sandbox(first(func(c *corev1.Container) { c.VolumeMounts[0].MountPath = "/own" }),
				addMount(corev1.VolumeMount{Name: "user-data", MountPath: "/mnt/user-data", SubPath: alice + "skills", ReadOnly: true})),
			edits: setTo(base+"subPath", alice+"skills", aliceDir, at+"subPath")},
		refused("no subPath", "", "is missing, and so the mount shows the whole claim"+remedy),
		refused("the claim's root", ".", "is the whole claim, with every user's data"+remedy),
		refused("the claim's root again", ".//./", "is the whole claim, with every user's data"+remedy),
		refused("an absolute path", "/"+alice+"skills", "is absolute"+remedy),
		refused("a way up", alice+"skills/../../bob/skills", "contains .."+remedy),
		refused("a way up and back", alice+"../alice/skills", "contains .."+remedy),
		refused("the parent", "..", "contains .."+remedy),
		refused("another user's directory", "deer-flow/users/bob/skills", foreign),
		refused("another thread's directory", alice+"threads/t2/acp-workspace", foreign),
		refused("above a directory", alice+"threads/t1", foreign),
		refused("above all users", "deer-flow/users", foreign),
		refused("the layout's root", "deer-flow", foreign),
		refused("outside the layout's root", "users/alice/skills", foreign),
		refused("a root that begins alike", "deer-flowusers/alice/skills", foreign),
		refused("below a read-only directory", alice+"skills/link", foreign),
		refused("below a writable directory", aliceDir+"/link", foreign),
		refused("a directory of the layout without ids", "deer-flow/users/{user}/skills", foreign),
		refused("dots that are a name", "deer-flow/...", foreign),
		{name: "an expression", pod: extra(corev1.VolumeMount{SubPathExpr: "deer-flow/users/$(USER)/skills"}), verdict: Refused,
			violations: []Violation{{RuleClaimMount, at + "subPathExpr", "deer-flow/users/$(USER)/skills",
				"is expanded on the node, where it could become any path: set subPath instead"}}},
		{name: "an expression beside a directory of its own", pod: extra(corev1.VolumeMount{SubPath: alice + "skills", SubPathExpr: "$(X)", ReadOnly: true}), verdict: Refused,
			violations: []Violation{{RuleClaimMount, at + "subPathExpr", "$(X)", "is expanded on the node, where it could become any path: set subPath instead"}}},
		{name: "in an init container", verdict: Refused,
			pod: sandbox(spec(func(s *corev1.PodSpec) {
				s.Volumes = append(s.Volumes, claimVolume("extra-0", "deer-flow-home"))
				s.InitContainers = []corev1.Container{{VolumeMounts: []corev1.VolumeMount{{Name: "extra-0", MountPath: "/x"}}}}
			})),
			violations: []Violation{{RuleClaimMount, "spec.initContainers[0].volumeMounts[0].subPath", "", "is missing, and so the mount shows the whole claim" + remedy}}},
		{name: "a layout at the claim's root", policy: deerflow(func(p *policy.Policy) { p.Layout.Root = "" }),
			pod:     sandbox(subPath("users/alice/threads/t1/user-data"), addMount(corev1.VolumeMount{Name: "user-data", MountPath: "/x", SubPath: "shared/tools", ReadOnly: true})),
			verdict: Allowed},
		{name: "a layout whose directories alone know threads", verdict: Refused,
			policy: deerflow(func(p *policy.Policy) { p.Layout.UserData = template("home/{user}") }),
			pod:    sandbox(noLabel("thread-id")),
			violations: []Violation{{RuleIdentityMissing, "metadata.labels[thread-id]", "",
				"no thread: set this label to the sandbox's thread id or, if the id is no legal label value, an annotation with the same key"}}},
	})
}

// Where one path is mounted twice, nobody says what a container sees.
func TestMountedTwice(t *testing.T) {
	second := func(m corev1.VolumeMount) *corev1.Pod {
		return sandbox(addVolume(scratch("tmp")), addMount(corev1.VolumeMount{Name: "tmp", MountPath: "/tmp"}), addMount(m))
	}
	refused := func(name string, m corev1.VolumeMount, path string) createTest {
		return createTest{name: name, pod: second(m), verdict: Refused, violations: []Violation{{RuleClaimMount, "spec.containers[0].volumeMounts[2].mountPath", path,
			"is there twice in this container, which the API server refuses, too: drop one of the two mounts"}}}
	}
	runCreate(t, []createTest{
		refused("the user-data path", corev1.VolumeMount{Name: "user-data", MountPath: "/mnt/user-data", SubPath: aliceDir}, "/mnt/user-data"),
		refused("the user-data path in another spelling", corev1.VolumeMount{Name: "user-data", MountPath: "/mnt//user-data/", SubPath: aliceDir}, "/mnt/user-data"),
		refused("the user-data path, by another volume", corev1.VolumeMount{Name: "tmp", MountPath: "/mnt/user-data"}, "/mnt/user-data"),
		refused("the path of another volume", corev1.VolumeMount{Name: "user-data", MountPath: "/tmp/", SubPath: aliceDir}, "/tmp"),
		{name: "other volumes", pod: second(corev1.VolumeMount{Name: "tmp", MountPath: "/tmp"}), verdict: Allowed},
		{name: "in another container", verdict: Allowed, pod: sandbox(spec(func(s *corev1.PodSpec) { s.InitContainers = []corev1.Container{s.Containers[0]} }))},
	})
}

func TestEnvFiles(t *testing.T) {
	emptyDir := corev1.Volume{Name: "tmp", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}
	skills := claimVolume("skills", "skills")
	skills.PersistentVolumeClaim.ReadOnly = true
	from := func(volume string) *corev1.Pod {
		return sandbox(
			addVolume(emptyDir), addVolume(corev1.Volume{Name: "bare"}), addVolume(skills), addVolume(hostPathVolume("host", "/skills")),
			addVolume(corev1.Volume{Name: "settings", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{}}}),
			first(func(c *corev1.Container) {
				c.Env = []corev1.EnvVar{{Name: "A"}, {Name: "B", ValueFrom: &corev1.EnvVarSource{}}, fileVariable("C", volume)}
			}))
	}
	inInit := func(volume string) *corev1.Pod {
		pod := from(volume)
		initContainer(pod)
		return pod
	}
	// twice has an emptyDir of the same name as one of the volumes, behind it or before it.
	twice := func(name string, before bool) *corev1.Pod {
		pod := from(name)
		pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{Name: name, VolumeSource: emptyDir.VolumeSource})
		if before {
			slices.Reverse(pod.Spec.Volumes)
		}
		return pod
	}
	refused := func(list, volume string) []Violation {
		return []Violation{{RuleClaimMount, "spec." + list + "[0].env[2].valueFrom.fileKeyRef.volumeName", volume, notScratch}}
	}
	runCreate(t, []createTest{
		{name: "an emptyDir", pod: from("tmp"), verdict: Allowed},
		{name: "no source, which is an emptyDir", pod: from("bare"), verdict: Allowed},
		{name: "an emptyDir, in an init container", pod: inInit("tmp"), verdict: Allowed},
		{name: "the claim", pod: from("user-data"), verdict: Refused, violations: refused("containers", "user-data")},
		{name: "the claim, in an init container", pod: inInit("user-data"), verdict: Refused, violations: refused("initContainers", "user-data")},
		{name: "another claim", pod: from("skills"), verdict: Refused, violations: refused("containers", "skills")},
		{name: "another claim, in an init container", pod: inInit("skills"), verdict: Refused, violations: refused("initContainers", "skills")},
		{name: "a hostPath", pod: from("host"), verdict: Refused, violations: refused("containers", "host")},
		{name: "a ConfigMap", pod: from("settings"), verdict: Refused, violations: refused("containers", "settings")},
		{name: "a volume that is not there", pod: from("none"), verdict: Refused, violations: refused("containers", "none")},
		{name: "an emptyDir, of whose name there is another volume before", pod: twice("skills", false), verdict: Refused, violations: refused("containers", "skills")},
		{name: "an emptyDir, of whose name there is another volume after", pod: twice("skills", true), verdict: Refused, violations: refused("containers", "skills")},
		{name: "no name", pod: from(""), verdict: Refused, violations: refused("containers", "")},
	})
}
