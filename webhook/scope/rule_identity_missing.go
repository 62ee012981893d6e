package scope

import (
	"fmt"

	"userscope.dev/userscope/webhook/podjson"
	"userscope.dev/userscope/webhook/policy"
)

// RuleIdentityMissing is the rule of this file.
const RuleIdentityMissing Rule = "identity-missing"

var identityMissingRule = rule{
	ID:      RuleIdentityMissing,
	Summary: "A Pod with data must say whose sandbox it is.",
	Why: "A Pod that has the claim or a user's directory on the node is refused if nothing names its user or, where the layout knows threads, its thread: to guess " +
		"would be to hand somebody's data to somebody else. Two labels name them or, for ids that are no " +
		"legal label values, annotations with the same keys; else the directories that the Pod mounts, each " +
		"exactly one of the policy's layout, as DeerFlow's provisioner does; else, for the user alone, the " +
		"policy's `defaultUser`. A Pod that has none of this data needs no identity. If the Pod is not meant " +
		"to be a sandbox, it is governed because of its labels, its creator or the claim: see " +
		"selector-mismatch, and the policy's `exemptCreators`.",
	Identity: true,
}

// To guess whose the data is would be to hand somebody's data to somebody else.

// checkIdentityMissing refuses a Pod whose user, or whose thread where it needs one, nothing names.
func (r *review) checkIdentityMissing(p *policy.Policy, found *claims) {
	switch {
	case found.user.broken || found.user.found():
	case found.thread.source == policy.SourceSubPath && p.Proof != policy.ProofAlways && p.ReadsFrom(policy.FromLabel) && p.ReadsFrom(policy.FromAnnotation):
		remedy := "set this label, an annotation with the same key, or the policy's defaultUser"
		if sandboxID := r.pod.Labels[p.SandboxIDKey]; !r.mayBeDefault(sandboxID, found.thread.id) {
			remedy = "set this label or an annotation with the same key; not defaultUser: by its sandbox id it is another's"
		}
		r.refuse(RuleIdentityMissing, podjson.Location{"metadata", "labels", podjson.MapKey(p.User.Key)}, "",
			"no user, only a thread's directory (DeerFlow to 2026-05): "+remedy)
	default:
		r.refuseMissing(p, p.User.Key, "user")
	}
	if found.needsThread && !found.thread.broken && !found.thread.found() {
		r.refuseMissing(p, p.Thread.Key, "thread")
	}
}

// deerFlowDefault is the user of DeerFlow's Pods that name none, in every version.
const deerFlowDefault = "default"

// mayBeDefault reports whether a sandbox id does not keep a thread from being the default user's.
func (r *review) mayBeDefault(sandboxID, thread string) bool {
	id := policy.Identity{User: deerFlowDefault, Thread: thread, Source: policy.SourceDefault}
	return r.governing.Proves(sandboxID, id) || r.governing.Believes(sandboxID, id)
}

// refuseMissing refuses a Pod that names no user, or no thread, where the policy reads it.
func (r *review) refuseMissing(p *policy.Policy, key, name string) {
	at, remedy := podjson.Location{"metadata", "labels", podjson.MapKey(key)}, "set this label to the sandbox's %[1]s id"
	switch label, annotation := p.ReadsFrom(policy.FromLabel), p.ReadsFrom(policy.FromAnnotation); {
	case label && annotation:
		remedy += " or, if the id is no legal label value, an annotation with the same key"
	case annotation:
		at[1], remedy = "annotations", "set this annotation to the sandbox's %[1]s id"
	case !label:
		at, remedy = podjson.Location{"spec", "volumes"}, "mount a directory of the policy's layout that has the %[1]s's id in it"
	}
	if r.onlyByClaim(p) {
		remedy = "its creator is not in exemptCreators, and the Pod mounts the claim: list the creator there or, for a sandbox, name the %[1]s here"
	}
	r.refuse(RuleIdentityMissing, at, "", fmt.Sprintf("no %[1]s: "+remedy, name))
}
