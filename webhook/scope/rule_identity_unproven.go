package scope

import (
	"slices"
	"strings"

	"userscope.dev/userscope/webhook/podjson"
	"userscope.dev/userscope/webhook/policy"
)

// RuleIdentityUnproven is the rule of this file.
const RuleIdentityUnproven Rule = "identity-unproven"

var identityUnprovenRule = rule{
	ID:      RuleIdentityUnproven,
	Summary: "Whose sandbox a Pod is must be proved by its sandbox id.",
	Why: "DeerFlow's gateway chooses the sandbox's id, and the provisioner only carries it, in the label " +
		"`sandbox-id`: the first digits of a hash of user and thread, or of what the policy's `proofOf` lists. An identity that nobody declared, " +
		"adopted from the directories that the Pod mounts, is believed only if the id proves it; a declared " +
		"one unless an id of 16 digits or more contradicts it, or always if the policy says `proof: Always`. " +
		"Otherwise a provisioner that mixes up two sandboxes would give one user's data to the other. " +
		"Whatever the id is, it is the gateway's to mint anew: see [identity.md](identity.md) for what a " +
		"gateway has to do, for keys, and for the choices that an older gateway leaves.",
	Identity: true,
}

// checkIdentityUnproven refuses an identity that the policy wants proved and the sandbox id does not prove.
func (r *review) checkIdentityUnproven(p *policy.Policy, id policy.Identity) bool {
	sandboxID := r.pod.Labels[p.SandboxIDKey]
	if r.governing.Proves(sandboxID, id) || r.governing.Believes(sandboxID, id) {
		return true
	}
	r.refuse(RuleIdentityUnproven, podjson.Location{"metadata", "labels", podjson.MapKey(p.SandboxIDKey)}, sandboxID,
		r.whyUnproven(p, sandboxID, id)+"; it must prove "+podjson.Quote(id.String()))
	return false
}

// whyUnproven says why a sandbox id proves nothing, which versions of DeerFlow mint such ids, and
// what can be done.
func (r *review) whyUnproven(p *policy.Policy, sandboxID string, id policy.Identity) string {
	plain := func(text string) bool { return strings.HasPrefix(policy.SandboxID(text, nil), sandboxID) }
	switch short := r.governing.ShortIDOf(sandboxID, id); {
	case sandboxID == "":
		return "no sandbox id: have the gateway set the label to the id that proves the identity"
	case short == policy.OfIdentity:
		return "has 8 digits, too few (DeerFlow 2026-06-23 to 07-24): " + remedy(p, "upgrade the gateway")
	case short == policy.OfThread:
		return "is of the thread alone (DeerFlow before 2026-06-23): " + remedy(p, "upgrade the gateway")
	case short == policy.IsThread:
		return "is random (DeerFlow without a thread): " + remedy(p, "give it a thread")
	case policy.IsShortID(sandboxID) && id.Source == policy.SourceDefault:
		return "is another user's, by its 8 digits (gateways before 2026-07-25): defaultUser is not for it: set labels or upgrade DeerFlow"
	case policy.IsShortID(sandboxID):
		return "has 8 digits (gateways before 2026-07-25), of another identity: " + remedy(p, "upgrade the gateway")
	case !policy.CanProve(sandboxID):
		return "is not 16 to 63 lower-case hex digits: use the id that the gateway minted"
	case len(p.Keys) == 0:
		return "is of another user or thread: use the id that the gateway minted"
	case slices.ContainsFunc(r.governing.ProofTexts(id), plain):
		return "is a plain hash, which anybody can compute: have the gateway mint it with the key"
	default:
		return "is of another user, thread or key: use the id that the gateway minted"
	}
}

// remedy says what can be done about a sandbox id that is no proof but was minted as it is: first
// in DeerFlow, else in the policy.
func remedy(p *policy.Policy, first string) string {
	switch {
	case len(p.Keys) > 0:
		return "have the gateway mint it with the key"
	case p.Proof == policy.ProofAlways:
		return first + ", or use proof: Adopted and set labels"
	default:
		return first + ", set labels, or use proof: Never"
	}
}
