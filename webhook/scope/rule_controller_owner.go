package scope

import (
	"userscope.dev/userscope/webhook/podjson"
	"userscope.dev/userscope/webhook/policy"
)

// RuleControllerOwner is the rule of this file.
const RuleControllerOwner Rule = "controller-owner"

// saysOwned is a refusal that the backstop words like the decision.
const saysOwned = "would make the sandbox a controller's Pod: drop the reference"

var controllerOwnerRule = rule{
	ID:      RuleControllerOwner,
	Summary: "A provisioner's Pod must not be a controller's.",
	Why: "An owner reference with `controller: true` would make a controller, the gateway's ReplicaSet for " +
		"instance, count the sandbox among its replicas, delete a real one in its place, or delete the " +
		"sandbox. Provisioners create their Pods themselves, so drop the reference. References without " +
		"`controller: true`, which only have the Pod deleted together with its owner, are not refused.",
	says:   map[string]string{"owner": saysOwned},
	before: (*review).checkControllerOwner,
}

// A provisioner creates its Pods itself. A Pod that claims to be a controller's would be adopted by it,
// as a replica of the gateway for instance.

// checkControllerOwner refuses references to a controller on a provisioner's Pod.
func (r *review) checkControllerOwner(p *policy.Policy) {
	if !p.IsProvisioner(r.creator.Username) {
		return
	}
	for i, owner := range r.pod.OwnerReferences {
		if owner.Controller != nil && *owner.Controller {
			r.refuse(RuleControllerOwner, podjson.Location{"metadata", "ownerReferences", i}, owner.Kind+"/"+owner.Name,
				saysOwned+", or set controller: false")
		}
	}
}
