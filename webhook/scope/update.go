package scope

import (
	corev1 "k8s.io/api/core/v1"

	"userscope.dev/userscope/webhook/policy"
)

// Update judges a change of a stored Pod, from old to req.Pod.
func Update(policies policy.Policies, req Request, old *corev1.Pod) Decision {
	r := &review{pod: req.Pod, governing: policies.ForNamespace(req.Namespace)}
	if len(r.governing) == 0 {
		return Decision{Verdict: Ungoverned}
	}
	_, marked := old.Annotations[policy.MarkerAnnotation]
	for _, p := range r.governing {
		if marked {
			r.checkKeysKept(p, old)
		} else {
			r.checkNotAdopted(p, old)
		}
	}
	if !marked && len(r.violations) == 0 {
		return Decision{Verdict: Ungoverned}
	}
	return r.decision(policy.Identity{})
}
