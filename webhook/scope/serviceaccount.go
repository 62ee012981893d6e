package scope

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"userscope.dev/userscope/webhook/podjson"
	"userscope.dev/userscope/webhook/policy"
)

// A sandbox that runs as the gateway's ServiceAccount needs no mount to reach anybody's data.
// It runs as default, or as one that the policy lists; and the only token in it is the one
// that the API server puts there itself, or one for a listed audience.

// checkServiceAccount judges the ServiceAccount, in both its spellings, and the token
// projections.
func (r *review) checkServiceAccount(p *policy.Policy) {
	for _, field := range []struct{ name, account string }{
		{"serviceAccountName", r.pod.Spec.ServiceAccountName},
		{"serviceAccount", r.pod.Spec.DeprecatedServiceAccount},
	} {
		if field.account != "" && field.account != "default" && !slices.Contains(p.Allow.ServiceAccounts, field.account) {
			r.refuse(RuleServiceAccount, podjson.Location{"spec", field.name}, field.account,
				saysServiceAccount)
		}
	}
	for i := range r.pod.Spec.Volumes {
		volume := &r.pod.Spec.Volumes[i]
		for j, source := range projections(volume) {
			token := source.ServiceAccountToken
			if token == nil || isOwnToken(volume.Name, token) || slices.Contains(p.Allow.TokenAudiences, token.Audience) {
				continue
			}
			problem := "is not listed: drop the token, or have the policy list it"
			if token.Audience == "" {
				problem = "is missing, so the token is for the API server: drop it, a Pod has its own"
			}
			r.refuse(RuleServiceAccountToken, podjson.Location{"spec", "volumes", i, "projected", "sources", j, "serviceAccountToken", "audience"}, token.Audience,
				problem)
		}
	}
}

// isOwnToken reports whether a token projection is the one that the API server's
// ServiceAccount admission plugin adds to every Pod (KEP-1205), before webhooks see it.
func isOwnToken(volume string, token *corev1.ServiceAccountTokenProjection) bool {
	return strings.HasPrefix(volume, "kube-api-access-") &&
		token.Audience == "" && token.Path == "token" &&
		token.ExpirationSeconds != nil && *token.ExpirationSeconds == 3607
}
