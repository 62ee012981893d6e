package scope

import (
	"cmp"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"userscope.dev/userscope/webhook/podjson"
	"userscope.dev/userscope/webhook/policy"
)

// RulePlacement is the rule of this file.
const RulePlacement Rule = "placement"

// Refusals that the backstop words like the decision.
const (
	saysNodeName   = "is a node past the scheduler: drop it, or have the policy list it in allow.nodeNames"
	saysToleration = "stays where others must leave: name an effect other than NoExecute, or have the policy list it in allow.tolerations"
)

var placementRule = rule{
	ID:      RulePlacement,
	Summary: "A sandbox names no node, and tolerates no taint that others must flee, unless the policy lists it.",
	Why: "With `nodeName` a Pod comes to a node past the scheduler, whatever taints and room that has: a full node " +
		"then evicts others. A Pod that tolerates `NoExecute` stays on a node that an admin has emptied, beside what " +
		"was kept apart there. An empty effect includes it, and the operator `Exists` without a key is every taint. The " +
		"API server gives each Pod tolerations of `node.kubernetes.io/not-ready` and `node.kubernetes.io/unreachable` " +
		"for some minutes, which pass. Drop the field, or have the policy list what the platform needs " +
		"(`allow.nodeNames`, `allow.tolerations`).",
	says:  map[string]string{"node": saysNodeName, "toleration": saysToleration},
	check: (*review).checkPlacement,
}

// checkPlacement judges how a new Pod comes to its node, and stays there.
func (r *review) checkPlacement(p *policy.Policy) {
	if name := r.pod.Spec.NodeName; name != "" && !slices.Contains(p.Allow.NodeNames, name) {
		r.refuse(RulePlacement, podjson.Location{"spec", "nodeName"}, name, saysNodeName)
	}
	for i, toleration := range r.pod.Spec.Tolerations {
		if !toleratesNoExecute(toleration) || isDefaultToleration(toleration) {
			continue
		}
		if !slices.ContainsFunc(p.Allow.Tolerations, func(listed corev1.Toleration) bool { return includes(listed, toleration) }) {
			r.refuse(RulePlacement, podjson.Location{"spec", "tolerations", i}, spelled(toleration), saysToleration)
		}
	}
}

// toleratesNoExecute reports whether the effect is NoExecute, or every effect.
func toleratesNoExecute(t corev1.Toleration) bool {
	return t.Effect == "" || t.Effect == corev1.TaintEffectNoExecute
}

// isDefaultToleration reports whether the admission plugin DefaultTolerationSeconds may have added the
// toleration, for as many seconds as the API server's flags say.
func isDefaultToleration(t corev1.Toleration) bool {
	return (t.Key == corev1.TaintNodeNotReady || t.Key == corev1.TaintNodeUnreachable) &&
		t.Effect == corev1.TaintEffectNoExecute && t.TolerationSeconds != nil
}

// includes reports whether a toleration tolerates all that another one does.
func includes(listed, t corev1.Toleration) bool {
	return (listed.Key == "" || listed.Key == t.Key) &&
		(listed.Operator == corev1.TolerationOpExists || isEqual(t.Operator) && listed.Value == t.Value) &&
		(listed.Effect == "" || listed.Effect == t.Effect) &&
		(listed.TolerationSeconds == nil || t.TolerationSeconds != nil && *t.TolerationSeconds <= *listed.TolerationSeconds)
}

// spelled writes a toleration as kubectl does a taint, with a star for every key and every effect.
func spelled(t corev1.Toleration) string {
	text := cmp.Or(t.Key, "*")
	if t.Value != "" {
		text += "=" + t.Value
	}
	return text + ":" + cmp.Or(string(t.Effect), "*")
}

// isEqual reports whether an operator compares values, as none does.
func isEqual(operator corev1.TolerationOperator) bool {
	return operator == "" || operator == corev1.TolerationOpEqual
}
