package scope

import (
	"slices"

	"userscope.dev/userscope/webhook/podjson"
	"userscope.dev/userscope/webhook/policy"
)

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
