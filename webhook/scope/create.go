package scope

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"userscope.dev/userscope/webhook/policy"
)

// Create judges the creation of a Pod: it is ungoverned, or everything that it mounts comes to
// lie in the directories of its identity, or it is refused. All violations are reported at
// once. Applying the edits and deciding again changes nothing more.
func Create(policies policy.Policies, req Request) Decision {
	var governing policy.Policies
	for _, p := range policies.ForNamespace(req.Namespace) {
		if governs(p, &req) {
			governing = append(governing, p)
		}
	}
	if len(governing) == 0 {
		return Decision{Verdict: Ungoverned}
	}

	r := &review{sent: req.Pod, pod: req.Pod.DeepCopy(), unknown: req.Unknown, governing: governing, replaced: map[int]bool{}}
	for _, p := range governing {
		r.checkSelector(p, req.Creator)
		r.checkOrigin(p, req.Creator)
		r.replaceUserData(p)
	}
	// What drew a policy in may have been replaced, and a second decision would not see it.
	edited := Request{Namespace: req.Namespace, Creator: req.Creator, Pod: r.pod}
	r.governing = slices.DeleteFunc(governing, func(p *policy.Policy) bool { return !governs(p, &edited) })
	id, identified := r.identify()
	for _, p := range r.governing {
		r.judge(p, id, identified)
	}
	r.checkEnvFiles(containers(r.pod))
	r.checkEphemeralContainers(newEphemeralContainers(r.pod, &corev1.Pod{}))
	r.stamp(id, identified)
	return r.decision(id)
}

// judge applies the rules of one policy to a Pod of the identity.
func (r *review) judge(p *policy.Policy, id policy.Identity, identified bool) {
	dirs := p.Layout.Tree(id, identified)
	if identified {
		r.scopeUserData(p, dirs)
		r.checkClaimMounts(p, dirs)
	}
	r.checkHostPaths(p, dirs, identified)
	r.checkOtherClaims(p)
	r.checkVolumeTypes(p)
	r.checkUnknownFields(p)
	r.checkSecrets(p)
	r.checkServiceAccount(p)
	r.checkDevices(p)
	r.checkVolumeOwnership(p)
	r.checkPodSecurity(p)
}

// decision sums the review up.
func (r *review) decision(id policy.Identity) Decision {
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
