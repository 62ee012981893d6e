package scope

import (
	"slices"

	"userscope.dev/userscope/webhook/podjson"
	"userscope.dev/userscope/webhook/policy"
)

// RuleRuntimeClass is the rule of this file.
const RuleRuntimeClass Rule = "runtime-class"

// saysRuntimeClass is a refusal that the backstop words like the decision.
const saysRuntimeClass = "is a runtime that sandboxes may not choose: drop it, or have the policy list it in allow.runtimeClasses"

var runtimeClassRule = rule{
	ID:      RuleRuntimeClass,
	Summary: "A runtime class is refused unless the policy lists it.",
	Why: "The runtime is what keeps a container from its node and so from everyone's data, and a cluster may " +
		"have one that does so less, or that changes how volumes are mounted. Leave the field out, or have " +
		"the policy list the class (`allow.runtimeClasses`).",
	says:  map[string]string{"name": saysRuntimeClass},
	check: (*review).checkRuntimeClass,
}

// The runtime keeps a container from its node. Another runtime may do so less, or mount volumes in
// another way.

// checkRuntimeClass refuses a runtime class that is not listed.
func (r *review) checkRuntimeClass(p *policy.Policy) {
	if class := r.pod.Spec.RuntimeClassName; class != nil && !slices.Contains(p.Allow.RuntimeClasses, *class) {
		r.refuse(RuleRuntimeClass, podjson.Location{"spec", "runtimeClassName"}, *class, saysRuntimeClass)
	}
}
