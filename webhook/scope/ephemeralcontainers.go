package scope

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"userscope.dev/userscope/webhook/policy"
)

// AddEphemeralContainers judges a change of a Pod's ephemeral containers, from old to req.Pod.
// It governs sandboxes whoever asks, whatever a provisioner asks, and Pods with the claim
// unless the one who asks is exempt.
func AddEphemeralContainers(policies policy.Policies, req Request, old *corev1.Pod) Decision {
	r := &review{pod: req.Pod, old: old, creator: req.Creator}
	for _, p := range policies.ForNamespace(req.Namespace) {
		if isSandbox(p, old) || governs(p, &req) {
			r.governing = append(r.governing, p)
		}
	}
	if len(r.governing) == 0 {
		return Decision{Verdict: Ungoverned}
	}
	r.judged = newEphemeralContainers(r.pod, old)
	r.run(func(rule *rule) check { return rule.added })
	r.runContainers()
	return r.decision()
}

// newEphemeralContainers returns the ephemeral containers of a Pod that the old one does not have.
func newEphemeralContainers(pod, old *corev1.Pod) []container {
	known := map[string]bool{}
	for i := range old.Spec.EphemeralContainers {
		known[old.Spec.EphemeralContainers[i].Name] = true
	}
	return slices.DeleteFunc(containers(pod), func(c container) bool {
		return c.list != ephemeralContainers || known[c.Name]
	})
}
