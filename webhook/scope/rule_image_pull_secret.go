package scope

import (
	"slices"

	"userscope.dev/userscope/webhook/podjson"
	"userscope.dev/userscope/webhook/policy"
)

// RuleImagePullSecret is the rule of this file.
const RuleImagePullSecret Rule = "image-pull-secret" //nolint:gosec // the name of a rule, and no credential

// saysImagePullSecret is a refusal that the backstop words like the decision.
const saysImagePullSecret = "is not in allow.imagePullSecrets: list it, or drop it (the API server copies it from the ServiceAccount)"

var imagePullSecretRule = rule{
	ID:      RuleImagePullSecret,
	Summary: "Secrets for pulling images are refused unless the policy lists them.",
	Why: "With another program's Secret a sandbox could run images that are not for its user, and send what the Secret holds to " +
		"a registry of the same name. No container sees it, so these Secrets have a list of their own " +
		"(`allow.imagePullSecrets`), which admits none as a volume or variable. Where a Pod names none, the API server " +
		"copies those of its ServiceAccount, so the list has to have these, or the ServiceAccount none.",
	says:  map[string]string{"name": saysImagePullSecret},
	check: (*review).checkImagePullSecret,
}

// checkImagePullSecret refuses what is not listed. The kubelet passes over an entry without a name.
func (r *review) checkImagePullSecret(p *policy.Policy) {
	for i, secret := range r.pod.Spec.ImagePullSecrets {
		if secret.Name != "" && !slices.Contains(p.Allow.ImagePullSecrets, secret.Name) {
			r.refuse(RuleImagePullSecret, podjson.Location{"spec", "imagePullSecrets", i, "name"}, secret.Name, saysImagePullSecret)
		}
	}
}
