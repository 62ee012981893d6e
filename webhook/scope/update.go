package scope

import (
	corev1 "k8s.io/api/core/v1"

	"userscope.dev/userscope/webhook/policy"
)

// Update judges a change of a stored Pod, from old to req.Pod.
func Update(policies policy.Policies, req Request, old *corev1.Pod) Decision {
	r := &review{pod: req.Pod, old: old, governing: policies.ForNamespace(req.Namespace)}
	if len(r.governing) == 0 {
		return Decision{Verdict: Ungoverned}
	}
	r.run(func(rule *rule) check { return rule.update })
	if !isMarked(old) && len(r.violations) == 0 {
		return Decision{Verdict: Ungoverned}
	}
	return r.decision()
}
