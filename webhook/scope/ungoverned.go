package scope

import (
	"fmt"

	"userscope.dev/userscope/webhook/policy"
)

// WhyUngoverned says why no policy speaks of a new Pod; empty if a policy does.
func WhyUngoverned(policies policy.Policies, req Request) string {
	there := policies.ForNamespace(req.Namespace)
	if len(there) == 0 {
		return fmt.Sprintf("no policy has the namespace %+q", req.Namespace)
	}
	exempt := false
	for _, p := range there {
		if concerns(there, p, &req) {
			return ""
		}
		exempt = exempt || referencesClaim(p, req.Pod)
	}
	if exempt {
		return "mounts the claim, and its creator is in exemptCreators"
	}
	return "has not the selector's labels, is no provisioner's, and does not mount the claim"
}

// onlyByClaim reports whether the Pod is governed for nothing but the claim that it mounts.
func (r *review) onlyByClaim(p *policy.Policy) bool {
	return !p.Selects(r.pod.Labels) && !p.IsProvisioner(r.creator.Username) && governsForClaim(p, r.creator, r.pod)
}
