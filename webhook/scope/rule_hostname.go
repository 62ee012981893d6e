package scope

import (
	"slices"
	"strconv"

	"k8s.io/utils/ptr"

	"userscope.dev/userscope/webhook/podjson"
	"userscope.dev/userscope/webhook/policy"
)

// RuleHostname is the rule of this file.
const RuleHostname Rule = "hostname"

// saysHostname is a refusal that the backstop words like the decision.
const saysHostname = "chooses a name that sandboxes may not choose: drop it, or have the policy list the field in allow.hostnames"

var hostnameRule = rule{
	ID:      RuleHostname,
	Summary: "A sandbox chooses no name of its own, unless the policy lists the field.",
	Why: "Below a headless Service the cluster's DNS gives a Pod the name `hostname.subdomain`, and other Pods of the " +
		"namespace look for every name there first. A sandbox `example` below a Service `com` would answer for " +
		"example.com. Names that it gives itself by `setHostnameAsFQDN` and `hostnameOverride` may pass for another's in " +
		"logs. Drop the field, or have the policy list it (`allow.hostnames`).",
	says:  map[string]string{"field": saysHostname},
	check: (*review).checkHostname,
}

// checkHostname refuses fields that choose names and are not listed.
func (r *review) checkHostname(p *policy.Policy) {
	spec := &r.pod.Spec
	refuse := func(field policy.HostnameField, value string) {
		if value != "" && !slices.Contains(p.Allow.Hostnames, field) {
			r.refuse(RuleHostname, podjson.Location{"spec", string(field)}, value, saysHostname)
		}
	}
	refuse(policy.Hostname, spec.Hostname)
	refuse(policy.Subdomain, spec.Subdomain)
	if ptr.Deref(spec.SetHostnameAsFQDN, false) {
		refuse(policy.SetHostnameAsFQDN, strconv.FormatBool(true))
	}
	refuse(policy.HostnameOverride, ptr.Deref(spec.HostnameOverride, ""))
}
