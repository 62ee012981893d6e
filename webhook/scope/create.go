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
		r.checkSelectorMismatch(p, req.Creator)
		r.checkControllerOwner(p, req.Creator)
		r.checkStaticPod(p, req.Creator)
		r.checkUserDataVolume(p)
	}
	// What drew a policy in may have been replaced, and a second decision would not see it.
	edited := Request{Namespace: req.Namespace, Creator: req.Creator, Pod: r.pod}
	r.governing = slices.DeleteFunc(governing, func(p *policy.Policy) bool { return !governs(p, &edited) })
	id, identified := r.identify()
	for _, p := range r.governing {
		r.judge(p, id, identified)
	}
	r.checkEnvFiles(containers(r.pod))
	r.checkEphemeralContainer(newEphemeralContainers(r.pod, &corev1.Pod{}))
	r.stamp(id, identified)
	return r.decision(id)
}

// judge applies the rules of one policy to a Pod of the identity.
func (r *review) judge(p *policy.Policy, id policy.Identity, identified bool) {
	dirs := p.Layout.Tree(id, identified)
	if identified {
		r.scopeUserData(p, dirs)
		r.checkClaimMount(p, dirs)
	}
	r.checkHostPath(p, dirs, identified)
	r.checkOtherClaim(p)
	r.checkVolumeType(p)
	r.checkUnknownField(p)
	r.checkSecret(p)
	r.checkServiceAccount(p)
	r.checkServiceAccountToken(p)
	r.checkVolumeDevice(p)
	r.checkResourceClaim(p)
	r.checkRuntimeClass(p)
	r.checkFSGroup(p)
	r.checkSELinuxOptions(p)
	r.checkPodSecurity(p)
}
