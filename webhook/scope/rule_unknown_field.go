package scope

import "userscope.dev/userscope/webhook/policy"

// RuleUnknownField is the rule of this file.
const RuleUnknownField Rule = "unknown-field"

// checkUnknownField refuses fields inside volumes and volumeMounts that this build does not
// know: what they mount, nobody here can say. A volume that was replaced has none left.
func (r *review) checkUnknownField(p *policy.Policy) {
	for _, field := range r.unknown {
		if volume, ok := field.Volume(); ok && r.replaced[volume] || field.IsSource(p.Allow.VolumeTypes) {
			continue
		}
		r.refuse(RuleUnknownField, field.At, field.Value, "is unknown to this version, or there twice: drop it, or upgrade Userscope")
	}
}
