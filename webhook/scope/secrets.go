package scope

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// Who may create Pods may read every Secret of the namespace through them, the database's
// password included. A sandbox gets none but those that the policy lists by name.

// checkSecrets refuses Secrets in volumes, projections and the environment.
func (r *review) checkSecrets(policy *Policy) {
	check := func(at location, name string) {
		if !slices.Contains(policy.Allow.Secrets, name) {
			r.refuse(Secret, at, name, "is a Secret that sandboxes may not read: drop it, or have the policy list it")
		}
	}
	for i := range r.pod.Spec.Volumes {
		volume, at := &r.pod.Spec.Volumes[i], location{"spec", "volumes", i}
		if volume.Secret != nil {
			check(at.child("secret", "secretName"), volume.Secret.SecretName)
		}
		for j, source := range projections(volume) {
			if source.Secret != nil {
				check(at.child("projected", "sources", j, "secret", "name"), source.Secret.Name)
			}
		}
	}
	for _, c := range containers(r.pod) {
		for i, env := range c.Env {
			if env.ValueFrom != nil && env.ValueFrom.SecretKeyRef != nil {
				check(c.at("env", i, "valueFrom", "secretKeyRef", "name"), env.ValueFrom.SecretKeyRef.Name)
			}
		}
		for i, from := range c.EnvFrom {
			if from.SecretRef != nil {
				check(c.at("envFrom", i, "secretRef", "name"), from.SecretRef.Name)
			}
		}
	}
}

// projections returns the sources of a projected volume.
func projections(volume *corev1.Volume) []corev1.VolumeProjection {
	if volume.Projected == nil {
		return nil
	}
	return volume.Projected.Sources
}
