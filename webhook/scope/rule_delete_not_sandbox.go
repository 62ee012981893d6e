package scope

import (
	"userscope.dev/userscope/webhook/podjson"
	"userscope.dev/userscope/webhook/policy"
)

// RuleDeleteNotSandbox is the rule of this file.
const RuleDeleteNotSandbox Rule = "delete-not-sandbox"

var deleteNotSandboxRule = rule{
	ID:      RuleDeleteNotSandbox,
	Summary: "A provisioner may delete only sandboxes.",
	Why: "DeerFlow's provisioner has the right to delete every Pod of its namespace, so whoever breaks into " +
		"it could delete the gateway and the database. A sandbox is a Pod with Userscope's marker or with " +
		"the selector's labels, so that sandboxes from before the installation can be deleted as well. " +
		"Delete other Pods as somebody else: what other users may delete is up to RBAC.",
	delete: (*review).checkDeleteNotSandbox,
}

// A provisioner's Role lets it delete every Pod of its namespace, the gateway's included. It may
// delete sandboxes.

// checkDeleteNotSandbox refuses the deletion of a Pod that is no sandbox.
func (r *review) checkDeleteNotSandbox(p *policy.Policy) {
	if !isSandbox(p, r.old) {
		r.refuse(RuleDeleteNotSandbox, podjson.Location{"metadata", "labels"}, labelsText(r.old.Labels),
			"are not a sandbox's ("+p.Selector.String()+"), and a provisioner deletes nothing else: use another user")
	}
}
