package scope

import (
	"maps"
	"slices"
	"strings"

	"userscope.dev/userscope/webhook/podjson"
	"userscope.dev/userscope/webhook/policy"
)

// A provisioner creates its Pods itself. One that claims to be a controller's would be adopted
// by it, as a replica of the gateway for instance; one that claims to come from a node's own
// files is treated differently by the kubelet and by admission.

// checkOrigin refuses controller references and the kubelet's own annotations on a
// provisioner's Pod.
func (r *review) checkOrigin(p *policy.Policy, creator Creator) {
	if !p.IsProvisioner(creator.Username) {
		return
	}
	for i, owner := range r.pod.OwnerReferences {
		if owner.Controller != nil && *owner.Controller {
			r.refuse(RuleControllerOwner, podjson.Location{"metadata", "ownerReferences", i}, owner.Kind+"/"+owner.Name,
				saysOwned+", or set controller: false")
		}
	}
	for _, key := range slices.Sorted(maps.Keys(r.pod.Annotations)) {
		if strings.HasPrefix(key, "kubernetes.io/config.") {
			r.refuse(RuleStaticPod, podjson.Location{"metadata", "annotations", podjson.MapKey(key)}, r.pod.Annotations[key],
				saysOwnedByKubelet)
		}
	}
}
