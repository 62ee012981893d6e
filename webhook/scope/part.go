package scope

import (
	"slices"

	"userscope.dev/userscope/webhook/policy"
)

// part is the user or the thread of a Pod's identity while it is looked for.
type part struct {
	name  string          // "user" or "thread"
	rules []policy.IDRule // of all governing policies: a legal id keeps each

	declared []candidate // by the label and the annotation, in this order
	mounted  []candidate // by the directories that the Pod mounts

	// The id that was found, and its source; empty if none was found.
	id     string
	source policy.Source
	// other is a second id that the mounts name beside the id found.
	other string
	// broken means that a violation was found. An id may be found all the same.
	broken bool
}

// candidate is an id that one field of the Pod names.
type candidate struct {
	id     string
	source policy.Source
	where  place
	text   string // of the whole field
}

func (p *part) found() bool { return p.source != "" }

// legal reports whether the rules of all policies permit an id.
func (p *part) legal(id string) bool {
	return !slices.ContainsFunc(p.rules, func(rule policy.IDRule) bool { return rule.Check(id) != "" })
}

// couldAdmit reports whether an id is illegal only for characters that the policies may admit.
func (p *part) couldAdmit(id string) bool {
	return !slices.ContainsFunc(p.rules, func(rule policy.IDRule) bool { return !rule.CouldAdmit(id) })
}

// mention adds an id that a mounted path names, if it names one.
func (p *part) mention(id string, path pathIdentity) {
	if id != "" {
		p.mounted = append(p.mounted, candidate{id: id, source: policy.SourceSubPath, where: path.where, text: path.text})
	}
}

// take makes the candidate the id that was found.
func (p *part) take(c candidate) { p.id, p.source = c.id, c.source }

// takeDeclared makes what a label or an annotation declares the id that was found.
func (p *part) takeDeclared(from policy.IdentitySource) {
	source := policy.SourceLabel
	if from == policy.FromAnnotation {
		source = policy.SourceAnnotation
	}
	for _, c := range p.declared {
		if c.source == source {
			p.take(c)
		}
	}
}

// fail notes a violation and that no id was found.
func (p *part) fail() { p.id, p.source, p.broken = "", "", true }

// claims is what a Pod says of its identity.
type claims struct {
	user, thread part
	// hasData means that the Pod has data of some policy, and so needs an identity.
	hasData bool
	// needsThread means that the identity has a thread.
	needsThread bool
}

// broken reports whether user or thread has a violation.
func (c *claims) broken() bool { return c.user.broken || c.thread.broken }

// whole reports whether all parts of the identity were found.
func (c *claims) whole() bool { return c.user.found() && (!c.needsThread || c.thread.found()) }

// identity returns the identity of the parts found.
func (c *claims) identity() policy.Identity {
	return policy.Identity{User: c.user.id, Thread: c.thread.id, Source: policy.LessDirect(c.user.source, c.thread.source)}
}
