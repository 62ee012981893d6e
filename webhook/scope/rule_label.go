package scope

import (
	"maps"
	"slices"

	"userscope.dev/userscope/webhook/podjson"
	"userscope.dev/userscope/webhook/policy"
)

// RuleLabel is the rule of this file.
const RuleLabel Rule = "label"

// Refusals that the backstop words like the decision.
const (
	saysUnlistedLabel    = "may make the sandbox another program's: drop the label, or have the policy list it in allow.labels"
	saysControllersLabel = "is a label that controllers give to their own Pods, and no policy may list it: drop it"
)

var labelRule = rule{
	ID:      RuleLabel,
	Summary: "A provisioner gives its Pods no labels but those of selector, identity and sandbox id, and those that the policy lists.",
	Why: "Services and controllers find their Pods by labels. A sandbox with the labels of the gateway's Service " +
		"receives other users' requests, and one with those of the gateway's ReplicaSet is counted as a replica, in " +
		"whose place a real one is deleted. Userscope cannot read selectors, so it knows labels by the policy only: " +
		"have it list what the platform sets (`allow.labels`), each key with its values. `*` permits every value of a " +
		"key, but not of `app`, `release`, `component` and `app.kubernetes.io/*`. `pod-template-hash` and " +
		"`controller-revision-hash` are never permitted. The rule holds for what a provisioner adds to a stored Pod, too.",
	says:   map[string]string{"label": saysUnlistedLabel, "controllers": saysControllersLabel},
	before: (*review).checkLabel,
	update: (*review).checkLabel,
}

// A provisioner's labels are the policy's. Those that a stored Pod has already, whoever gave it them, stay.

// checkLabel refuses the labels that a provisioner gives to a Pod and that are not listed.
func (r *review) checkLabel(p *policy.Policy) {
	if !p.IsProvisioner(r.creator.Username) {
		return
	}
	strange := map[string]string{}
	for key, value := range r.pod.Labels {
		kept := r.old != nil && sameEntry(r.old.Labels, r.pod.Labels, key)
		if !kept && !r.isOwnLabel(p, key) && !p.AllowsLabel(key, value) {
			strange[key] = value
		}
	}
	for _, key := range slices.Sorted(maps.Keys(strange)) {
		says := saysUnlistedLabel
		if slices.Contains(policy.ControllersLabels(), key) {
			says = saysControllersLabel
		}
		r.refuse(RuleLabel, podjson.Location{"metadata", "labels", podjson.MapKey(key)}, strange[key], says)
	}
}

// isOwnLabel reports whether a label says that the Pod is a sandbox, or whose. Other rules judge its value in new
// Pods, and in those that were judged and that the selector matched; in other stored ones the selector must match.
func (r *review) isOwnLabel(p *policy.Policy, key string) bool {
	kept := r.old != nil && isMarked(r.old) && p.Selects(r.old.Labels)
	if slices.Contains(policy.ControllersLabels(), key) || r.old != nil && !kept && !p.Selects(r.pod.Labels) {
		return false
	}
	return slices.Contains(p.OwnLabels(), key)
}
