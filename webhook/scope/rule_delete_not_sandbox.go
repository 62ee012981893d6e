package scope

import (
	"userscope.dev/userscope/webhook/podjson"
	"userscope.dev/userscope/webhook/policy"
)

// RuleDeleteNotSandbox is the rule of this file.
const RuleDeleteNotSandbox Rule = "delete-not-sandbox"

// A provisioner's Role lets it delete every Pod of its namespace, the gateway's included. It may
// delete sandboxes.

// checkDeleteNotSandbox refuses the deletion of a Pod that is no sandbox.
func (r *review) checkDeleteNotSandbox(p *policy.Policy) {
	if !isSandbox(p, r.old) {
		r.refuse(RuleDeleteNotSandbox, podjson.Location{"metadata", "labels"}, labelsText(r.old.Labels),
			"are not a sandbox's ("+labelsText(p.Selector)+"), and a provisioner deletes nothing else: use another user")
	}
}
