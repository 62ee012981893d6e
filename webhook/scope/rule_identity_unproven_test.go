package scope

import (
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
