package scope

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"userscope.dev/userscope/webhook/policy"
)

// RuleOtherClaim is the rule of this file.
const RuleOtherClaim Rule = "other-claim"

var otherClaimRule = rule{
	ID:      RuleOtherClaim,
	Summary: "Other claims are refused unless the policy lists them.",
	Why: "Whoever may create Pods can mount every claim of the namespace through them, the database's for " +
		"instance. A listed claim (`allow.claims`) can be read whole by every sandbox and is never writable, " +
		"for a volume that all sandboxes can write is a place where users meet. Drop the volume, or have the " +
		"policy list a claim that all users may read. Of a volume with the user-data volume's name the refusal " +
		"names the policy's claim, too: one of the two names may be mistaken.",
	check: (*review).checkOtherClaim,
}

// checkOtherClaim refuses claims that are not listed, and makes listed ones read-only: a
// writable volume that all sandboxes share is a place to meet.
func (r *review) checkOtherClaim(p *policy.Policy) {
	for i := range r.pod.Spec.Volumes {
		volume := &r.pod.Spec.Volumes[i]
		if volume.PersistentVolumeClaim == nil || r.isGovernedClaim(volume) {
			continue
		}
		name := volume.PersistentVolumeClaim.ClaimName
		if !slices.Contains(p.Allow.Claims, name) {
			message := "is no claim for sandboxes: drop it, or have the policy list it in allow.claims"
			if volume.Name == p.UserDataVolume {
				message = "is not the policy's claim: use " + p.Claim + ", or set claim or allow.claims in the policy"
			}
			r.refuse(RuleOtherClaim, volumeAt(i, "persistentVolumeClaim", "claimName"), name, message)
			continue
		}
		r.setTrue(&volume.PersistentVolumeClaim.ReadOnly, volumeAt(i, "persistentVolumeClaim", "readOnly"), "sandboxes share the claim")
	}
}

// isGovernedClaim reports whether the volume is the claim of a policy that judges the Pod.
func (r *review) isGovernedClaim(volume *corev1.Volume) bool {
	return slices.ContainsFunc(r.governing, func(p *policy.Policy) bool { return isClaim(p, volume) })
}
