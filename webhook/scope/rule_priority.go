package scope

import (
	"strconv"
	"strings"

	"userscope.dev/userscope/webhook/podjson"
	"userscope.dev/userscope/webhook/policy"
)

// RulePriority is the rule of this file.
const RulePriority Rule = "priority"

// Refusals that the backstop words like the decision.
const (
	saysHighPriority   = "is above what sandboxes may have, which could evict others: drop priorityClassName, or raise allow.maxPriority"
	saysSystemPriority = "is a class of the system, which no sandbox may have: drop it"
)

// systemClasses begins the names of the classes that are above all that users make
// (https://kubernetes.io/docs/concepts/scheduling-eviction/pod-priority-preemption/).
const systemClasses = "system-"

var priorityRule = rule{
	ID:      RulePriority,
	Summary: "A sandbox has no priority above the policy's.",
	Why: "For a Pod of a higher priority the scheduler and the kubelet evict others. A sandbox could have the " +
		"gateway evicted, or Userscope. The API server computes `priority` from `priorityClassName` or, where that is " +
		"empty, from the cluster's default class. If your cluster has a default class above 0, or sandboxes have one " +
		"of their own, raise `allow.maxPriority` to its value. Classes whose name begins with `system-` are never allowed.",
	says:  map[string]string{"high": saysHighPriority, "system": saysSystemPriority},
	check: (*review).checkPriority,
}

// checkPriority judges what the API server has computed, and the name for those who ask without one.
func (r *review) checkPriority(p *policy.Policy) {
	spec := &r.pod.Spec
	if spec.Priority != nil && *spec.Priority > p.Allow.MaxPriority {
		r.refuse(RulePriority, podjson.Location{"spec", "priority"}, strconv.Itoa(int(*spec.Priority)), saysHighPriority)
	}
	if strings.HasPrefix(spec.PriorityClassName, systemClasses) {
		r.refuse(RulePriority, podjson.Location{"spec", "priorityClassName"}, spec.PriorityClassName, saysSystemPriority)
	}
}
