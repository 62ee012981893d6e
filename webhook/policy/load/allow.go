package load

import (
	"slices"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"userscope.dev/userscope/webhook/policy"
)

// allow checks the lists of what else a sandbox may have.
func (c *compiler) allow(at *field.Path, allow policy.Allow) policy.Allow {
	for i, name := range allow.VolumeTypes {
		if slices.Contains(policy.JudgedVolumeTypes(), name) {
			c.invalid(at.Child("volumeTypes").Index(i), name, "cannot be listed as a whole: list the hostPaths, claims, secrets or tokenAudiences")
		}
	}
	for i, name := range allow.Capabilities {
		if !slices.Contains(networkCapabilities, name) {
			c.mistakes = append(c.mistakes, field.NotSupported(at.Child("capabilities").Index(i), name, networkCapabilities))
		}
	}
	if group := allow.FSGroup; group != nil {
		for _, problem := range validation.IsValidGroupID(*group) {
			c.invalid(at.Child("fsGroup"), *group, "%s", problem)
		}
	}
	if options := allow.SELinuxOptions; options != nil && (options.User != "" || options.Role != "") {
		c.invalid(at.Child("seLinuxOptions"), *options, "must not set user or role: the Pod Security baseline forbids both")
	}
	return policy.Allow{
		HostPaths:       c.hostPaths(at.Child("hostPaths"), allow.HostPaths),
		Claims:          c.list(at.Child("claims"), allow.Claims),
		VolumeTypes:     c.list(at.Child("volumeTypes"), allow.VolumeTypes),
		Secrets:         c.list(at.Child("secrets"), allow.Secrets),
		ServiceAccounts: c.list(at.Child("serviceAccounts"), allow.ServiceAccounts),
		TokenAudiences:  c.list(at.Child("tokenAudiences"), allow.TokenAudiences),
		ResourceClaims:  c.list(at.Child("resourceClaims"), allow.ResourceClaims),
		RuntimeClasses:  c.list(at.Child("runtimeClasses"), allow.RuntimeClasses),
		Capabilities:    c.list(at.Child("capabilities"), allow.Capabilities),
		FSGroup:         allow.FSGroup,
		SELinuxOptions:  allow.SELinuxOptions,
	}
}
