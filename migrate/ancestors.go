package migrate

import (
	"fmt"

	"userscope.dev/userscope/migrate/claim"
)

// chain looks at the directories above a path, each once as long as the paths that are asked for
// have it in common.
type chain struct {
	fs    FS
	mount uint64
	known []link
}

type link struct {
	path claim.Path
	info claim.Info
}

// check returns what the directory at path is, and the first of those above it that is in the way.
func (c *chain) check(p claim.Path) (place, error) {
	links, err := c.links(p)
	if err != nil {
		return place{}, err
	}
	for _, l := range links {
		switch {
		case l.info.Kind == claim.Missing:
			return place{taken: claim.Missing}, nil
		case l.info.Kind == claim.Symlink:
			return place{status: Link, why: l.path.Name + " is a symbolic link where a directory must be"}, nil
		case l.info.Kind != claim.Directory:
			return place{status: Stray, why: fmt.Sprintf("%s is %s where a directory must be", l.path.Name, l.info.Kind)}, nil
		case l.info.Mount != c.mount:
			return place{status: Foreign, why: l.path.Name + " is another filesystem's"}, nil
		}
	}
	return place{taken: claim.Directory}, nil
}

// links returns what is known of a directory and of those above it, the tree's own left out. It ends
// at the first that cannot be entered.
func (c *chain) links(p claim.Path) ([]link, error) {
	n := 0
	for name := range ancestors(p) {
		if n < len(c.known) && c.known[n].path == name {
			n++
			if !c.enters(c.known[n-1].info) {
				break
			}
			continue
		}
		info, err := c.fs.Lstat(name)
		if err != nil {
			return nil, err
		}
		c.known = append(c.known[:n], link{name, info})
		n++
		if !c.enters(info) {
			break
		}
	}
	return c.known[:n], nil
}

func (c *chain) enters(info claim.Info) bool {
	return info.Kind == claim.Directory && info.Mount == c.mount
}

// ancestors yields the directories on the way to p, p last.
func ancestors(p claim.Path) func(yield func(claim.Path) bool) {
	return func(yield func(claim.Path) bool) {
		for i, r := range p.Name + "/" {
			if r == '/' && p.Name != "" && !yield(claim.Path{Tree: p.Tree, Name: p.Name[:i]}) {
				return
			}
		}
	}
}
