package scope

import (
	corev1 "k8s.io/api/core/v1"

	"userscope.dev/userscope/webhook/podjson"
	"userscope.dev/userscope/webhook/policy"
)

// A provisioner's Role lets it delete every Pod of its namespace, the gateway's included. It may
// delete sandboxes.

// Delete judges the deletion of a stored Pod.
func Delete(policies policy.Policies, req Request, old *corev1.Pod) Decision {
	r := &review{pod: old}
	for _, p := range policies.ForNamespace(req.Namespace) {
		if !p.IsProvisioner(req.Creator.Username) {
			continue
		}
		r.governing = append(r.governing, p)
		if !isSandbox(p, old) {
			r.refuse(RuleDeleteNotSandbox, podjson.Location{"metadata", "labels"}, labelsText(old.Labels),
				"are not a sandbox's ("+labelsText(p.Selector)+"), and a provisioner deletes nothing else: use another user")
		}
	}
	if len(r.governing) == 0 {
		return Decision{Verdict: Ungoverned}
	}
	return r.decision(policy.Identity{})
}
