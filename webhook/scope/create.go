package scope

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// Create judges the creation of a Pod: it is ungoverned, or everything that it mounts comes to
// lie in the directories of its identity, or it is refused. All violations are reported at
// once. Applying the edits and deciding again changes nothing more.
func Create(p Policies, req Request) Decision {
	var governing Policies
	for _, policy := range p.ForNamespace(req.Namespace) {
		if governs(policy, &req) {
			governing = append(governing, policy)
		}
	}
	if len(governing) == 0 {
		return Decision{Verdict: Ungoverned}
	}

	r := &review{sent: req.Pod, pod: req.Pod.DeepCopy(), unknown: req.Unknown, governing: governing, replaced: map[int]bool{}}
	for _, policy := range governing {
		r.checkSelector(policy, req.Creator)
		r.checkOrigin(policy, req.Creator)
		r.replaceUserData(policy)
	}
	// What drew a policy in may have been replaced, and a second decision would not see it.
	edited := Request{Namespace: req.Namespace, Creator: req.Creator, Pod: r.pod}
	r.governing = slices.DeleteFunc(governing, func(policy *Policy) bool { return !governs(policy, &edited) })
	id, identified := r.identify()
	for _, policy := range r.governing {
		r.judge(policy, id, identified)
	}
	r.checkEnvFiles(containers(r.pod))
	r.checkEphemeralContainers(newEphemeralContainers(r.pod, &corev1.Pod{}))
	r.stamp(id, identified)
	return r.decision(id)
}

// judge applies the rules of one policy to a Pod of the identity.
func (r *review) judge(policy *Policy, id Identity, identified bool) {
	dirs := policy.Layout.Tree(id, identified)
	if identified {
		r.scopeUserData(policy, dirs)
		r.checkClaimMounts(policy, dirs)
	}
	r.checkHostPaths(policy, dirs, identified)
	r.checkOtherClaims(policy)
	r.checkVolumeTypes(policy)
	r.checkUnknownFields(policy)
	r.checkSecrets(policy)
	r.checkServiceAccount(policy)
	r.checkDevices(policy)
	r.checkVolumeOwnership(policy)
	r.checkPodSecurity(policy)
}

// decision sums the review up.
func (r *review) decision(id Identity) Decision {
	if len(r.violations) > 0 {
		return Decision{Verdict: Refused, Identity: id, Violations: r.violations, More: r.more}
	}
	d := Decision{Verdict: Allowed, Identity: id, Edits: r.edits}
	for _, edit := range r.edits {
		if edit.Warning != "" {
			d.Verdict = Rewritten
		}
	}
	return d
}
