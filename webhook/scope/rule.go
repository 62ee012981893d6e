package scope

import "userscope.dev/userscope/webhook/policy"

// check judges a Pod under one policy.
type check func(*review, *policy.Policy)

// rule is an entry of the registry.
type rule struct {
	ID Rule

	// Summary is the rule in one sentence, as docs/rules.md has it.
	Summary string

	// Why says in a paragraph of Markdown what the rule is for and what to do, as docs/rules.md has it.
	Why string

	// Identity marks the rules about whose sandbox a Pod is. identify makes their checks. A Pod that
	// breaks no other rule is invalid (422), any other is forbidden (403).
	Identity bool

	// says holds the refusals, or their beginnings, that the backstop words like the decision, by short names.
	says map[string]string

	// before judges a new Pod before its identity is known.
	before check
	// check judges a new Pod when its identity has been looked for.
	check check
	// containers judges, whatever the policies say, the containers that a request brings: those of a
	// new Pod, or the ephemeral containers that join a running Pod.
	containers func(*review)
	// added judges ephemeral containers that join a running Pod.
	added check
	// update judges a change of a stored Pod.
	update check
	// delete judges the deletion of a stored Pod.
	delete check
}
