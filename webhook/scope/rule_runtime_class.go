package scope

import (
	"slices"

	"userscope.dev/userscope/webhook/podjson"
	"userscope.dev/userscope/webhook/policy"
)

// RuleRuntimeClass is the rule of this file.
const RuleRuntimeClass Rule = "runtime-class"

// saysRuntimeClass is a refusal that the backstop words like the decision.
const saysRuntimeClass = "is a runtime that sandboxes may not choose: drop it, or have the policy list it"

// The runtime keeps a container from its node. Another runtime may do so less, or mount volumes in
// another way.

// checkRuntimeClass refuses a runtime class that is not listed.
func (r *review) checkRuntimeClass(p *policy.Policy) {
	if class := r.pod.Spec.RuntimeClassName; class != nil && !slices.Contains(p.Allow.RuntimeClasses, *class) {
		r.refuse(RuleRuntimeClass, podjson.Location{"spec", "runtimeClassName"}, *class, saysRuntimeClass)
	}
}
