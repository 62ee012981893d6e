package scope

import corev1 "k8s.io/api/core/v1"

// A provisioner's Role lets it delete every Pod of its namespace, the gateway's included. It may
// delete sandboxes.

// Delete judges the deletion of a stored Pod.
func (p Policies) Delete(req Request, old *corev1.Pod) Decision {
	r := &review{pod: old}
	for _, policy := range p.forNamespace(req.Namespace) {
		if !policy.isProvisioner(req.Creator) {
			continue
		}
		r.governing = append(r.governing, policy)
		if !policy.isSandbox(old) {
			r.refuse(RuleDeleteNotSandbox, location{"metadata", "labels"}, labelsText(old.Labels),
				"are not a sandbox's ("+labelsText(policy.Selector)+"), and a provisioner deletes nothing else: use another user")
		}
	}
	if len(r.governing) == 0 {
		return Decision{Verdict: Ungoverned}
	}
	return r.decision(Identity{})
}

// isSandbox reports whether a stored Pod was judged when it was created, or wears the
// selector's labels, as sandboxes do that are older than the installation.
func (p *Policy) isSandbox(pod *corev1.Pod) bool {
	_, marked := pod.Annotations[MarkerAnnotation]
	return marked || p.selects(pod.Labels)
}
