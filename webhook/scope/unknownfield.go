package scope

import (
	"userscope.dev/userscope/webhook/policy"
)

// checkUnknownFields refuses fields inside volumes and volumeMounts that this build does not
// know: what they mount, nobody here can say. A volume that was replaced has none left.
func (r *review) checkUnknownFields(p *policy.Policy) {
	for _, field := range r.unknown {
		if volume, ok := field.Volume(); ok && r.replaced[volume] || field.IsSource(p.Allow.VolumeTypes) {
			continue
		}
		r.refuse(RuleUnknownField, field.At, field.Value, "is unknown to this version, or there twice: drop it, or upgrade Userscope")
	}
}

// listedUnknown returns the indices of the volumes whose source is unknown to this build but listed
// by the policy.
func (r *review) listedUnknown(p *policy.Policy) map[int]bool {
	volumes := map[int]bool{}
	for _, field := range r.unknown {
		if index, ok := field.Volume(); ok && field.IsSource(p.Allow.VolumeTypes) {
			volumes[index] = true
		}
	}
	return volumes
}
