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

var staticPodRule = rule{
	ID:      RuleStaticPod,
	Summary: "A provisioner's Pod must not pretend to be a static Pod.",
	Why: "Annotations that begin with `kubernetes.io/config.` are the kubelet's: they mark Pods that it read " +
		"from the node's own files, which kubelets and admission plugins treat differently. A Pod of the API " +
		"has no use for them: drop them.",
	says:   map[string]string{"annotation": saysOwnedByKubelet},
	before: (*review).checkStaticPod,
}

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
