package scope

import (
	"slices"

	"userscope.dev/userscope/webhook/podjson"
	"userscope.dev/userscope/webhook/policy"
)

// RuleHostAliases is the rule of this file.
const RuleHostAliases Rule = "host-aliases"

// saysHostAlias is a refusal that the backstop words like the decision.
const saysHostAlias = "is a name that sandboxes may not redirect: drop it, or have the policy list it in allow.hostAliases"

var hostAliasesRule = rule{
	ID:      RuleHostAliases,
	Summary: "Names in `hostAliases` are refused unless the policy lists them.",
	Why: "The kubelet writes `hostAliases` into the /etc/hosts of each container, which comes before DNS. A provisioner " +
		"could lead a sandbox to another gateway, and a user's tokens with it. Drop the name, or have the policy list it " +
		"(`allow.hostAliases`).",
	says:  map[string]string{"name": saysHostAlias},
	check: (*review).checkHostAliases,
}

// checkHostAliases refuses names in /etc/hosts that are not listed.
func (r *review) checkHostAliases(p *policy.Policy) {
	for i, alias := range r.pod.Spec.HostAliases {
		for j, name := range alias.Hostnames {
			if !slices.Contains(p.Allow.HostAliases, name) {
				r.refuse(RuleHostAliases, podjson.Location{"spec", "hostAliases", i, "hostnames", j}, name, saysHostAlias)
			}
		}
	}
}
