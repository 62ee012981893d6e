package scope

import (
	"slices"

	"userscope.dev/userscope/webhook/podjson"
	"userscope.dev/userscope/webhook/policy"
)

// RuleServiceAccount is the rule of this file.
const RuleServiceAccount Rule = "service-account"

// saysServiceAccount is a refusal that the backstop words like the decision.
const saysServiceAccount = "is a ServiceAccount that sandboxes may not run as: leave it out, or have the policy list it in allow.serviceAccounts"

var serviceAccountRule = rule{
	ID:      RuleServiceAccount,
	Summary: "A sandbox runs as the ServiceAccount default, or as one that the policy lists.",
	Why: "A sandbox that runs as the gateway may do what the gateway may, and needs no mount to reach other " +
		"users' data. Leave the field out, or have the policy list a ServiceAccount without rights that " +
		"reach data (`allow.serviceAccounts`). The API server copies the name into the deprecated field " +
		"`serviceAccount`, so a refusal names both fields.",
	says:  map[string]string{"name": saysServiceAccount},
	check: (*review).checkServiceAccount,
}

// A sandbox that runs as the gateway's ServiceAccount needs no mount to reach anybody's data. It runs
// as default, or as one that the policy lists.

// checkServiceAccount judges the ServiceAccount, in both its spellings.
func (r *review) checkServiceAccount(p *policy.Policy) {
	for _, field := range []struct{ name, account string }{
		{"serviceAccountName", r.pod.Spec.ServiceAccountName},
		{"serviceAccount", r.pod.Spec.DeprecatedServiceAccount},
	} {
		if field.account != "" && field.account != "default" && !slices.Contains(p.Allow.ServiceAccounts, field.account) {
			r.refuse(RuleServiceAccount, podjson.Location{"spec", field.name}, field.account, saysServiceAccount)
		}
	}
}
