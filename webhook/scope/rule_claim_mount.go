package scope

import "userscope.dev/userscope/webhook/policy"

// RuleClaimMount is the rule of this file.
const RuleClaimMount Rule = "claim-mount"

// saysFileVariable is a refusal that the backstop words like the decision.
const saysFileVariable = "is read from the volume's root: use an emptyDir"

// A mount of the claim that does not show user data must be one of the directories of the
// Pod's identity, exactly: not above one, and not below one either. The kubelet follows
// symlinks as long as they stay inside the volume, so that a path through a directory in which
// any sandbox can write may lead to any other.

// checkClaimMount keeps the mounts of the claim that are the identity's directories, in their
// clean form and with at most their access, and refuses all others.
func (r *review) checkClaimMount(p *policy.Policy) {
	if !r.identified {
		return
	}
	r.scopeUserData(p)
	const remedy = "mount a directory of the policy's layout"
	for _, m := range claimMounts(p, r.pod) {
		if isUserData(p, m, r.dirs) {
			continue
		}
		if m.SubPathExpr != "" {
			r.refuse(RuleClaimMount, m.at("subPathExpr"), m.SubPathExpr, "is expanded on the node, where it could become any path: set subPath instead")
			continue
		}
		clean, problem := cleanRelative(m.SubPath)
		access, own := r.dirs.OnClaim(clean)
		if !own && problem == "" {
			problem = "is not a directory of this sandbox"
		}
		if problem != "" {
			r.refuse(RuleClaimMount, m.at("subPath"), m.SubPath, problem+": "+remedy)
			continue
		}
		r.setMountString(m, &m.SubPath, "subPath", clean)
		r.setMountString(m, &m.MountPath, "mountPath", containerPath(m.MountPath))
		if access == policy.ReadOnly && !m.ReadOnly {
			r.setTrue(&m.ReadOnly, m.at("readOnly"), "the policy lists the directory as ReadOnly")
		}
	}
}

// checkEnvFiles refuses environment variables of the containers that come from files of anything
// but an emptyDir: the kubelet reads them from the volume's root, past every subPath (KEP-3721).
// Should several volumes carry one name, one of another kind is enough.
func (r *review) checkEnvFiles() {
	scratch := map[string]bool{}
	for i := range r.pod.Spec.Volumes {
		volume := &r.pod.Spec.Volumes[i]
		before, again := scratch[volume.Name]
		scratch[volume.Name] = volume.EmptyDir != nil && (before || !again)
	}
	for _, c := range r.judged {
		for i, env := range c.Env {
			if env.ValueFrom != nil && env.ValueFrom.FileKeyRef != nil && !scratch[env.ValueFrom.FileKeyRef.VolumeName] {
				r.refuse(RuleClaimMount, c.at("env", i, "valueFrom", "fileKeyRef", "volumeName"), env.ValueFrom.FileKeyRef.VolumeName,
					saysFileVariable)
			}
		}
	}
}
