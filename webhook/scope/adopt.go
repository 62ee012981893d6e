package scope

import (
	"fmt"
	"slices"

	"userscope.dev/userscope/webhook/podjson"
	"userscope.dev/userscope/webhook/policy"
)

// adopt takes one half of the identity from the spellings, which must agree, and be legal under
// the rule of every policy: an id that is not is nobody's, and no reason to look elsewhere.
func (r *review) adopt(noun string, spelled []spelling, ruleOf func(*policy.Policy) policy.IDRule, half func(policy.Identity) string) (claimed, bool) {
	var first spelling
	for _, s := range spelled {
		id := half(s.Identity)
		illegal := func(p *policy.Policy) bool { return ruleOf(p).Check(id) != "" }
		switch {
		case id == "":
		case slices.ContainsFunc(r.governing, illegal):
			r.refuse(RuleIdentityInvalid, s.at, s.path, fmt.Sprintf("names the %s %s, which is no legal id: mount directories of a legal one", noun, podjson.Quote(id)))
			return claimed{}, false
		case first.at == nil:
			first = s
		case id != half(first.Identity):
			r.refuse(RuleIdentityConflict, s.at, s.path, fmt.Sprintf("names another %[1]s than mounts before it: mount directories of one %[1]s; found %[2]s and %[3]s",
				noun, podjson.Quote(half(first.Identity)), podjson.Quote(id)))
			return claimed{id: half(first.Identity), source: policy.SourceSubPath, rival: id}, false
		}
	}
	if first.at == nil {
		return claimed{}, true
	}
	return claimed{id: half(first.Identity), source: policy.SourceSubPath}, true
}
