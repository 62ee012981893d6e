// Package claim is a mounted claim as the migration sees it: two directory trees in which no
// symbolic link is ever followed and no other mount is entered. Only RenameOnto can replace a file or
// an empty directory. The package imports nothing of Userscope.
//
// os.Root is not enough for that: it keeps a path inside its directory, but follows the links
// that point there, and a sandbox may have left one that points from one user to another.
package claim

import (
	"fmt"
	"io"
	"path"
	"strings"
	"time"
)

// Tree is one of the trees of a claim.
type Tree string

// The trees: Root holds the new layout, Legacy is the old one. State holds the migration's own state. It is
// the root, unless UseState names another directory.
const (
	Root   Tree = "root"
	Legacy Tree = "legacy"
	State  Tree = "state"
)

// Path is a file of one of the trees: its name is clean, relative and with slashes, or empty for
// the tree's own directory.
type Path struct {
	Tree Tree
	Name string
}

// String is the path as the journal has it: root:users/alice.
func (p Path) String() string { return string(p.Tree) + ":" + p.Name }

// MarshalText writes the path as String does.
func (p Path) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads what MarshalText writes, and nothing that could leave a tree.
func (p *Path) UnmarshalText(text []byte) error {
	tree, name, _ := strings.Cut(string(text), ":")
	if tree != string(Root) && tree != string(Legacy) {
		return fmt.Errorf("%q: want root:PATH or legacy:PATH", text)
	}
	if name != "" && (path.Clean("/"+name) != "/"+name || strings.ContainsRune(name, 0)) {
		return fmt.Errorf("%q: the path is not clean", text)
	}
	*p = Path{Tree(tree), name}
	return nil
}

// Join returns the path of a file below p.
func (p Path) Join(name string) Path { return Path{p.Tree, path.Join(p.Name, name)} }

// Dir returns the directory that holds the file.
func (p Path) Dir() Path {
	dir, _ := path.Split(p.Name)
	return Path{p.Tree, strings.TrimSuffix(dir, "/")}
}

// Base returns the file's name in its directory.
func (p Path) Base() string { return path.Base(p.Name) }

// Kind is what kind of file a file is.
type Kind uint8

// The kinds of files; Missing is none at all.
const (
	Missing Kind = iota
	Directory
	Regular
	Symlink
	Other
)

// String names the kind for a sentence that says what something is.
func (k Kind) String() string {
	return [...]string{"missing", "a directory", "a file", "a symbolic link", "a special file"}[k]
}

// Info is what lstat tells of a file.
type Info struct {
	Kind Kind
	// Identity has a handle only where Identify asked for it.
	Identity
	// Stable is true if the filesystem has handles, so that it keeps its inodes' numbers, too.
	Stable bool
	Links  uint32 // how many names it has
	// Device is the filesystem's, or a subvolume's. It may change with each mount.
	Device uint64
	// Mount tells mounts apart, two of one filesystem included where the kernel can.
	Mount    uint64
	UID, GID uint32
	// Mode are the permission bits with set-user-id, set-group-id and sticky, as chmod takes
	// them.
	Mode    uint32
	ModTime time.Time
}

// madeMode is the mode of what Mkdir makes: nobody else enters it before it has its owner.
const madeMode = 0o700

// Made reports whether a file can be a directory of a user that Mkdir made, and that has not got
// its mode since.
func (i Info) Made(uid uint32) bool {
	return i.Kind == Directory && i.UID == uid && i.Mode&0o777 == madeMode
}

// File is an open file that is only ever added to.
type File interface {
	io.Writer
	// Sync returns when what was written would survive a loss of power.
	Sync() error
	Truncate(size int64) error
	Close() error
}
