package scope

import (
	"maps"
	"slices"
	"strings"

	"userscope.dev/userscope/webhook/podjson"
	"userscope.dev/userscope/webhook/policy"
)

// RuleAnnotation is the rule of this file.
const RuleAnnotation Rule = "annotation"

// saysUnlistedAnnotation is a refusal that the backstop words like the decision.
const saysUnlistedAnnotation = "steers a controller or the scheduler: drop it, or have the policy list it in allow.annotations"

var annotationRule = rule{
	ID:      RuleAnnotation,
	Summary: "A provisioner sets no annotations that steer controllers or schedulers, unless the policy lists them.",
	Why: "Annotations below `controller.kubernetes.io/` and `scheduler.alpha.kubernetes.io/` tell controllers and " +
		"schedulers what to do with a Pod, and so with others: `pod-deletion-cost` says which of a ReplicaSet's Pods is " +
		"deleted first. Drop the annotation, or have the policy list its key (`allow.annotations`). The rule holds for " +
		"what a provisioner adds to a stored Pod, too.",
	says:   map[string]string{"annotation": saysUnlistedAnnotation},
	before: (*review).checkAnnotation,
	update: (*review).checkAnnotation,
}

// checkAnnotation refuses a provisioner's annotations for controllers and schedulers that are not listed. Those
// that a stored Pod has already stay.
func (r *review) checkAnnotation(p *policy.Policy) {
	if !p.IsProvisioner(r.creator.Username) {
		return
	}
	steering := func(key string) bool {
		return slices.ContainsFunc(policy.ControllersAnnotations(), func(prefix string) bool { return strings.HasPrefix(key, prefix) })
	}
	for _, key := range slices.Sorted(maps.Keys(r.pod.Annotations)) {
		kept := r.old != nil && sameEntry(r.old.Annotations, r.pod.Annotations, key)
		if !kept && steering(key) && !slices.Contains(p.Allow.Annotations, key) {
			r.refuse(RuleAnnotation, podjson.Location{"metadata", "annotations", podjson.MapKey(key)}, r.pod.Annotations[key],
				saysUnlistedAnnotation)
		}
	}
}
