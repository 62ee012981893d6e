package scope

import (
	"userscope.dev/userscope/webhook/podjson"
	"userscope.dev/userscope/webhook/policy"
)

// RuleSelectorMismatch is the rule of this file.
const RuleSelectorMismatch Rule = "selector-mismatch"

// checkSelectorMismatch refuses a provisioner's Pod that does not wear the selector's labels: later
// operations on it could not tell that it is a sandbox.
func (r *review) checkSelectorMismatch(p *policy.Policy) {
	if p.Selects(r.pod.Labels) || !p.IsProvisioner(r.creator.Username) {
		return
	}
	r.refuse(RuleSelectorMismatch, podjson.Location{"metadata", "labels"}, labelsText(r.pod.Labels),
		"this creator's Pods are sandboxes: set the labels "+labelsText(p.Selector))
}
