package scope

import (
	"fmt"

	"userscope.dev/userscope/webhook/podjson"
)

// RuleIdentityInvalid is the rule of this file.
const RuleIdentityInvalid Rule = "identity-invalid"

var identityInvalidRule = rule{
	ID:      RuleIdentityInvalid,
	Summary: "An id must be one or more of the characters A-Z, a-z, 0-9, _ and -.",
	Why: "Ids become names of directories. One that is empty, has dots or slashes, or could be read in two " +
		"ways could name the directory of another user, or of all of them; one with upper-case letters could " +
		"do so on a filesystem that ignores case, if the policy says `caseSensitive: false`. A user may have " +
		"255 bytes and a thread 64, and a policy may narrow both by a pattern. Of further characters a policy may admit `.`, `@`, `+` and `~` inside of ids (`idCharacters`); " +
		"an id with any other cannot be had. An id is never repaired, and " +
		"is refused even if another source is fine or the Pod has no data: set it to what the data belongs " +
		"to.",
	Identity: true,
}

// An id becomes the name of a directory. An illegal id is nobody's, and no reason to look elsewhere.

// checkDeclaredIdentityInvalid refuses an illegal id in a label or an annotation.
func (r *review) checkDeclaredIdentityInvalid(p *part, c candidate) {
	for _, rule := range p.rules {
		if problem := rule.Check(c.id); problem != "" {
			r.refuse(RuleIdentityInvalid, c.where.at(), c.text, fmt.Sprintf("%s: set it to the %s id that the data belongs to", problem, p.name))
			p.fail()
		}
	}
}

// checkMountedIdentityInvalid refuses an illegal id in a path that the Pod mounts.
func (r *review) checkMountedIdentityInvalid(p *part, c candidate) {
	if !p.legal(c.id) {
		problem := "which is no legal id"
		if p.couldAdmit(c.id) {
			problem = "illegal (see idCharacters)"
		}
		r.refuse(RuleIdentityInvalid, c.where.at(), c.text, fmt.Sprintf("names the %s %s, %s: mount directories of a legal one",
			p.name, podjson.QuoteTail(c.id, 24), problem))
		p.fail()
	}
}
