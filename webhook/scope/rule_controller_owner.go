package scope

import (
	"slices"

	"userscope.dev/userscope/webhook/podjson"
	"userscope.dev/userscope/webhook/policy"
)

// RuleControllerOwner is the rule of this file.
const RuleControllerOwner Rule = "controller-owner"

// Refusals that the backstop words like the decision.
const (
	saysOwned           = "controls the Pod: drop the reference, or have the policy list it in allow.controllerOwners"
	saysOwnedByWorkload = "controls the Pod, and no policy may list it: drop the reference, or set controller: false"
)

var controllerOwnerRule = rule{
	ID:      RuleControllerOwner,
	Summary: "A provisioner's Pod must not be a controller's, unless the policy lists the owner's kind.",
	Why: "An owner reference with `controller: true` would make a controller, the gateway's ReplicaSet for " +
		"instance, count the sandbox among its replicas, delete a real one in its place, or delete the " +
		"sandbox. Provisioners that create their Pods themselves have no need of it, so drop the reference. A controller of " +
		"sandboxes sets it on each of its Pods: have the policy list the owner's kind (`allow.controllerOwners`), such as " +
		"`Sandbox.agents.x-k8s.io`. Owners of a listed kind must own sandboxes only, because the name and uid in a reference " +
		"are believed. Kinds of the groups core, apps and batch cannot be listed, nor can `ReplicaSet`, `ReplicationController`, " +
		"`StatefulSet`, `DaemonSet` and `Job` of any group: Kubernetes' own controllers compare no groups. References without " +
		"`controller: true`, which only have the Pod deleted together with its owner, are not refused.",
	says:   map[string]string{"owner": saysOwned, "workload": saysOwnedByWorkload},
	before: (*review).checkControllerOwner,
}

// checkControllerOwner refuses references to a controller on a provisioner's Pod, but to one of a listed kind. A Pod
// that claims to be a controller's would be adopted by it, as a replica of the gateway for instance.
func (r *review) checkControllerOwner(p *policy.Policy) {
	if !p.IsProvisioner(r.creator.Username) {
		return
	}
	for i, owner := range r.pod.OwnerReferences {
		kind := policy.OwnerKind(owner.APIVersion, owner.Kind)
		if owner.Controller == nil || !*owner.Controller || slices.Contains(p.Allow.ControllerOwners, kind) {
			continue
		}
		says := saysOwned
		if !policy.MayOwn(kind) {
			says = saysOwnedByWorkload
		}
		r.refuse(RuleControllerOwner, podjson.Location{"metadata", "ownerReferences", i}, kind, says)
	}
}
