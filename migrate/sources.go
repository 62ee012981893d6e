package migrate

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"userscope.dev/userscope/migrate/claim"
)

// source is a directory of the old layout whose entries move to places of one kind.
type source struct {
	dir claim.Path
	// kind is the kind of file that an entry must be.
	kind claim.Kind
	// check tells why a name is not legal; empty if it is.
	check  func(name string) string
	target func(user, name string) claim.Path
	// parked is the directory below migration-conflicts that takes entries whose place is taken.
	parked string
	// only are the names of the entries that move; empty for all.
	only []string
	// mounted are paths below an entry that sandboxes mount: none may be a symbolic link.
	mounted []string
}

const (
	conflicts = "migration-conflicts"
	// maxFileName is NAME_MAX, the most bytes of a file's name on Linux.
	maxFileName = 255
)

func threads(layout Layout) *source {
	return &source{
		kind: claim.Directory, dir: claim.Path{Tree: claim.Legacy}, check: layout.threadRule.Check,
		target: layout.threadDir, mounted: layout.inThread,
	}
}

// sharedSources are the places of the data that DeerFlow kept for all users, as its own migration knows
// them: agents, whose new names are in lower case, custom skills with their history, memory and profile.
func sharedSources(layout Layout) []*source {
	below := func(dir string, rename func(string) string) func(user, name string) claim.Path {
		return func(user, name string) claim.Path { return layout.userDir(user).Join(dir).Join(rename(name)) }
	}
	same := func(name string) string { return name }
	return []*source{
		{kind: claim.Directory, dir: root("agents"), check: checkAgent, target: below("agents", strings.ToLower), parked: "agents"},
		{kind: claim.Directory, dir: root("skills/custom"), check: checkSkill, target: below("skills/custom", same), parked: "skills"},
		{kind: claim.Regular, dir: root(""), only: []string{"USER.md", "memory.json"}, check: checkName, target: below("", same)},
	}
}

// checkName tells why a name cannot stand in the journal, or in a report.
func checkName(name string) string {
	if !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
		return "has characters that are not text"
	}
	return ""
}

// checkAgent knows that some letters are longer in lower case.
func checkAgent(name string) string {
	if len(strings.ToLower(name)) > maxFileName {
		return "is too long in lower case, which its new name is in"
	}
	return checkName(name)
}

func checkSkill(name string) string {
	if strings.HasPrefix(name, ".") && name != ".history" {
		return "is hidden, and not the skills' .history"
	}
	return checkName(name)
}
