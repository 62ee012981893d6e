package scope

import (
	"fmt"

	"userscope.dev/userscope/webhook/podjson"
)

// RuleIdentityConflict is the rule of this file.
const RuleIdentityConflict Rule = "identity-conflict"

var identityConflictRule = rule{
	ID:      RuleIdentityConflict,
	Summary: "What names a Pod's user or thread must not name two.",
	Why: "If the label says alice and the annotation of the same key bob, then whatever Userscope believed, " +
		"somebody who reads the other one, such as a NetworkPolicy or an audit, would take the sandbox for " +
		"another user's. Set only one of them, or both to the same value. Where neither is set, the " +
		"directories that the Pod mounts name user and thread, and all of them must name the same: a sandbox " +
		"of two users is one in which either could reach the other's data.",
	Identity: true,
}

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
