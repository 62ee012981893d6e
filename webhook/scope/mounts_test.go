package scope

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// readOnly is the edit that makes a mount or volume read-only.
func readOnly(path, at, why string) Edit {
	return Edit{Op: "add", Path: path, Value: true, Warning: at + ": is now true: " + why}
}

func TestReplaceUserData(t *testing.T) {
	edit := func(was string) []Edit {
		return []Edit{{Op: "replace", Path: "/spec/volumes/0",
			Value:   map[string]any{"name": "user-data", "persistentVolumeClaim": map[string]any{"claimName": "deer-flow-home"}},
			Warning: "spec.volumes[0]: " + was + " is now persistentVolumeClaim deer-flow-home: user data lies on that claim"}}
	}
	keep := deerflow(func(p *Policy) { p.ReplaceUserData = false })
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
			verdict: Refused, violations: []Violation{{IdentityMissing, "metadata.labels[user-id]", "",
				"no user: set this label to the sandbox's user id or, if the id is no legal label value, an annotation with the same key"}}},
		{name: "a hostPath that the policy does not replace", policy: keep, pod: sandbox(volumes(hostPathVolume("user-data", "/skills")), subPath(""), first(func(c *corev1.Container) { c.VolumeMounts[0].ReadOnly = true })),
			verdict: Refused, violations: []Violation{{UserDataVolume, "spec.volumes[0]", "hostPath /skills",
				"is not the claim that holds the users' data: make it the persistentVolumeClaim deer-flow-home"}}},
		{name: "the claim, with a policy that replaces nothing", policy: keep, pod: sandbox(), verdict: Allowed},
	})
}

func TestClaimMounts(t *testing.T) {
	const (
		at     = "spec.containers[0].volumeMounts[1]."
		base   = "/spec/containers/0/volumeMounts/1/"
		alice  = "deer-flow/users/alice/"
		why    = "the policy lists the directory as ReadOnly"
		remedy = ": mount a directory of the policy's layout"
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
			violations: []Violation{{ClaimMount, at + "subPath", subPath, problem + remedy}}}
	}
	const foreign = "is not a directory of this sandbox"
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
		{name: "another directory, through the user-data volume, by an expression", verdict: Rewritten,
			pod: sandbox(addMount(corev1.VolumeMount{Name: "user-data", MountPath: "/x", SubPath: alice + "skills", SubPathExpr: "$(X)"})),
			edits: append([]Edit{{Op: "remove", Path: base + "subPathExpr", Warning: at + `subPathExpr: "$(X)" is removed: user data is mounted by its literal path`}},
				setTo(base+"subPath", alice+"skills", aliceDir, at+"subPath")...)},
		{name: "another directory, at the user-data path", verdict: Rewritten,
			pod:   extra(corev1.VolumeMount{MountPath: "/mnt/user-data", SubPath: alice + "skills", ReadOnly: true}),
			edits: setTo(base+"subPath", alice+"skills", aliceDir, at+"subPath")},
		refused("no subPath", "", "is missing, and so the mount shows the whole claim"),
		refused("the claim's root", ".", "is the whole claim, with every user's data"),
		refused("the claim's root again", ".//./", "is the whole claim, with every user's data"),
		refused("an absolute path", "/"+alice+"skills", "is absolute"),
		refused("a way up", alice+"skills/../../bob/skills", "contains .."),
		refused("a way up and back", alice+"../alice/skills", "contains .."),
		refused("the parent", "..", "contains .."),
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
			violations: []Violation{{ClaimMount, at + "subPathExpr", "deer-flow/users/$(USER)/skills",
				"is expanded on the node, where it could become any path: set subPath instead"}}},
		{name: "an environment file of the claim", verdict: Refused,
			pod: sandbox(first(func(c *corev1.Container) {
				c.Env = []corev1.EnvVar{{Name: "A"}, {Name: "B", ValueFrom: &corev1.EnvVarSource{}}, {Name: "C", ValueFrom: &corev1.EnvVarSource{FileKeyRef: &corev1.FileKeySelector{VolumeName: "user-data"}}}}
			})),
			violations: []Violation{{ClaimMount, "spec.containers[0].env[2].valueFrom.fileKeyRef.volumeName", "user-data", "is read from the volume's root: use an emptyDir"}}},
		{name: "an environment file of an emptyDir", verdict: Allowed,
			pod: sandbox(addVolume(corev1.Volume{Name: "tmp", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}), first(func(c *corev1.Container) {
				c.Env = []corev1.EnvVar{{Name: "C", ValueFrom: &corev1.EnvVarSource{FileKeyRef: &corev1.FileKeySelector{VolumeName: "tmp"}}}}
			}))},
		{name: "in an init container", verdict: Refused,
			pod: sandbox(spec(func(s *corev1.PodSpec) {
				s.Volumes = append(s.Volumes, claimVolume("extra-0", "deer-flow-home"))
				s.InitContainers = []corev1.Container{{VolumeMounts: []corev1.VolumeMount{{Name: "extra-0", MountPath: "/x"}}}}
			})),
			violations: []Violation{{ClaimMount, "spec.initContainers[0].volumeMounts[0].subPath", "", "is missing, and so the mount shows the whole claim" + remedy}}},
		{name: "a layout at the claim's root", policy: deerflow(func(p *Policy) { p.Layout.Root = "" }),
			pod:     sandbox(subPath("users/alice/threads/t1/user-data"), addMount(corev1.VolumeMount{Name: "user-data", MountPath: "/x", SubPath: "shared/tools", ReadOnly: true})),
			verdict: Allowed},
		{name: "a layout whose directories alone know threads", verdict: Refused,
			policy: deerflow(func(p *Policy) { p.Layout.UserData = template("home/{user}") }),
			pod:    sandbox(noLabel("thread-id")),
			violations: []Violation{{IdentityMissing, "metadata.labels[thread-id]", "",
				"no thread: set this label to the sandbox's thread id or, if the id is no legal label value, an annotation with the same key"}}},
	})
}

func TestHostPaths(t *testing.T) {
	const (
		at     = "spec.volumes[1].hostPath."
		ro     = "/spec/containers/0/volumeMounts/1/readOnly"
		roAt   = "spec.containers[0].volumeMounts[1].readOnly"
		why    = "the policy lists the directory as ReadOnly"
		remedy = "is not a hostPath that this sandbox may have: use the claim, or have the policy list it"
	)
	node := func(path string, tweaks ...func(*corev1.Pod)) *corev1.Pod {
		return sandbox(append([]func(*corev1.Pod){addVolume(hostPathVolume("h", path)), addMount(corev1.VolumeMount{Name: "h", MountPath: "/h", ReadOnly: true})}, tweaks...)...)
	}
	ofType := func(kind corev1.HostPathType) func(*corev1.Pod) {
		return spec(func(s *corev1.PodSpec) { s.Volumes[1].HostPath.Type = &kind })
	}
	writable := first(func(c *corev1.Container) { c.VolumeMounts[1].ReadOnly = false })
	refused := func(name, path, problem string) createTest {
		return createTest{name: name, pod: node(path), verdict: Refused, violations: []Violation{{HostPath, at + "path", path, problem}}}
	}
	runCreate(t, []createTest{
		{name: "a listed path", pod: node("/skills"), verdict: Allowed},
		{name: "a listed path, mounted writable", pod: node("/skills", writable), verdict: Rewritten, edits: []Edit{readOnly(ro, roAt, why)}},
		{name: "a listed path, in another spelling", pod: node("/skills/"), verdict: Rewritten,
			edits: setTo("/spec/volumes/1/hostPath/path", "/skills/", "/skills", at+"path")},
		{name: "a directory of the user below a base", pod: node("/base/users/alice/skills"), verdict: Allowed},
		{name: "a directory of the thread below another base", pod: node("/other/base/users/alice/threads/t1/acp-workspace"), verdict: Allowed},
		{name: "a read-only directory, mounted writable", pod: node("/base/users/alice/skills", writable), verdict: Rewritten, edits: []Edit{readOnly(ro, roAt, why)}},
		{name: "a writable directory, mounted writable", pod: node("/base/users/alice/skills/locks", writable), verdict: Allowed},
		{name: "a shared directory", pod: node("/base/shared/tools"), verdict: Allowed},
		{name: "a shared directory, of a sandbox without data", pod: node("/base/shared/tools", noLabel("user-id", "thread-id"), spec(func(s *corev1.PodSpec) {
			s.Volumes[0] = corev1.Volume{Name: "tmp", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}
		})), verdict: Allowed},
		{name: "type Directory", pod: node("/skills", ofType(corev1.HostPathDirectory)), verdict: Allowed},
		{name: "type DirectoryOrCreate", pod: node("/skills", ofType(corev1.HostPathDirectoryOrCreate)), verdict: Allowed},
		{name: "an empty type", pod: node("/skills", ofType(corev1.HostPathUnset)), verdict: Allowed},
		{name: "a socket", pod: node("/skills", ofType(corev1.HostPathSocket)), verdict: Refused,
			violations: []Violation{{HostPath, at + "type", "Socket", "is not a directory: use Directory or DirectoryOrCreate"}}},
		{name: "a subPath", pod: node("/skills", first(func(c *corev1.Container) { c.VolumeMounts[1].SubPath = "link" })), verdict: Refused,
			violations: []Violation{{HostPath, "spec.containers[0].volumeMounts[1].subPath", "link", "is a part of a hostPath volume: mount the volume without subPath"}}},
		{name: "a subPathExpr", pod: node("/skills", first(func(c *corev1.Container) { c.VolumeMounts[1].SubPathExpr = "$(X)" })), verdict: Refused,
			violations: []Violation{{HostPath, "spec.containers[0].volumeMounts[1].subPathExpr", "$(X)", "is a part of a hostPath volume: mount the volume without subPathExpr"}}},
		refused("a way up", "/skills/../base", "contains ..: write the path that it means"),
		refused("a base", "/base", remedy),
		refused("the parent of a base", "/other", remedy),
		refused("the node's root", "/", remedy),
		refused("a relative path", "skills", remedy),
		refused("below a listed path", "/skills/public", remedy),
		refused("a path that begins like a base", "/based/users/alice/skills", remedy),
		refused("another user's directory", "/base/users/bob/skills", remedy),
		refused("below a directory", "/base/users/alice/skills/link", remedy),
		refused("the thread-only directory of old", "/base/threads/t1/user-data", remedy),
		{name: "somebody's directory, without an identity", pod: node("/base/users/a.b/skills", noLabel("user-id"), spec(func(s *corev1.PodSpec) {
			s.Volumes[0] = corev1.Volume{Name: "tmp", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}
		})), verdict: Refused,
			violations: []Violation{{IdentityInvalid, "spec.volumes[1].hostPath.path", "/base/users/a.b/skills",
				`names the user "a.b", which is no legal id: mount directories of a legal one`}}},
		{name: "another path, without an identity", pod: node("/etc", noLabel("user-id"), subPath("x")), verdict: Refused,
			violations: []Violation{{IdentityMissing, "metadata.labels[user-id]", "",
				"no user: set this label to the sandbox's user id or, if the id is no legal label value, an annotation with the same key"},
				{HostPath, at + "path", "/etc", remedy}}},
	})
}
