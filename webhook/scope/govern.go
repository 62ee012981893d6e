package scope

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// governs reports whether the policy makes a sandbox of the Pod: because it wears the
// selector's labels, because a provisioner creates it, or because it references the claim
// and its creator is not exempt. Labels alone would not do: who writes the Pod writes them.
func (p *Policy) governs(req *Request) bool {
	return p.selects(req.Pod.Labels) ||
		p.isProvisioner(req.Creator) ||
		p.referencesClaim(req.Pod) && !p.exempts(req.Creator)
}

// isProvisioner reports whether every Pod of the creator is a sandbox.
func (p *Policy) isProvisioner(creator Creator) bool {
	return slices.Contains(p.Provisioners, creator.Username)
}

// selects reports whether the labels match the sandbox selector.
func (p *Policy) selects(labels map[string]string) bool {
	for key, value := range p.Selector {
		if got, ok := labels[key]; !ok || got != value {
			return false
		}
	}
	return true
}

// exempts reports whether the creator may mount the claim freely.
func (p *Policy) exempts(creator Creator) bool {
	if slices.Contains(p.ExemptUsers, creator.Username) {
		return true
	}
	return slices.ContainsFunc(creator.Groups, func(group string) bool {
		return slices.Contains(p.ExemptGroups, group)
	})
}

// referencesClaim reports whether a volume of the Pod is the claim, or a generic ephemeral
// volume that could be a copy of it.
func (p *Policy) referencesClaim(pod *corev1.Pod) bool {
	return slices.ContainsFunc(pod.Spec.Volumes, func(volume corev1.Volume) bool {
		return p.isClaim(&volume) || hasDataSource(&volume)
	})
}

// isClaim reports whether the volume is the policy's claim.
func (p *Policy) isClaim(volume *corev1.Volume) bool {
	return volume.PersistentVolumeClaim != nil && volume.PersistentVolumeClaim.ClaimName == p.Claim
}

// hasDataSource reports whether the volume is a generic ephemeral one that starts with the
// contents of another volume or snapshot.
func hasDataSource(volume *corev1.Volume) bool {
	if volume.Ephemeral == nil || volume.Ephemeral.VolumeClaimTemplate == nil {
		return false
	}
	spec := &volume.Ephemeral.VolumeClaimTemplate.Spec
	return spec.DataSource != nil || spec.DataSourceRef != nil
}

// checkSelector refuses a provisioner's Pod that does not wear the selector's labels: later
// operations on it could not tell that it is a sandbox.
func (r *review) checkSelector(policy *Policy, creator Creator) {
	if policy.selects(r.pod.Labels) || !policy.isProvisioner(creator) {
		return
	}
	r.refuse(RuleSelectorMismatch, location{"metadata", "labels"}, labelsText(r.pod.Labels),
		"this creator's Pods are sandboxes: set the labels "+labelsText(policy.Selector))
}
