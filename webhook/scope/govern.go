package scope

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"userscope.dev/userscope/webhook/podjson"
	"userscope.dev/userscope/webhook/policy"
)

// governs reports whether the policy makes a sandbox of the Pod: because it wears the
// selector's labels, because a provisioner creates it, or because it references the claim
// and its creator is not exempt. Labels alone would not do: who writes the Pod writes them.
func governs(p *policy.Policy, req *Request) bool {
	return p.Selects(req.Pod.Labels) ||
		p.IsProvisioner(req.Creator.Username) ||
		referencesClaim(p, req.Pod) && !p.Exempts(req.Creator.Username, req.Creator.Groups)
}

// referencesClaim reports whether a volume of the Pod is the claim, or a generic ephemeral
// Volume that could be a copy of it.
func referencesClaim(p *policy.Policy, pod *corev1.Pod) bool {
	return slices.ContainsFunc(pod.Spec.Volumes, func(volume corev1.Volume) bool {
		return isClaim(p, &volume) || hasDataSource(&volume)
	})
}

// isClaim reports whether the volume is the policy's claim.
func isClaim(p *policy.Policy, volume *corev1.Volume) bool {
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
func (r *review) checkSelector(p *policy.Policy, creator Creator) {
	if p.Selects(r.pod.Labels) || !p.IsProvisioner(creator.Username) {
		return
	}
	r.refuse(RuleSelectorMismatch, podjson.Location{"metadata", "labels"}, labelsText(r.pod.Labels),
		"this creator's Pods are sandboxes: set the labels "+labelsText(p.Selector))
}
