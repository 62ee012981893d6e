package scope

import (
	"testing"

	corev1 "k8s.io/api/core/v1"

	"userscope.dev/userscope/webhook/policy"
)

// What all sandboxes may write to lies on the claim alone.
func TestSharedByAll(t *testing.T) {
	sharing := deerflow(func(p *policy.Policy) {
		p.Layout.Directories = append(p.Layout.Directories, policy.Directory{Template: template("exchange"), Access: policy.ReadWrite, SharedByAll: true})
	})
	onClaim := corev1.VolumeMount{Name: "user-data", MountPath: "/x", SubPath: "deer-flow/exchange"}
	runCreate(t, []createTest{
		{name: "on the claim", policy: sharing, pod: sandbox(addMount(onClaim)), verdict: Allowed},
		{name: "on the node", policy: sharing, pod: sandbox(addVolume(hostPathVolume("h", "/base/exchange"))), verdict: Refused, violations: []Violation{{RuleHostPath,
			"spec.volumes[1].hostPath.path", "/base/exchange", "is sharedByAll, and so lies on the claim alone: mount it by the claim"}}},
		{name: "on the node, of nobody", policy: sharing, pod: sandbox(noLabel("user-id", "thread-id"), volumes(hostPathVolume("h", "/base/exchange")), mountsOf()), identity: nobody,
			verdict: Refused, violations: []Violation{{RuleHostPath, "spec.volumes[0].hostPath.path", "/base/exchange", "is sharedByAll, and so lies on the claim alone: mount it by the claim"}}},
		{name: "another shared directory, on the node", policy: sharing, verdict: Rewritten,
			pod:   sandbox(addVolume(hostPathVolume("h", "/base/shared/tools")), addMount(corev1.VolumeMount{Name: "h", MountPath: "/h"})),
			edits: []Edit{readOnly("/spec/containers/0/volumeMounts/1/readOnly", "spec.containers[0].volumeMounts[1].readOnly", "the policy lists the directory as ReadOnly")}},
	})
}

// A path that ends in a directory of the layout is no path for a list.
func TestOtherBase(t *testing.T) {
	refused := func(name, path, base string) createTest {
		message := "is a directory of the layout, and below none of hostPathBases: use the claim, or list the base; it lies in " + base
		if base == "" {
			message = "is not a hostPath that this sandbox may have: use the claim, or have the policy list it in allow.hostPaths"
		}
		return createTest{name: name, pod: sandbox(addVolume(hostPathVolume("h", path))), verdict: Refused,
			violations: []Violation{{RuleHostPath, "spec.volumes[1].hostPath.path", path, message}}}
	}
	runCreate(t, []createTest{
		refused("a directory of the user", "/srv/x/users/alice/skills", "/srv/x"),
		refused("a directory of another user", "/srv//users/bob/skills/", "/srv"),
		refused("a directory of the thread", "/srv/users/alice/threads/t1/acp-workspace", "/srv"),
		refused("the user-data directory", "/srv/users/alice/threads/t1/user-data", "/srv"),
		refused("the directory of old", "/srv/threads/t1/user-data", "/srv"),
		refused("a shared directory", "/srv/shared/tools", "/srv"),
		refused("at the node's root", "/shared/tools", ""),
		refused("another directory", "/srv/users/alice/x", ""),
		refused("below a directory", "/srv/users/alice/skills/x", ""),
	})
}

func TestHostPaths(t *testing.T) {
	const (
		at     = "spec.volumes[1].hostPath."
		ro     = "/spec/containers/0/volumeMounts/1/readOnly"
		roAt   = "spec.containers[0].volumeMounts[1].readOnly"
		why    = "the policy lists the directory as ReadOnly"
		others = "is no directory of this sandbox's identity below the base, and no policy may list it: use the claim"
		remedy = "is not a hostPath that this sandbox may have: use the claim, or have the policy list it in allow.hostPaths"
	)
	node := func(path string, tweaks ...func(*corev1.Pod)) *corev1.Pod {
		return sandbox(append([]func(*corev1.Pod){addVolume(hostPathVolume("h", path)), addMount(corev1.VolumeMount{Name: "h", MountPath: "/h", ReadOnly: true})}, tweaks...)...)
	}
	ofType := func(kind corev1.HostPathType) func(*corev1.Pod) {
		return spec(func(s *corev1.PodSpec) { s.Volumes[1].HostPath.Type = &kind })
	}
	writable := first(func(c *corev1.Container) { c.VolumeMounts[1].ReadOnly = false })
	refused := func(name, path, problem string) createTest {
		return createTest{name: name, pod: node(path), verdict: Refused, violations: []Violation{{RuleHostPath, at + "path", path, problem}}}
	}
	refusedType := func(kind corev1.HostPathType) createTest {
		return createTest{name: "type " + string(kind), pod: node("/skills", ofType(kind)), verdict: Refused,
			violations: []Violation{{RuleHostPath, at + "type", string(kind), "is not a directory, and no policy may list it: use Directory or DirectoryOrCreate"}}}
	}
	scratch := spec(func(s *corev1.PodSpec) {
		s.Volumes[0] = corev1.Volume{Name: "tmp", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}
	})
	missing := func(noun string) Violation {
		return Violation{RuleIdentityMissing, "metadata.labels[" + noun + "-id]", "",
			"no " + noun + ": set this label to the sandbox's " + noun + " id or, if the id is no legal label value, an annotation with the same key"}
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
		{name: "a shared directory, of a sandbox without data", pod: node("/base/shared/tools", noLabel("user-id", "thread-id"), scratch), verdict: Allowed, identity: nobody},
		{name: "a writable directory that has its name from a read-only one", verdict: Rewritten, edits: []Edit{readOnly(ro, roAt, why)},
			pod: node("/skills", writable, addVolume(hostPathVolume("h", "/base/users/alice/skills/locks")))},
		{name: "a read-only directory that has its name from a writable one", verdict: Rewritten, edits: []Edit{readOnly(ro, roAt, why)},
			pod: node("/base/users/alice/skills/locks", writable, addVolume(hostPathVolume("h", "/skills")))},
		{name: "type Directory", pod: node("/skills", ofType(corev1.HostPathDirectory)), verdict: Allowed},
		{name: "type DirectoryOrCreate", pod: node("/skills", ofType(corev1.HostPathDirectoryOrCreate)), verdict: Allowed},
		{name: "an empty type", pod: node("/skills", ofType(corev1.HostPathUnset)), verdict: Allowed},
		refusedType(corev1.HostPathSocket),
		refusedType(corev1.HostPathFile),
		refusedType(corev1.HostPathFileOrCreate),
		refusedType(corev1.HostPathCharDev),
		refusedType(corev1.HostPathBlockDev),
		refusedType("Symlink"),
		{name: "a subPath", pod: node("/skills", first(func(c *corev1.Container) { c.VolumeMounts[1].SubPath = "link" })), verdict: Refused,
			violations: []Violation{{RuleHostPath, "spec.containers[0].volumeMounts[1].subPath", "link", "is a part of a hostPath volume: mount the volume without subPath"}}},
		{name: "a subPathExpr", pod: node("/skills", first(func(c *corev1.Container) { c.VolumeMounts[1].SubPathExpr = "$(X)" })), verdict: Refused,
			violations: []Violation{{RuleHostPath, "spec.containers[0].volumeMounts[1].subPathExpr", "$(X)", "is a part of a hostPath volume: mount the volume without subPathExpr"}}},
		refused("a way up", "/skills/../base", "contains ..: write the path that it means"),
		refused("a base", "/base", others),
		refused("the parent of a base", "/other", remedy),
		refused("the node's root", "/", remedy),
		refused("a relative path", "skills", remedy),
		refused("below a listed path", "/skills/public", remedy),
		refused("a path that begins like a base", "/based/users/alice", remedy),
		refused("another user's directory", "/base/users/bob/skills", others),
		refused("below a directory", "/base/users/alice/skills/link", others),
		refused("the thread-only directory of old", "/base/threads/t1/user-data", others),
		{name: "somebody's directory, without an identity", pod: node("/base/users/a.b/skills", noLabel("user-id"), scratch), verdict: Refused,
			violations: []Violation{{RuleIdentityInvalid, "spec.volumes[1].hostPath.path", "/base/users/a.b/skills",
				`names the user "a.b", illegal (see idCharacters): mount directories of a legal one`}}},
		{name: "somebody's path, which is no directory of the layout, without an identity", pod: node("/base/users/alice/other", noLabel("user-id", "thread-id"), scratch), verdict: Refused,
			violations: []Violation{missing("user"), missing("thread")}},
		{name: "somebody's path below another base, without an identity", pod: node("/other/base/x", noLabel("user-id", "thread-id"), scratch), verdict: Refused,
			violations: []Violation{missing("user"), missing("thread")}},
		{name: "a path that begins like a base, without an identity", pod: node("/basex/users", noLabel("user-id", "thread-id"), scratch), verdict: Refused, identity: nobody,
			violations: []Violation{{RuleHostPath, at + "path", "/basex/users", remedy}}},
		{name: "another path, without an identity", pod: node("/etc", noLabel("user-id"), subPath("x")), verdict: Refused,
			violations: []Violation{missing("user"), {RuleHostPath, at + "path", "/etc", remedy}}},
	})
}
