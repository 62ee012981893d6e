package scope

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"userscope.dev/userscope/webhook/podjson"
	"userscope.dev/userscope/webhook/policy"
)

// RuleServiceAccountToken is the rule of this file.
const RuleServiceAccountToken Rule = "service-account-token"

var serviceAccountTokenRule = rule{
	ID:      RuleServiceAccountToken,
	Summary: "The only token in a sandbox is the one that the API server adds itself, unless the policy lists its audience.",
	Why: "A token proves to other services that its holder is the sandbox's ServiceAccount, and what a " +
		"service such as a vault gives to it, Userscope cannot know. Drop the projection, or have the policy " +
		"list the audience (`allow.tokenAudiences`). The API server's own token is known by the name of its " +
		"volume, by its path and by its lifetime.",
	check: (*review).checkServiceAccountToken,
}

// The only token in a sandbox is the one that the API server puts there itself, or one for an audience
// that the policy lists: a token proves to other services that its holder is the ServiceAccount.

// checkServiceAccountToken judges the projections of tokens.
func (r *review) checkServiceAccountToken(p *policy.Policy) {
	for i := range r.pod.Spec.Volumes {
		volume := &r.pod.Spec.Volumes[i]
		for j, source := range projections(volume) {
			token := source.ServiceAccountToken
			if token == nil || isOwnToken(volume.Name, token) || slices.Contains(p.Allow.TokenAudiences, token.Audience) {
				continue
			}
			problem := "is not listed: drop it, or have the policy list it in allow.tokenAudiences"
			if token.Audience == "" {
				problem = "is missing, and no policy may list the API server's own: drop it, a Pod has its own"
			}
			at := podjson.Location{"spec", "volumes", i, "projected", "sources", j, "serviceAccountToken", "audience"}
			r.refuse(RuleServiceAccountToken, at, token.Audience, problem)
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
