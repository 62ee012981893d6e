package scope

import "userscope.dev/userscope/webhook/policy"

// RuleUnknownField is the rule of this file.
const RuleUnknownField Rule = "unknown-field"

var unknownFieldRule = rule{
	ID:      RuleUnknownField,
	Summary: "Fields of volumes and of mounts that Userscope does not know are refused.",
	Why: "A later version of Kubernetes may have a field by which a mount shows something else than its " +
		"subPath says; what it would show, this version of Userscope cannot tell. Fields outside volumes and " +
		"mounts pass untouched. Drop the field, check its spelling, or upgrade Userscope; a whole volume " +
		"type that it does not know may be listed by the policy (`allow.volumeTypes`).",
	check: (*review).checkUnknownField,
}

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
