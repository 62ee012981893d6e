package scope

import corev1 "k8s.io/api/core/v1"

// A provisioner's Role lets it delete every Pod of its namespace, the gateway's included. It may
// delete sandboxes.

// Delete judges the deletion of a stored Pod.
func Delete(p Policies, req Request, old *corev1.Pod) Decision {
	r := &review{pod: old}
	for _, policy := range p.ForNamespace(req.Namespace) {
		if !policy.IsProvisioner(req.Creator.Username) {
			continue
		}
		r.governing = append(r.governing, policy)
		if !isSandbox(policy, old) {
			r.refuse(RuleDeleteNotSandbox, Location{"metadata", "labels"}, labelsText(old.Labels),
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
func isSandbox(p *Policy, pod *corev1.Pod) bool {
	_, marked := pod.Annotations[MarkerAnnotation]
	return marked || p.Selects(pod.Labels)
}
