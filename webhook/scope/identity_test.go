package scope

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"userscope.dev/userscope/webhook/policy"
)

// Digests of "alice:t1" and the like, computed with another implementation.
const (
	alicePlain   = "b076b51a7d6fe4e26bd8c8eff4f1c34b62cac1cba16d205cd6283ae9214d52e0"
	aliceKeyed   = "38f3bfc0eecde8be544ac6f18bfc4e4bd8110f9ca82392884972c4bc82907791"
	aliceOther   = "ac4790729bdf5c3f2827806d4123ffc3452d61fc1013facf92dcb5e9f2694b1b"
	defaultPlain = "eeb6544e5ffa968dc4d6cb89c95edfed2520a2c7d3f181ea62bb3fcdbbb29191"
	threadPlain  = "628b49d96dcde97a430dd4f597705899e09a968f793491e4b704cae33a40dc02"
)

var (
	key      = policy.Key("0123456789abcdef0123456789abcdef")
	otherKey = policy.Key("another-key-of-the-gateway-32-by")
)

// unlabelled is alice's sandbox as the gateway and an unmodified provisioner make it.
func unlabelled(sandboxID string, tweaks ...func(*corev1.Pod)) *corev1.Pod {
	pod := sandbox(noLabel("user-id", "thread-id"), func(pod *corev1.Pod) {
		if sandboxID != "" {
			pod.Labels["sandbox-id"] = sandboxID
		}
	})
	for _, tweak := range tweaks {
		tweak(pod)
	}
	return pod
}

func proving(proof policy.Proof, keys ...policy.Key) *policy.Policy {
	return deerflow(func(p *policy.Policy) { p.Proof, p.Keys = proof, keys })
}

const (
	mustProve  = `; it must prove "alice/t1"`
	minted     = ": use the id that the gateway minted"
	another    = "is of another user or thread" + minted
	anotherKey = "is of another user, thread or key" + minted
	malformed  = "is not 16 to 63 lower-case hex digits" + minted
)

func unproven(sandboxID, message string) []Violation {
	return []Violation{{RuleIdentityUnproven, "metadata.labels[sandbox-id]", sandboxID, message}}
}

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
		"no user, only a thread's directory (DeerFlow to 2026-05): set this label, an annotation with the same key, or the policy's defaultUser"}
	const secondMount = "spec.containers[0].volumeMounts[1].subPath"
	conflict := func(at, path, noun, id, other string) []Violation {
		return []Violation{{RuleIdentityConflict, at, path, fmt.Sprintf("names another %s than mounts before it: mount directories of one %s; found %q and %q", noun, noun, other, id)}}
	}
	unprovenAs := func(id string) Violation {
		return Violation{RuleIdentityUnproven, "metadata.labels[sandbox-id]", alicePlain[:16], fmt.Sprintf("is of another user or thread: use the id that the gateway minted; it must prove %q", id)}
	}
	illegal := func(noun, id, path string) Violation {
		return Violation{RuleIdentityInvalid, firstSubPathAt, path, fmt.Sprintf("names the %s %q, which is no legal id: mount directories of a legal one", noun, id)}
	}
	noHostPath := func(path string) Violation {
		return Violation{RuleHostPath, "spec.volumes[1].hostPath.path", path, "is not a hostPath that this sandbox may have: use the claim, or have the policy list it"}
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
			violations: []Violation{{RuleIdentityInvalid, "metadata.labels[user-id]", "a.b", "has characters other than A-Z, a-z, 0-9, _ and -: set it to the user id that the data belongs to"}}},
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
		{name: "only the path of old", pod: unlabelled(alicePlain[:16], subPath("threads/t1/user-data")), verdict: Refused, violations: []Violation{onlyThread}},
		{name: "only the path of old, where all is to be proved", policy: deerflow(func(p *policy.Policy) { p.Proof = policy.ProofAlways }), pod: unlabelled(alicePlain[:16], subPath("threads/t1/user-data")), verdict: Refused, violations: []Violation{missing("user")}},
		{name: "an expression spells nothing", pod: unlabelled(alicePlain[:16], first(func(c *corev1.Container) {
			c.VolumeMounts[0].SubPathExpr = "$(X)"
		})), verdict: Refused, violations: []Violation{missing("user"), missing("thread")}},
		{name: "a path upwards spells nothing", pod: unlabelled(alicePlain[:16], subPath("x/../"+aliceDir)), verdict: Refused, violations: []Violation{missing("user"), missing("thread")}},
		{name: "a hostPath upwards spells nothing", pod: unlabelled(alicePlain[:16], unmounted, onHost("/base/x/../users/alice/skills")), verdict: Refused,
			violations: []Violation{onlyThread, {RuleHostPath, "spec.volumes[1].hostPath.path", "/base/x/../users/alice/skills", "contains ..: write the path that it means"}}},
		{name: "a hostPath outside the bases spells nothing", pod: unlabelled(alicePlain[:16], unmounted, onHost("/elsewhere/users/alice/skills")), verdict: Refused,
			violations: []Violation{onlyThread, noHostPath("/elsewhere/users/alice/skills")}},
		{name: "a hostPath at the node's root spells nothing", pod: unlabelled(alicePlain[:16], unmounted, onHost("/users/alice/skills")), verdict: Refused,
			violations: []Violation{onlyThread, noHostPath("/users/alice/skills")}},
		{name: "a hostPath that begins like a base spells nothing", pod: unlabelled(alicePlain[:16], unmounted, onHost("/basex/users/alice/skills")), verdict: Refused,
			violations: []Violation{onlyThread, noHostPath("/basex/users/alice/skills")}},
		{name: "a hostPath that begins like a base spells nothing, also where users lie in the base itself", policy: deerflow(func(p *policy.Policy) { p.Layout = policy.Layout{UserData: template("{user}")} }),
			pod: unlabelled(alicePlain[:16], subPath(""), onHost("/basealice")), verdict: Refused, violations: []Violation{missing("user"), noHostPath("/basealice")}},
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
			violations: []Violation{illegal("user", "Alice", "deer-flow/users/Alice/threads/t1/user-data")}},
		{name: "a shared directory spells nothing", pod: unlabelled(alicePlain[:16], subPath("x"), extra("deer-flow/shared/tools")), verdict: Refused,
			violations: []Violation{missing("user"), missing("thread")}},
		{name: "a sandbox with half a declaration and no data", pod: unlabelled("", volumes(), mountsOf(), label("user-id", "alice")), verdict: Refused,
			violations: []Violation{missing("thread")}},
		{name: "one that a policy without a path of old must not read", policy: deerflow(func(p *policy.Policy) { p.Layout.Legacy = policy.Template{} }),
			pod:     unlabelled(alicePlain[:16], subPath("threads/t1/user-data"), extra("deer-flow/users/alice/skills")),
			verdict: Refused, violations: []Violation{missing("thread")}},
	})
}

func TestProof(t *testing.T) {
	labelled := func(sandboxID string) *corev1.Pod { return sandbox(label("sandbox-id", sandboxID)) }
	wrong := "0" + alicePlain[1:16]
	tests := []struct {
		name              string
		sandboxID         string
		keys              []policy.Key
		declared, adopted string // the settings of proof that believe it
		message           string // where it is refused
		always            string // where that is another under Always
	}{
		{name: "none", sandboxID: "", declared: "Adopted Never", adopted: "Never", message: "no sandbox id: have the gateway set the label to the id that proves the identity"},
		{name: "16 digits", sandboxID: alicePlain[:16], declared: "Adopted Always Never", adopted: "Adopted Always Never"},
		{name: "63 digits", sandboxID: alicePlain[:63], declared: "Adopted Always Never", adopted: "Adopted Always Never"},
		{name: "64 digits", sandboxID: alicePlain, declared: "Never", adopted: "Never", message: malformed},
		{name: "15 digits", sandboxID: alicePlain[:15], declared: "Adopted Never", adopted: "Never", message: malformed},
		{name: "16 wrong digits", sandboxID: wrong, declared: "Never", adopted: "Never", message: another},
		{name: "16 digits, the last one wrong", sandboxID: alicePlain[:15] + "0", declared: "Never", adopted: "Never", message: another},
		{name: "63 digits, the last one wrong", sandboxID: alicePlain[:62] + "f", declared: "Never", adopted: "Never", message: another},
		{name: "upper-case digits", sandboxID: strings.ToUpper(alicePlain[:16]), declared: "Never", adopted: "Never", message: malformed},
		{name: "something that is no number", sandboxID: alicePlain[:15] + "z", declared: "Adopted Never", adopted: "Never", message: malformed},
		{name: "8 digits", sandboxID: alicePlain[:8], declared: "Adopted Never", adopted: "Never",
			message: "has 8 digits, too few (DeerFlow 2026-06-23 to 07-24): upgrade the gateway, set labels, or use proof: Never",
			always:  "has 8 digits, too few (DeerFlow 2026-06-23 to 07-24): upgrade the gateway, or use proof: Adopted and set labels"},
		{name: "8 digits where there is a key", sandboxID: alicePlain[:8], keys: []policy.Key{key}, declared: "Adopted Never", adopted: "Never",
			message: "has 8 digits, too few (DeerFlow 2026-06-23 to 07-24): have the gateway mint it with the key"},
		{name: "8 digits of the thread", sandboxID: threadPlain[:8], declared: "Adopted Never", adopted: "Never",
			message: "is of the thread alone (DeerFlow before 2026-06-23): upgrade the gateway, set labels, or use proof: Never",
			always:  "is of the thread alone (DeerFlow before 2026-06-23): upgrade the gateway, or use proof: Adopted and set labels"},
		{name: "the thread itself", sandboxID: "t1", declared: "Adopted Never", adopted: "Never",
			message: "is random (DeerFlow without a thread): give it a thread, set labels, or use proof: Never",
			always:  "is random (DeerFlow without a thread): give it a thread, or use proof: Adopted and set labels"},
		{name: "16 digits under the key", sandboxID: aliceKeyed[:16], keys: []policy.Key{key}, declared: "Adopted Always Never", adopted: "Adopted Always Never"},
		{name: "16 digits under the second key", sandboxID: aliceOther[:16], keys: []policy.Key{key, otherKey}, declared: "Adopted Always Never", adopted: "Adopted Always Never"},
		{name: "16 digits under another key", sandboxID: aliceOther[:16], keys: []policy.Key{key}, declared: "Never", adopted: "Never", message: anotherKey},
		{name: "16 plain digits where there is a key", sandboxID: alicePlain[:16], keys: []policy.Key{key}, declared: "Never", adopted: "Never",
			message: "is a plain hash, which anybody can compute: have the gateway mint it with the key"},
		{name: "16 digits under a key where there is none", sandboxID: aliceKeyed[:16], declared: "Never", adopted: "Never", message: another},
	}
	for _, test := range tests {
		for _, proof := range []policy.Proof{policy.ProofAdopted, policy.ProofAlways, policy.ProofNever} {
			for _, source := range []struct {
				name, identity string
				pod            *corev1.Pod
				believed       string
			}{{"declared", "alice/t1 label", labelled(test.sandboxID), test.declared}, {"adopted", "alice/t1 subPath", unlabelled(test.sandboxID), test.adopted}} {
				t.Run(test.name+"/"+string(proof)+"/"+source.name, func(t *testing.T) {
					want := createTest{policy: proving(proof, test.keys...), pod: source.pod, verdict: Allowed, identity: source.identity}
					if !slices.Contains(strings.Fields(source.believed), string(proof)) {
						message := test.message
						if proof == policy.ProofAlways && test.always != "" {
							message = test.always
						}
						want.verdict, want.violations = Refused, unproven(test.sandboxID, message+mustProve)
					}
					want.run(t)
				})
			}
		}
	}
}

// TestProofIsALabel has the sandbox id in an annotation, which proves nothing.
func TestProofIsALabel(t *testing.T) {
	none := unproven("", "no sandbox id: have the gateway set the label to the id that proves the identity"+mustProve)
	wrong := "0" + alicePlain[1:16]
	runCreate(t, []createTest{
		{name: "a proof in an annotation", pod: unlabelled("", annotation("sandbox-id", alicePlain[:16])), verdict: Refused, identity: "alice/t1 subPath", violations: none},
		{name: "a wrong label beside it", pod: unlabelled(wrong, annotation("sandbox-id", alicePlain[:16])), verdict: Refused, identity: "alice/t1 subPath", violations: unproven(wrong, another+mustProve)},
		{name: "an empty label beside it", pod: unlabelled("", label("sandbox-id", ""), annotation("sandbox-id", alicePlain[:16])), verdict: Refused, identity: "alice/t1 subPath", violations: none},
		{name: "a proof in the label beside a wrong annotation", pod: unlabelled(alicePlain[:16], annotation("sandbox-id", wrong)), verdict: Allowed, identity: "alice/t1 subPath"},
		{name: "a contradiction in an annotation", pod: sandbox(annotation("sandbox-id", wrong)), verdict: Allowed},
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
			violations: []Violation{{RuleIdentityInvalid, "metadata.labels[user-id]", "a.b", "has characters other than A-Z, a-z, 0-9, _ and -: set it to the user id that the data belongs to"}}},
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
			"is not a hostPath that this sandbox may have: use the claim, or have the policy list it"}}},
	})
}

// TestDefaultUserHasNoUserDirectories asks for the directories themselves: a mount of one would
// name the user, who then is no default.
func TestDefaultUserHasNoUserDirectories(t *testing.T) {
	layout := deerflow().Layout
	for _, test := range []struct {
		source policy.Source
		skills bool
	}{{policy.SourceLabel, true}, {policy.SourceAnnotation, true}, {policy.SourceSubPath, true}, {policy.SourceDefault, false}} {
		dirs := layout.Tree(policy.Identity{User: "default", Thread: "t1", Source: test.source}, true)
		if _, ok := dirs.Below("users/default/skills"); ok != test.skills {
			t.Errorf("%s: the user's directory %t, want %t", test.source, ok, test.skills)
		}
		if _, ok := dirs.Below("users/default/threads/t1/acp-workspace"); !ok {
			t.Errorf("%s: the thread's directory is missing", test.source)
		}
		if _, ok := dirs.Below("shared/tools"); !ok {
			t.Errorf("%s: the shared directory is missing", test.source)
		}
	}
}

func TestSandboxID(t *testing.T) {
	id := policy.Identity{User: "alice", Thread: "t1"}
	if got := policy.SandboxID(id, nil); got != alicePlain {
		t.Errorf("plain: got %s", got)
	}
	if got := policy.SandboxID(id, key); got != aliceKeyed {
		t.Errorf("keyed: got %s", got)
	}
}

func TestKeysDoNotPrint(t *testing.T) {
	p := proving(policy.ProofAlways, key)
	if text, err := json.Marshal(p.Keys); err != nil || string(text) != `["[key]"]` {
		t.Errorf("as JSON: %s, %v", text, err)
	}
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		for _, value := range []any{key, p, *p} {
			if text := fmt.Sprintf(format, value); strings.Contains(text, "0123456789") || strings.Contains(text, "3031323334") || strings.Contains(text, "48 49 50") {
				t.Errorf("%s of %T shows the key: %s", format, value, text)
			}
		}
	}
}
