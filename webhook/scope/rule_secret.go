package scope

import (
	"slices"

	"userscope.dev/userscope/webhook/podjson"
	"userscope.dev/userscope/webhook/policy"
)

// RuleSecret is the rule of this file.
const RuleSecret Rule = "secret"

// saysSecret is a refusal that the backstop words like the decision.
const saysSecret = "is no Secret for sandboxes: drop it, or have the policy list it in allow.secrets"

var secretRule = rule{
	ID:      RuleSecret,
	Summary: "Secrets are refused unless the policy lists them.",
	Why: "Whoever may create Pods can read every Secret of the namespace through them: as a volume, in a " +
		"projected volume, or in the environment, that of an ephemeral container included. The database's " +
		"password would open every user's data without any mount. Drop the reference, or have the policy " +
		"list the Secret's name (`allow.secrets`); every sandbox can then read all of its keys. Secrets for " +
		"pulling images (`imagePullSecrets`) do not reach the containers and are not refused.",
	says:  map[string]string{"name": saysSecret},
	check: (*review).checkSecret,
	added: (*review).checkAddedSecret,
}

// Who may create Pods may read every Secret of the namespace through them, the database's
// password included. A sandbox gets none but those that the policy lists by name.

// checkSecret refuses Secrets in volumes, projections and the environment.
func (r *review) checkSecret(p *policy.Policy) {
	for i := range r.pod.Spec.Volumes {
		volume := &r.pod.Spec.Volumes[i]
		if volume.Secret != nil {
			r.refuseSecret(p, volume.Secret.SecretName, volumeAt(i, "secret", "secretName"))
		}
		for j, source := range projections(volume) {
			if source.Secret != nil {
				r.refuseSecret(p, source.Secret.Name, volumeAt(i, "projected", "sources", j, "secret", "name"))
			}
		}
	}
	r.checkSecretVariables(p, containers(r.pod))
}

// checkAddedSecret refuses Secrets in the environment of ephemeral containers that join a sandbox.
func (r *review) checkAddedSecret(p *policy.Policy) {
	if isSandbox(p, r.old) {
		r.checkSecretVariables(p, r.judged)
	}
}

// checkSecretVariables refuses Secrets in the environment of containers.
func (r *review) checkSecretVariables(p *policy.Policy, judged []container) {
	for _, c := range judged {
		for i, env := range c.Env {
			if env.ValueFrom != nil && env.ValueFrom.SecretKeyRef != nil {
				r.refuseSecret(p, env.ValueFrom.SecretKeyRef.Name, c.at("env", i, "valueFrom", "secretKeyRef", "name"))
			}
		}
		for i, from := range c.EnvFrom {
			if from.SecretRef != nil {
				r.refuseSecret(p, from.SecretRef.Name, c.at("envFrom", i, "secretRef", "name"))
			}
		}
	}
}

// refuseSecret refuses a Secret that is not listed.
func (r *review) refuseSecret(p *policy.Policy, name string, at podjson.Location) {
	if !slices.Contains(p.Allow.Secrets, name) {
		r.refuse(RuleSecret, at, name, saysSecret)
	}
}
