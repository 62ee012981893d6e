package scope

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"userscope.dev/userscope/webhook/podjson"
	"userscope.dev/userscope/webhook/policy"
)

// Who may create Pods may read every Secret of the namespace through them, the database's
// password included. A sandbox gets none but those that the policy lists by name.

// checkSecrets refuses Secrets in volumes, projections and the environment.
func (r *review) checkSecrets(p *policy.Policy) {
	for i := range r.pod.Spec.Volumes {
		volume, at := &r.pod.Spec.Volumes[i], podjson.Location{"spec", "volumes", i}
		if volume.Secret != nil {
			r.checkSecret(p, volume.Secret.SecretName, at.Child("secret", "secretName"))
		}
		for j, source := range projections(volume) {
			if source.Secret != nil {
				r.checkSecret(p, source.Secret.Name, at.Child("projected", "sources", j, "secret", "name"))
			}
		}
	}
	r.checkSecretVariables(p, containers(r.pod))
}

// checkSecretVariables refuses Secrets in the environment of containers.
func (r *review) checkSecretVariables(p *policy.Policy, judged []container) {
	for _, c := range judged {
		for i, env := range c.Env {
			if env.ValueFrom != nil && env.ValueFrom.SecretKeyRef != nil {
				r.checkSecret(p, env.ValueFrom.SecretKeyRef.Name, c.at("env", i, "valueFrom", "secretKeyRef", "name"))
			}
		}
		for i, from := range c.EnvFrom {
			if from.SecretRef != nil {
				r.checkSecret(p, from.SecretRef.Name, c.at("envFrom", i, "secretRef", "name"))
			}
		}
	}
}

func (r *review) checkSecret(p *policy.Policy, name string, at podjson.Location) {
	if !slices.Contains(p.Allow.Secrets, name) {
		r.refuse(RuleSecret, at, name, saysSecret)
	}
}

// projections returns the sources of a projected volume.
func projections(volume *corev1.Volume) []corev1.VolumeProjection {
	if volume.Projected == nil {
		return nil
	}
	return volume.Projected.Sources
}
