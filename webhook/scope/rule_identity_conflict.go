package scope

import (
	"fmt"

	"userscope.dev/userscope/webhook/podjson"
)

// RuleIdentityConflict is the rule of this file.
const RuleIdentityConflict Rule = "identity-conflict"

// A sandbox of two users is a sandbox in which either could reach the other's data.

// checkDeclaredIdentityConflict refuses a label and an annotation that name two ids.
func (r *review) checkDeclaredIdentityConflict(p *part) {
	if len(p.declared) < 2 || p.declared[0].id == p.declared[1].id {
		return
	}
	label, annotation := p.declared[0], p.declared[1]
	r.refuse(RuleIdentityConflict, annotation.where.at(), annotation.text,
		"contradicts the label with the same key: set only one of them, or both alike; the label says "+podjson.Quote(label.id))
	p.fail()
}

// checkMountedIdentityConflict refuses a path that names another id than the paths before it.
func (r *review) checkMountedIdentityConflict(p *part, c candidate) {
	if !p.found() || c.id == p.id {
		return
	}
	r.refuse(RuleIdentityConflict, c.where.at(), c.text, fmt.Sprintf("names another %[1]s than mounts before it: mount directories of one %[1]s; found %[2]s and %[3]s",
		p.name, podjson.Quote(p.id), podjson.Quote(c.id)))
	p.other, p.broken = c.id, true
}
