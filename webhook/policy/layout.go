package policy

import (
	"slices"
	"strings"
)

// Access is what a sandbox may do in a directory.
type Access string

// The two kinds of access.
const (
	ReadOnly  Access = "ReadOnly"
	ReadWrite Access = "ReadWrite"
)

// Layout is how a claim is divided among identities.
type Layout struct {
	// Root is the directory on the claim below which the layout lies; empty for the
	// claim's own root.
	Root string

	// UserData is the directory that a user-data mount shows, read-write.
	UserData Template

	// Directories are the others that a sandbox may mount.
	Directories []Directory

	// Legacy is the user-data directory of old, by thread alone, below the root, a base or
	// at the claim's root. Nobody may mount it; it names the thread of the Pods that do. The
	// zero value matches nothing.
	Legacy Template
}

// Directory is a template and what its identity may do there. A directory that does not
// depend on the user is shared, and ReadOnly unless it is SharedByAll.
type Directory struct {
	Template
	Access Access

	// SharedByAll has every sandbox write to a shared directory, on the claim alone.
	SharedByAll bool
}

// All returns every directory of the layout, the user-data directory first.
func (l Layout) All() []Directory {
	return append([]Directory{{Template: l.UserData, Access: ReadWrite}}, l.Directories...)
}

// IsShared reports whether a path below the root is a directory that everybody shares.
func (l Layout) IsShared(below string) bool {
	for i := range l.Directories {
		if d := &l.Directories[i]; !d.HasUser() && d.String() == below {
			return true
		}
	}
	return false
}

// NeedsThread reports whether an identity of the layout has a thread at all.
func (l Layout) NeedsThread() bool {
	return l.UserData.HasThread() || slices.ContainsFunc(l.Directories, func(d Directory) bool { return d.HasThread() })
}

// Tree is the directories of one identity by their paths below the layout's root.
type Tree struct {
	// UserData is the path of the user-data directory on the claim.
	UserData string

	layout     Layout
	id         Identity
	identified bool
}

// Tree returns the directories of an identity. Without one it holds only those that all
// share; of a defaulted user, only those of the thread and the shared ones.
func (l Layout) Tree(id Identity, identified bool) Tree {
	return Tree{UserData: join(l.Root, l.UserData.Path(id)), layout: l, id: id, identified: identified}
}

// Below returns the access to a clean path below the layout's root.
func (t Tree) Below(clean string) (Access, bool) {
	if t.has(t.layout.UserData, clean) {
		return ReadWrite, true
	}
	for i := range t.layout.Directories {
		if directory := &t.layout.Directories[i]; t.has(directory.Template, clean) {
			return directory.Access, true
		}
	}
	return "", false
}

// OnNode returns the access to a clean path below a base. What every sandbox may write to lies on the claim alone.
func (t Tree) OnNode(below string) (Access, bool) {
	if access, ok := t.Below(below); ok && !(access == ReadWrite && t.layout.IsShared(below)) {
		return access, true
	}
	return "", false
}

// has reports whether a clean path is the directory of the identity by a template of the layout. It reads
// the path, which costs less than to write all that it might be.
func (t Tree) has(template Template, clean string) bool {
	if template.HasUser() && (!t.identified || t.id.Source == SourceDefault && !template.HasThread()) {
		return false
	}
	id, ok := template.Parse(clean)
	return ok && (id.User == t.id.User || !template.HasUser()) && (id.Thread == t.id.Thread || !template.HasThread())
}

// OnClaim returns the access to a clean path on the claim.
func (t Tree) OnClaim(clean string) (Access, bool) {
	below, ok := cutRoot(t.layout.Root, clean)
	access, found := t.Below(below)
	return access, ok && found
}

// IsLegacy reports whether a clean path on the claim is the user-data directory of old of the identity's thread. It lay
// below the root or at the claim's own.
func (t Tree) IsLegacy(clean string) bool {
	below, ok := cutRoot(t.layout.Root, clean)
	return ok && t.isLegacyBelow(below) || t.isLegacyBelow(clean)
}

// isLegacyBelow reports the same of a clean path below the root or a base.
func (t Tree) isLegacyBelow(below string) bool {
	id, ok := t.layout.Legacy.Parse(below)
	return ok && id.Thread == t.id.Thread && t.layout.NeedsThread()
}

// IsUserData reports whether a clean path on the claim is the user-data directory, or the one of old.
func (t Tree) IsUserData(clean string) bool { return clean == t.UserData || t.IsLegacy(clean) }

// IsUserDataBelow reports the same of a clean path below a base.
func (t Tree) IsUserDataBelow(below string) bool {
	return t.has(t.layout.UserData, below) || t.isLegacyBelow(below)
}

// BaseOf returns what lies above a directory of the layout, for some identity, in a clean path of a node. The boolean
// tells whether the path ends in such a directory at all. Templates of placeholders alone tell nothing.
func (l Layout) BaseOf(clean string) (string, bool) {
	templates := []Template{l.UserData, l.Legacy}
	for i := range l.Directories {
		templates = append(templates, l.Directories[i].Template)
	}
	for _, template := range templates {
		if !slices.ContainsFunc(template.segments, func(segment string) bool { return !isPlaceholder(segment) }) {
			continue
		}
		at := len(clean)
		for range template.segments {
			at = strings.LastIndexByte(clean[:max(at, 0)], '/')
		}
		if at <= 0 {
			continue
		}
		if _, ok := template.Parse(clean[at+1:]); ok {
			return clean[:at], true
		}
	}
	return "", false
}

// Paths returns the paths of all directories on the claim, the user-data directory first.
func (t Tree) Paths() []string {
	var paths []string
	for _, directory := range t.layout.All() {
		if path := directory.Path(t.id); t.has(directory.Template, path) {
			paths = append(paths, join(t.layout.Root, path))
		}
	}
	return paths
}

// cutRoot returns what of a clean path lies below root.
func cutRoot(root, clean string) (string, bool) {
	if root == "" {
		return clean, true
	}
	return strings.CutPrefix(clean, root+"/")
}

// join is path.Join without its cleaning: the parts are clean, and what is written must be
// what the template says.
func join(root, below string) string {
	if root == "" {
		return below
	}
	return root + "/" + below
}

// ReadOnClaim reads a clean path on the claim. The thread-only directories of old lay at the
// claim's root, also where the layout has a root of its own.
func (l Layout) ReadOnClaim(clean string) (Identity, bool) {
	if below, ok := cutRoot(l.Root, clean); ok {
		if id, ok := l.Read(below); ok {
			return id, true
		}
	}
	return l.Legacy.Parse(clean)
}

// Read reads a path below the layout's root or a base.
func (l Layout) Read(below string) (Identity, bool) {
	if id, ok := l.UserData.Parse(below); ok && l.UserData.HasUser() {
		return id, true
	}
	for i := range l.Directories {
		if id, ok := l.Directories[i].Parse(below); ok && l.Directories[i].HasUser() {
			return id, true
		}
	}
	return l.Legacy.Parse(below)
}
