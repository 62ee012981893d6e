package scope

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"userscope.dev/userscope/webhook/podjson"
	"userscope.dev/userscope/webhook/policy"
)

// An unmodified provisioner declares no identity, but it mounts its sandbox's private
// directories, and their paths spell user and thread. These ids are adopted, for the proof to
// confirm: see proof.go. The paths are read by the same templates that they are written by.

// spelling is what one mounted path says of an identity; either half may be empty.
type spelling struct {
	policy.Identity
	at   podjson.Location
	path string
}

// spellings returns what the mounts of the claim and the hostPath volumes, as they were sent, say
// of the Pod's identity.
func (r *review) spellings() []spelling {
	var all []spelling
	for _, p := range r.governing {
		for _, m := range claimMounts(p, r.sent) {
			if m.SubPathExpr != "" {
				continue
			}
			if clean, problem := cleanRelative(m.SubPath); problem == "" {
				if id, ok := p.Layout.ReadOnClaim(clean); ok {
					all = append(all, spelling{id, m.at("subPath"), m.SubPath})
				}
			}
		}
		for i := range r.sent.Spec.Volumes {
			hostPath := r.sent.Spec.Volumes[i].HostPath
			if hostPath == nil || hasDotDot(hostPath.Path) {
				continue
			}
			for _, base := range p.HostPathBases {
				below, ok := strings.CutPrefix(path.Clean(hostPath.Path), base+"/")
				if !ok {
					continue
				}
				if id, ok := p.Layout.Read(below); ok {
					all = append(all, spelling{id, podjson.Location{"spec", "volumes", i, "hostPath", "path"}, hostPath.Path})
				}
			}
		}
	}
	return all
}

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
