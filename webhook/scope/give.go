package scope

import (
	"slices"

	"userscope.dev/userscope/webhook/policy"
)

// A provisioner may keep sandboxes warm, of nobody and without data, and give each to a user once: by an update
// that declares user and thread. They are validated and proved like those of a new Pod. An update is not edited, so
// the identity stands in the platform's keys; the stamps say it too only if the provisioner sets them.

// isGiving reports whether an update gives an identity to a Pod that has neither data nor an identity.
func (r *review) isGiving() bool {
	return isMarked(r.old) && !slices.ContainsFunc(r.governing, func(p *policy.Policy) bool {
		return !p.IsProvisioner(r.creator.Username) || referencesData(p, r.old) || hasIdentity(p, r.old.Labels, r.old.Annotations)
	}) && slices.ContainsFunc(r.governing, func(p *policy.Policy) bool { return hasIdentity(p, r.pod.Labels, r.pod.Annotations) })
}

// hasIdentity reports whether labels or annotations hold any part of an identity.
func hasIdentity(p *policy.Policy, labels, annotations map[string]string) bool {
	in := func(entries map[string]string) func(string) bool {
		return func(key string) bool { _, ok := entries[key]; return ok }
	}
	return slices.ContainsFunc(p.IdentityKeys(policy.FromLabel), in(labels)) ||
		slices.ContainsFunc(p.IdentityKeys(policy.FromAnnotation), in(annotations))
}
