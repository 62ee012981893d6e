package scope

import (
	"maps"
	"slices"
)

// rules is the registry of all rules, in the order in which their checks are made. A rule stands in a
// file that is named after it: host-path in rule_host_path.go.
var rules = []*rule{
	&tooManyRule,
	&selectorMismatchRule,
	&controllerOwnerRule,
	&staticPodRule,
	&labelRule,
	&annotationRule,
	&userDataVolumeRule,
	&windowsPodRule,
	&identityInvalidRule,
	&identityConflictRule,
	&identityMissingRule,
	&identityUnprovenRule,
	&claimMountRule,
	&hostPathRule,
	&otherClaimRule,
	&volumeTypeRule,
	&csiDriverRule,
	&ephemeralVolumeRule,
	&unknownFieldRule,
	&secretRule,
	&imagePullSecretRule,
	&configMapRule,
	&serviceAccountRule,
	&serviceAccountTokenRule,
	&volumeDeviceRule,
	&resourceClaimRule,
	&runtimeClassRule,
	&hostAliasesRule,
	&hostnameRule,
	&priorityRule,
	&placementRule,
	&fsGroupRule,
	&seLinuxOptionsRule,
	&podSecurityRule,
	&immutableFieldRule,
	&ephemeralContainerRule,
	&deleteNotSandboxRule,
}

// Rules returns every rule, in the order in which the rules are checked.
func Rules() []Rule {
	ids := make([]Rule, len(rules))
	for i := range rules {
		ids[i] = rules[i].ID
	}
	return ids
}

// Messages returns the refusals, or their beginnings, that the backstop words like the decision: by rule,
// and by a short name in it.
func Messages() map[Rule]map[string]string {
	all := map[Rule]map[string]string{}
	for i := range rules {
		if rules[i].says != nil {
			all[rules[i].ID] = maps.Clone(rules[i].says)
		}
	}
	return all
}

// Identity reports whether the rule is about whose sandbox a Pod is.
func (r Rule) Identity() bool { return entry(r).Identity }

// Summary is the rule in one sentence; empty for an unknown rule.
func (r Rule) Summary() string { return entry(r).Summary }

// Why is a paragraph of Markdown: what the rule is for, and what to do; empty for an unknown rule.
func (r Rule) Why() string { return entry(r).Why }

// entry returns what the registry says of a rule; the zero value for an unknown rule.
func entry(id Rule) rule {
	if i := slices.IndexFunc(rules, func(r *rule) bool { return r.ID == id }); i >= 0 {
		return *rules[i]
	}
	return rule{}
}

// run makes one kind of check of every rule, under each governing policy.
func (r *review) run(kind func(*rule) check) {
	for _, p := range r.governing {
		r.dirs = p.Layout.Tree(r.id, r.identified)
		for i := range rules {
			if apply := kind(rules[i]); apply != nil {
				apply(r, p)
			}
		}
	}
}

// runContainers makes every rule's check of the containers that a request brings.
func (r *review) runContainers() {
	for i := range rules {
		if rules[i].containers != nil {
			rules[i].containers(r)
		}
	}
}
