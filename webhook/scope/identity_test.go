package scope

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"userscope.dev/userscope/webhook/policy"
)

func TestAdoptedIdentity(t *testing.T) {
	extra := func(subPath string) func(*corev1.Pod) {
		return func(pod *corev1.Pod) {
			addVolume(claimVolume("extra-0", "deer-flow-home"))(pod)
			addMount(corev1.VolumeMount{Name: "extra-0", MountPath: "/x", SubPath: subPath, ReadOnly: true})(pod)
		}
	}
	onHost := func(path string) func(*corev1.Pod) { return addVolume(hostPathVolume("h", path)) }
	fromHost := volumes(hostPathVolume("user-data", "/base/threads/t1/user-data"))
	unmounted := func(pod *corev1.Pod) { mountsOf()(pod); fromHost(pod) }
	replaced := []Edit{{Op: "replace", Path: "/spec/volumes/0",
		Value:   map[string]any{"name": "user-data", "persistentVolumeClaim": map[string]any{"claimName": "deer-flow-home"}},
		Warning: "spec.volumes[0]: hostPath /base/threads/t1/user-data is now persistentVolumeClaim deer-flow-home: user data lies on that claim"}}
	missing := func(noun string) Violation {
		return Violation{RuleIdentityMissing, "metadata.labels[" + noun + "-id]", "",
			"no " + noun + ": set this label to the sandbox's " + noun + " id or, if the id is no legal label value, an annotation with the same key"}
	}
	onlyThread := Violation{RuleIdentityMissing, "metadata.labels[user-id]", "",
		"no user, only a thread's directory (DeerFlow to 2026-05): set this label or an annotation with the same key; not defaultUser: by its sandbox id it is another's"}
	const secondMount = "spec.containers[0].volumeMounts[1].subPath"
	conflict := func(at, path, noun, id, other string) []Violation {
		return []Violation{{RuleIdentityConflict, at, path, fmt.Sprintf("names another %s than mounts before it: mount directories of one %s; found %q and %q", noun, noun, other, id)}}
	}
	unprovenAs := func(id string) Violation {
		return Violation{RuleIdentityUnproven, "metadata.labels[sandbox-id]", alicePlain[:16], fmt.Sprintf("is of another user or thread: use the id that the gateway minted; it must prove %q", id)}
	}
	illegal := func(noun, id, path string) Violation {
		return Violation{RuleIdentityInvalid, firstSubPathAt, path, fmt.Sprintf("names the %s %q, illegal (see idCharacters): mount directories of a legal one", noun, id)}
	}
	noListedPath := func(path string) Violation {
		return Violation{RuleHostPath, "spec.volumes[1].hostPath.path", path, "is not a hostPath that this sandbox may have: use the claim, or have the policy list it in allow.hostPaths"}
	}
	otherBase := func(path, base string) Violation {
		return Violation{RuleHostPath, "spec.volumes[1].hostPath.path", path, "is a directory of the layout, and below none of hostPathBases: use the claim, or list the base; it lies in " + base}
	}
	const bobsSkills = "deer-flow/users/bob/skills"

	runCreate(t, []createTest{
		{name: "from the user-data mount", pod: unlabelled(alicePlain[:16]), verdict: Allowed, identity: "alice/t1 subPath"},
		{name: "from an unclean spelling", pod: unlabelled(alicePlain[:16], subPath("./deer-flow//users/alice/threads/t1/user-data/")), verdict: Rewritten, identity: "alice/t1 subPath",
			edits: setTo(firstSubPath, "./deer-flow//users/alice/threads/t1/user-data/", aliceDir, firstSubPathAt)},
		{name: "from another directory of the thread", pod: unlabelled(alicePlain[:16], subPath("x"), extra("deer-flow/users/alice/threads/t1/acp-workspace")), verdict: Rewritten,
			identity: "alice/t1 subPath", edits: setTo(firstSubPath, "x", aliceDir, firstSubPathAt)},
		{name: "user and thread from different mounts", pod: unlabelled(alicePlain[:16], subPath("threads/t1/user-data"), extra("deer-flow/users/alice/skills")), verdict: Rewritten,
			identity: "alice/t1 subPath", edits: setTo(firstSubPath, "threads/t1/user-data", aliceDir, firstSubPathAt)},
		{name: "the thread from the path of old below the root", pod: unlabelled(alicePlain[:16], subPath("deer-flow/threads/t1/user-data"), extra("deer-flow/users/alice/skills")), verdict: Rewritten,
			identity: "alice/t1 subPath", edits: setTo(firstSubPath, "deer-flow/threads/t1/user-data", aliceDir, firstSubPathAt)},
		{name: "from hostPath volumes", pod: unlabelled(alicePlain[:16], unmounted, onHost("/base/users/alice/skills")), verdict: Rewritten,
			identity: "alice/t1 subPath", edits: replaced},
		{name: "the user from a label, the thread from a mount", pod: unlabelled(alicePlain[:16], label("user-id", "alice")), verdict: Allowed, identity: "alice/t1 subPath"},
		{name: "the user from a mount, the thread from an annotation", pod: unlabelled(alicePlain[:16], annotation("thread-id", "t1")), verdict: Allowed, identity: "alice/t1 subPath"},
		{name: "labels before mounts", pod: sandbox(subPath(bobDir)), verdict: Rewritten, identity: "alice/t1 label", edits: setTo(firstSubPath, bobDir, aliceDir, firstSubPathAt)},
		{name: "a malformed label before good mounts", pod: unlabelled(alicePlain[:16], label("user-id", "a.b")), verdict: Refused,
			violations: []Violation{{RuleIdentityInvalid, "metadata.labels[user-id]", "a.b", "has characters other than A-Z, a-z, 0-9, _ and - (see idCharacters): set it to the user id that the data belongs to"}}},
		{name: "mounts of two users", pod: unlabelled(alicePlain[:16], extra(bobsSkills)), verdict: Refused,
			violations: append(conflict(secondMount, bobsSkills, "user", "bob", "alice"), unprovenAs("bob/t1"))},
		{name: "mounts of two threads", pod: unlabelled(alicePlain[:16], extra("deer-flow/users/alice/threads/t2/acp-workspace")), verdict: Refused,
			violations: append(conflict(secondMount, "deer-flow/users/alice/threads/t2/acp-workspace", "thread", "t2", "t1"), unprovenAs("alice/t2"))},
		{name: "mounts of two users and two threads", pod: unlabelled(alicePlain[:16], extra("deer-flow/users/bob/threads/t2/acp-workspace")), verdict: Refused,
			violations: slices.Concat(conflict(secondMount, "deer-flow/users/bob/threads/t2/acp-workspace", "user", "bob", "alice"),
				conflict(secondMount, "deer-flow/users/bob/threads/t2/acp-workspace", "thread", "t2", "t1"), []Violation{unprovenAs("bob/t2")})},
		{name: "mounts of two users, neither of them proved", pod: unlabelled("", extra(bobsSkills)), verdict: Refused,
			violations: append(conflict(secondMount, bobsSkills, "user", "bob", "alice"), Violation{RuleIdentityUnproven, "metadata.labels[sandbox-id]", "",
				`no sandbox id: have the gateway set the label to the id that proves the identity; it must prove "alice/t1"`})},
		{name: "mounts of two users, both believed", policy: deerflow(func(p *policy.Policy) { p.Proof = policy.ProofNever }), pod: unlabelled("", extra(bobsSkills)), verdict: Refused,
			violations: conflict(secondMount, bobsSkills, "user", "bob", "alice")},
		{name: "mounts of two users beside a good declaration of the thread", pod: unlabelled(alicePlain[:16], extra(bobsSkills), annotation("thread-id", "t1")), verdict: Refused,
			violations: append(conflict(secondMount, bobsSkills, "user", "bob", "alice"), unprovenAs("bob/t1"))},
		{name: "a mount and a hostPath of two users", pod: unlabelled(alicePlain[:16], onHost("/base/users/bob/skills")), verdict: Refused,
			violations: append(conflict("spec.volumes[1].hostPath.path", "/base/users/bob/skills", "user", "bob", "alice"), unprovenAs("bob/t1"))},
		{name: "only a user", pod: unlabelled(alicePlain[:16], subPath("deer-flow/users/alice/skills")), verdict: Refused, violations: []Violation{missing("thread")}},
		{name: "only the path of old, of a user that may be the default one", pod: unlabelled("", subPath("threads/t1/user-data")), verdict: Refused,
			violations: []Violation{{RuleIdentityMissing, "metadata.labels[user-id]", "",
				"no user, only a thread's directory (DeerFlow to 2026-05): set this label, an annotation with the same key, or the policy's defaultUser"}}},
		{name: "only the path of old", pod: unlabelled(alicePlain[:16], subPath("threads/t1/user-data")), verdict: Refused, violations: []Violation{onlyThread}},
		{name: "only the path of old, where all is to be proved", policy: deerflow(func(p *policy.Policy) { p.Proof = policy.ProofAlways }), pod: unlabelled(alicePlain[:16], subPath("threads/t1/user-data")), verdict: Refused, violations: []Violation{missing("user")}},
		{name: "an expression spells nothing", pod: unlabelled(alicePlain[:16], first(func(c *corev1.Container) {
			c.VolumeMounts[0].SubPathExpr = "$(X)"
		})), verdict: Refused, violations: []Violation{missing("user"), missing("thread")}},
		{name: "a path upwards spells nothing", pod: unlabelled(alicePlain[:16], subPath("x/../"+aliceDir)), verdict: Refused, violations: []Violation{missing("user"), missing("thread")}},
		{name: "a hostPath upwards spells nothing", pod: unlabelled(alicePlain[:16], unmounted, onHost("/base/x/../users/alice/skills")), verdict: Refused,
			violations: []Violation{onlyThread, {RuleHostPath, "spec.volumes[1].hostPath.path", "/base/x/../users/alice/skills", "contains ..: write the path that it means"}}},
		{name: "a hostPath outside the bases spells nothing", pod: unlabelled(alicePlain[:16], unmounted, onHost("/elsewhere/users/alice/skills")), verdict: Refused,
			violations: []Violation{onlyThread, otherBase("/elsewhere/users/alice/skills", "/elsewhere")}},
		{name: "a hostPath at the node's root spells nothing", pod: unlabelled(alicePlain[:16], unmounted, onHost("/users/alice/skills")), verdict: Refused,
			violations: []Violation{onlyThread, noListedPath("/users/alice/skills")}},
		{name: "a hostPath that begins like a base spells nothing", pod: unlabelled(alicePlain[:16], unmounted, onHost("/basex/users/alice/skills")), verdict: Refused,
			violations: []Violation{onlyThread, otherBase("/basex/users/alice/skills", "/basex")}},
		{name: "a hostPath that begins like a base spells nothing, also where users lie in the base itself", policy: deerflow(func(p *policy.Policy) { p.Layout = policy.Layout{UserData: template("{user}")} }),
			pod: unlabelled(alicePlain[:16], subPath(""), onHost("/basealice")), verdict: Refused, violations: []Violation{missing("user"), noListedPath("/basealice")}},
		{name: "from a hostPath alone", pod: unlabelled(alicePlain[:16], volumes(hostPathVolume("h", "/other/base/users/alice/threads/t1/acp-workspace")), mountsOf()), verdict: Allowed, identity: "alice/t1 subPath"},
		{name: "from a directory of the user alone, through a volume of another name", pod: unlabelled(alicePlain[:16], mountsOf(), label("thread-id", "t1"), extra("deer-flow/users/alice/skills")), verdict: Allowed,
			identity: "alice/t1 subPath"},
		{name: "a mount of another claim spells nothing", pod: unlabelled(alicePlain[:16], subPath("x"), func(pod *corev1.Pod) {
			addVolume(claimVolume("s", "skills"))(pod)
			pod.Spec.Volumes[1].PersistentVolumeClaim.ReadOnly = true
			addMount(corev1.VolumeMount{Name: "s", MountPath: "/x", SubPath: aliceDir})(pod)
		}), verdict: Refused, violations: []Violation{missing("user"), missing("thread")}},
		{name: "a path with illegal ids", pod: unlabelled(alicePlain[:16], subPath("deer-flow/users/a.b/threads/t.1/user-data")), verdict: Refused,
			violations: []Violation{illegal("user", "a.b", "deer-flow/users/a.b/threads/t.1/user-data"), illegal("thread", "t.1", "deer-flow/users/a.b/threads/t.1/user-data")}},
		{name: "a path with an illegal id beside a declared one", pod: unlabelled(alicePlain[:16], label("thread-id", "t1"), subPath("deer-flow/users/a.b/threads/t.1/user-data")), verdict: Refused,
			violations: []Violation{illegal("user", "a.b", "deer-flow/users/a.b/threads/t.1/user-data")}},
		{name: "a user that the policy's filesystem takes for another", policy: deerflow(func(p *policy.Policy) { p.User.LowerCase, p.DefaultUser = true, "default" }),
			pod: unlabelled("", subPath("deer-flow/users/Alice/threads/t1/user-data")), verdict: Refused,
			violations: []Violation{{RuleIdentityInvalid, firstSubPathAt, "deer-flow/users/Alice/threads/t1/user-data",
				`names the user "Alice", which is no legal id: mount directories of a legal one`}}},
		{name: "a shared directory spells nothing", pod: unlabelled(alicePlain[:16], subPath("x"), extra("deer-flow/shared/tools")), verdict: Refused,
			violations: []Violation{missing("user"), missing("thread")}},
		{name: "a sandbox with half a declaration and no data", pod: unlabelled("", volumes(), mountsOf(), label("user-id", "alice")), verdict: Refused,
			violations: []Violation{missing("thread")}},
		{name: "one that a policy without a path of old must not read", policy: deerflow(func(p *policy.Policy) { p.Layout.Legacy = policy.Template{} }),
			pod:     unlabelled(alicePlain[:16], subPath("threads/t1/user-data"), extra("deer-flow/users/alice/skills")),
			verdict: Refused, violations: []Violation{missing("thread")}},
	})
}

func TestDefaultUser(t *testing.T) {
	with := func(proof policy.Proof) *policy.Policy {
		return deerflow(func(p *policy.Policy) { p.DefaultUser, p.Proof = "default", proof })
	}
	const defaultDir = "deer-flow/users/default/threads/t1/user-data"
	legacy := func(sandboxID string, tweaks ...func(*corev1.Pod)) *corev1.Pod {
		return unlabelled(sandboxID, append([]func(*corev1.Pod){subPath("threads/t1/user-data")}, tweaks...)...)
	}
	moved := setTo(firstSubPath, "threads/t1/user-data", defaultDir, firstSubPathAt)
	refused := func(sandboxID, why string) []Violation {
		return unproven(sandboxID, why+`; it must prove "default/t1"`)
	}
	addSkills := func(subPath string) func(*corev1.Pod) {
		return addMount(corev1.VolumeMount{Name: "user-data", MountPath: "/x", SubPath: subPath, ReadOnly: true})
	}
	none := "no sandbox id: have the gateway set the label to the id that proves the identity"
	runCreate(t, []createTest{
		{name: "a thread of old", policy: with(policy.ProofAdopted), pod: legacy(threadPlain[:8]), verdict: Rewritten, identity: "default/t1 default", edits: moved},
		{name: "a declared thread", policy: with(policy.ProofAdopted), pod: legacy("", label("thread-id", "t1"), subPath("x")), verdict: Rewritten, identity: "default/t1 default",
			edits: setTo(firstSubPath, "x", defaultDir, firstSubPathAt)},
		{name: "no thread", policy: with(policy.ProofAdopted), pod: legacy("", subPath("x")), verdict: Refused, violations: []Violation{
			{RuleIdentityMissing, "metadata.labels[user-id]", "", "no user: set this label to the sandbox's user id or, if the id is no legal label value, an annotation with the same key"},
			{RuleIdentityMissing, "metadata.labels[thread-id]", "", "no thread: set this label to the sandbox's thread id or, if the id is no legal label value, an annotation with the same key"}}},
		{name: "a layout without threads", policy: deerflow(func(p *policy.Policy) {
			p.DefaultUser, p.Layout = "default", policy.Layout{UserData: template("home/{user}")}
		}), pod: legacy("", subPath("x")), verdict: Refused,
			violations: []Violation{{RuleIdentityMissing, "metadata.labels[user-id]", "", "no user: set this label to the sandbox's user id or, if the id is no legal label value, an annotation with the same key"}}},
		{name: "never beside a user that is malformed", policy: with(policy.ProofAdopted), pod: legacy("", label("user-id", "a.b")), verdict: Refused,
			violations: []Violation{{RuleIdentityInvalid, "metadata.labels[user-id]", "a.b", "has characters other than A-Z, a-z, 0-9, _ and - (see idCharacters): set it to the user id that the data belongs to"}}},
		{name: "a contradiction beside a declared thread", policy: with(policy.ProofAdopted), pod: legacy(alicePlain[:16], label("thread-id", "t1")), verdict: Refused, identity: "default/t1 default", violations: refused(alicePlain[:16], another)},
		{name: "a contradiction in upper-case digits", policy: with(policy.ProofAdopted), pod: legacy(strings.ToUpper(alicePlain[:16])), verdict: Refused, identity: "default/t1 default", violations: refused(strings.ToUpper(alicePlain[:16]), malformed)},
		{name: "never beside a user that something names", policy: with(policy.ProofAdopted), pod: legacy("", label("user-id", "alice"), label("thread-id", "t1"), subPath(aliceDir)), verdict: Allowed, identity: "alice/t1 label"},
		{name: "a proof of the default user", policy: with(policy.ProofAdopted), pod: legacy(defaultPlain[:16]), verdict: Rewritten, identity: "default/t1 default", edits: moved},
		{name: "a proof of somebody else", policy: with(policy.ProofAdopted), pod: legacy(alicePlain[:16]), verdict: Refused, identity: "default/t1 default", violations: refused(alicePlain[:16], another)},
		{name: "a proof of somebody else, believing all", policy: with(policy.ProofNever), pod: legacy(alicePlain[:16]), verdict: Refused, identity: "default/t1 default", violations: refused(alicePlain[:16], another)},
		{name: "no proof, believing all", policy: with(policy.ProofNever), pod: legacy(""), verdict: Rewritten, identity: "default/t1 default", edits: moved},
		{name: "no proof, where one is wanted", policy: with(policy.ProofAlways), pod: legacy(""), verdict: Refused, identity: "default/t1 default", violations: refused("", none)},
		{name: "a proof, where one is wanted", policy: with(policy.ProofAlways), pod: legacy(defaultPlain[:16]), verdict: Rewritten, identity: "default/t1 default", edits: moved},
		{name: "a shared directory", policy: with(policy.ProofAdopted), pod: legacy("", addSkills("deer-flow/shared/tools")), verdict: Rewritten, identity: "default/t1 default", edits: moved},
		{name: "a directory of another user", policy: with(policy.ProofAdopted), pod: unlabelled("", volumes(claimVolume("x", "deer-flow-home")), label("thread-id", "t1"),
			mountsOf(corev1.VolumeMount{Name: "x", MountPath: "/x", SubPath: "deer-flow/users/alice/skills", ReadOnly: true})), verdict: Refused, identity: "alice/t1 subPath",
			violations: unproven("", none+mustProve)},
		{name: "a directory of the user", policy: with(policy.ProofAdopted), pod: legacy("", func(pod *corev1.Pod) {
			addVolume(hostPathVolume("h", "/base/users/default"))(pod)
			addMount(corev1.VolumeMount{Name: "h", MountPath: "/x", ReadOnly: true})(pod)
		}), verdict: Refused, identity: "default/t1 default", violations: []Violation{{RuleHostPath, "spec.volumes[1].hostPath.path", "/base/users/default",
			"is no directory of this sandbox's identity below the base, and no policy may list it: use the claim"}}},
	})
}
