package scope

import (
	"userscope.dev/userscope/webhook/podjson"
	"userscope.dev/userscope/webhook/policy"
)

// RuleSelectorMismatch is the rule of this file.
const RuleSelectorMismatch Rule = "selector-mismatch"

var selectorMismatchRule = rule{
	ID:      RuleSelectorMismatch,
	Summary: "A Pod that a provisioner creates must wear the labels of the policy's selector.",
	Why: "Every Pod of a provisioner is a sandbox. Without the selector's labels, NetworkPolicies would not " +
		"catch it, nor would people find it; and with the labels of the gateway instead, the gateway's " +
		"Service could send it other users' requests. Set the labels that the message names. Further labels are " +
		"the business of `label`.",
	before: (*review).checkSelectorMismatch,
}

// checkSelectorMismatch refuses a provisioner's Pod that does not wear the selector's labels: later
// operations on it could not tell that it is a sandbox.
func (r *review) checkSelectorMismatch(p *policy.Policy) {
	if p.Selects(r.pod.Labels) || !p.IsProvisioner(r.creator.Username) {
		return
	}
	r.refuse(RuleSelectorMismatch, podjson.Location{"metadata", "labels"}, labelsText(r.pod.Labels),
		"this creator's Pods are sandboxes: set the labels "+p.Selector.String())
}
