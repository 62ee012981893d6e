package scope

import (
	"slices"

	"userscope.dev/userscope/webhook/policy"
)

// RuleCSIDriver is the rule of this file.
const RuleCSIDriver Rule = "csi-driver"

// saysCSIDriver is a refusal that the backstop words like the decision.
const saysCSIDriver = "is a driver that sandboxes may not have: drop the volume, or list the driver in allow.csiDrivers"

var csiDriverRule = rule{
	ID:      RuleCSIDriver,
	Summary: "Inline CSI volumes are refused unless the policy lists their driver.",
	Why: "What an inline CSI volume shows is up to its driver and to the attributes that the Pod gives it. One driver " +
		"shows a workload's certificate, another the file server behind the claim. So drivers are listed by name " +
		"(`allow.csiDrivers`). Attributes and Secrets of such a volume are not looked into: list a driver only if " +
		"nothing that sandboxes could write there leads to other users' data.",
	says:  map[string]string{"driver": saysCSIDriver},
	check: (*review).checkCSIDriver,
}

// checkCSIDriver refuses inline CSI volumes of drivers that are not listed.
func (r *review) checkCSIDriver(p *policy.Policy) {
	for i := range r.pod.Spec.Volumes {
		if csi := r.pod.Spec.Volumes[i].CSI; csi != nil && !slices.Contains(p.Allow.CSIDrivers, csi.Driver) {
			r.refuse(RuleCSIDriver, volumeAt(i, "csi", "driver"), csi.Driver, saysCSIDriver)
		}
	}
}
