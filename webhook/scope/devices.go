package scope

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"userscope.dev/userscope/webhook/podjson"
	"userscope.dev/userscope/webhook/policy"
)

// Block devices, claimed devices and other runtimes reach data below the filesystem, where no
// subPath holds. A device is claimed by a ResourceClaim, or by an extended resource: behind one
// stands a device plugin or, since KEP-5004, a DeviceClass.

// checkDevices refuses volumeDevices, and resource claims and runtime classes that are not
// listed.
func (r *review) checkDevices(p *policy.Policy) {
	for _, c := range containers(r.pod) {
		for i, device := range c.VolumeDevices {
			r.refuse(RuleVolumeDevice, c.at("volumeDevices", i, "name"), device.Name, saysVolumeDevice)
		}
	}
	for _, c := range containers(r.pod) {
		r.checkResources(p, c.Resources.Limits, c.at("resources", "limits"))
		r.checkResources(p, c.Resources.Requests, c.at("resources", "requests"))
	}
	for i, claim := range r.pod.Spec.ResourceClaims {
		name, template := value(claim.ResourceClaimName), value(claim.ResourceClaimTemplateName)
		if name != "" && template != "" || !slices.Contains(p.Allow.ResourceClaims, cmp.Or(name, template)) {
			r.refuse(RuleResourceClaim, podjson.Location{"spec", "resourceClaims", i}, cmp.Or(name, template, claim.Name), saysClaimedDevice)
		}
	}
	if class := r.pod.Spec.RuntimeClassName; class != nil && !slices.Contains(p.Allow.RuntimeClasses, *class) {
		r.refuse(RuleRuntimeClass, podjson.Location{"spec", "runtimeClassName"}, *class, saysRuntimeClass)
	}
}

// checkResources refuses extended resources that are not listed. Their names have a domain, which
// those of CPU, memory and the like have not.
func (r *review) checkResources(p *policy.Policy, resources corev1.ResourceList, at podjson.Location) {
	for _, name := range slices.Sorted(maps.Keys(resources)) {
		if strings.Contains(string(name), "/") && !slices.Contains(p.Allow.ResourceClaims, string(name)) {
			amount := resources[name]
			r.refuse(RuleResourceClaim, at.Child(podjson.MapKey(name)), amount.String(),
				saysExtendedResource)
		}
	}
}

// Value returns what a pointer points to, or nothing.
func value(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
