package scope

import (
	"cmp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"userscope.dev/userscope/webhook/podjson"
	"userscope.dev/userscope/webhook/policy"
)

// RuleResourceClaim is the rule of this file.
const RuleResourceClaim Rule = "resource-claim"

// Refusals that the backstop words like the decision.
const (
	saysClaimedDevice    = "is no device for sandboxes: drop it, or have the policy list it in allow.resourceClaims"
	saysExtendedResource = "asks for a device: drop it, or have the policy list it in allow.resourceClaims"
)

var resourceClaimRule = rule{
	ID:      RuleResourceClaim,
	Summary: "Devices are refused unless the policy lists them: ResourceClaims, and extended resources, which are the names with a domain in `resources`.",
	Why: "Both give a container a device, which its driver or device plugin may put in place together with " +
		"mounts and settings of its own choice, unseen by admission. Drop the claim, or have the policy list " +
		"(`allow.resourceClaims`) the name of the ResourceClaim, of the ResourceClaimTemplate or of the " +
		"extended resource, such as `nvidia.com/gpu`.",
	says:  map[string]string{"claim": saysClaimedDevice, "resource": saysExtendedResource},
	check: (*review).checkResourceClaim,
}

// A device may reach data below the filesystem, where no subPath holds. It is claimed by a
// ResourceClaim, or by an extended resource: behind one stands a device plugin or, since KEP-5004, a
// DeviceClass.

// checkResourceClaim refuses extended resources and claims of devices that are not listed.
func (r *review) checkResourceClaim(p *policy.Policy) {
	for _, c := range containers(r.pod) {
		r.checkResources(p, c, c.Resources.Limits, "limits")
		r.checkResources(p, c, c.Resources.Requests, "requests")
	}
	for i, claim := range r.pod.Spec.ResourceClaims {
		name, template := value(claim.ResourceClaimName), value(claim.ResourceClaimTemplateName)
		if name != "" && template != "" || !slices.Contains(p.Allow.ResourceClaims, cmp.Or(name, template)) {
			r.refuse(RuleResourceClaim, podjson.Location{"spec", "resourceClaims", i}, cmp.Or(name, template, claim.Name), saysClaimedDevice)
		}
	}
}

// checkResources refuses extended resources that are not listed. Their names have a domain, which
// those of CPU, memory and the like have not.
func (r *review) checkResources(p *policy.Policy, c container, resources corev1.ResourceList, field string) {
	var refused []corev1.ResourceName
	for name := range resources {
		if strings.Contains(string(name), "/") && !slices.Contains(p.Allow.ResourceClaims, string(name)) {
			refused = append(refused, name)
		}
	}
	slices.Sort(refused)
	for _, name := range refused {
		amount := resources[name]
		r.refuse(RuleResourceClaim, c.at("resources", field, podjson.MapKey(name)), amount.String(), saysExtendedResource)
	}
}
