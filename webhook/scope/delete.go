package scope

import (
	corev1 "k8s.io/api/core/v1"

	"userscope.dev/userscope/webhook/policy"
)

// Delete judges the deletion of a stored Pod.
func Delete(policies policy.Policies, req Request, old *corev1.Pod) Decision {
	r := &review{pod: old, old: old, creator: req.Creator}
	for _, p := range policies.ForNamespace(req.Namespace) {
		if p.IsProvisioner(req.Creator.Username) {
			r.governing = append(r.governing, p)
		}
	}
	if len(r.governing) == 0 {
		return Decision{Verdict: Ungoverned}
	}
	r.run(func(rule *rule) check { return rule.delete })
	return r.decision()
}
