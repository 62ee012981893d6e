package scope

import (
	"maps"
	"slices"
	"strings"

	"userscope.dev/userscope/webhook/podjson"
	"userscope.dev/userscope/webhook/policy"
)

// RuleStaticPod is the rule of this file.
const RuleStaticPod Rule = "static-pod"

// saysOwnedByKubelet is a refusal that the backstop words like the decision.
const saysOwnedByKubelet = "marks a Pod of the kubelet's own: drop it"

// A provisioner creates its Pods itself. A Pod that claims to come from a node's own files is treated
// differently by the kubelet and by admission.

// checkStaticPod refuses the kubelet's own annotations on a provisioner's Pod.
func (r *review) checkStaticPod(p *policy.Policy) {
	if !p.IsProvisioner(r.creator.Username) {
		return
	}
	for _, key := range slices.Sorted(maps.Keys(r.pod.Annotations)) {
		if strings.HasPrefix(key, "kubernetes.io/config.") {
			r.refuse(RuleStaticPod, podjson.Location{"metadata", "annotations", podjson.MapKey(key)}, r.pod.Annotations[key],
				saysOwnedByKubelet)
		}
	}
}
