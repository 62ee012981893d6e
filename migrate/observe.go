package migrate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"userscope.dev/userscope/migrate/claim"
)

// NewPlan looks at the claim and decides what becomes of each item. It changes nothing. Where a
// journal would keep Apply from beginning, the error is the same.
func NewPlan(ctx context.Context, fs FS, options Options) (*Plan, error) {
	before, err := readJournal(fs, nil)
	if err == nil {
		err = before.refuse(fs)
	}
	if err != nil {
		return nil, err
	}
	plan, err := newPlan(ctx, fs, options)
	if err == nil {
		plan.CutShort = !before.done
	}
	return plan, err
}

func newPlan(ctx context.Context, fs FS, options Options) (*Plan, error) {
	o := &observer{ctx: ctx, fs: fs, options: options}
	if err := o.observe(); err != nil {
		return nil, err
	}
	return &Plan{Items: o.items}, nil
}

type observer struct {
	ctx     context.Context
	fs      FS
	options Options
	items   []Item
	above   chain
	mount   uint64
}

func (o *observer) observe() error {
	if err := o.checkLegacy(); err != nil {
		return err
	}
	self, err := o.fs.Lstat(root(""))
	if err != nil {
		return err
	}
	o.mount, o.above = self.Mount, chain{fs: o.fs, mount: self.Mount}
	kinds := []*sort{threads(o.options.Layout)}
	if o.options.Also != "" {
		kinds = append(kinds, also(o.options.Layout)...)
	}
	for _, kind := range kinds {
		if err := o.source(kind); err != nil {
			return err
		}
	}
	slices.SortFunc(o.items, compare)
	collideInLowerCase(o.items)
	if err := o.collisions(); err != nil {
		return err
	}
	for i := range o.items {
		if o.ctx.Err() != nil {
			return errNotPlanned
		}
		if err := o.target(&o.items[i]); err != nil {
			return err
		}
	}
	return nil
}

var errNotPlanned = errors.New("interrupted before all was looked at: nothing has moved")

// checkLegacy refuses an old tree that is part of the new one, because users would be taken for
// threads, and one whose name the journal cannot hold, because undo would not find it.
func (o *observer) checkLegacy() error {
	legacy, err := o.fs.LegacyName()
	if err != nil {
		return err
	}
	if !utf8.ValidString(legacy) {
		return fmt.Errorf("%q: its name is not UTF-8, and the journal cannot hold it: rename it", legacy)
	}
	users := o.options.Layout.userDir("user").Dir().Name
	if users != "" && (legacy == users || strings.HasPrefix(legacy, users+"/")) {
		return fmt.Errorf("%s: is where users' data is to lie: name the directory that holds the threads of old", legacy)
	}
	return nil
}

// source finds the items of a sort.
func (o *observer) source(s *sort) error {
	above, err := o.above.check(s.source)
	if err != nil {
		return err
	}
	if above.status != "" {
		o.items = append(o.items, Item{sort: s, Status: above.status, Why: above.why})
		return nil
	}
	if above.taken == claim.Missing {
		return nil
	}
	names, err := o.fs.List(s.source)
	if err != nil {
		return err
	}
	mounts, err := o.mounts(s.source)
	if err != nil {
		return err
	}
	o.items = slices.Grow(o.items, len(names))
	for _, name := range names {
		if s.only != nil && !slices.Contains(s.only, name) {
			continue
		}
		if o.ctx.Err() != nil {
			return errNotPlanned
		}
		info, err := o.fs.Lstat(s.source.Join(name))
		if err != nil {
			return err
		}
		if info.Kind == claim.Missing {
			continue
		}
		mount := mounts[name]
		if mount == "" && info.Mount != o.mount {
			mount = name
		}
		o.items = append(o.items, o.options.assign(s, name, info, mount))
	}
	return nil
}

// mounts returns a mount point for each name in a directory at or below which there is one.
func (o *observer) mounts(dir claim.Path) (map[string]string, error) {
	points, err := o.fs.Mounts(dir.Tree)
	if err != nil {
		return nil, err
	}
	found := map[string]string{}
	for _, point := range points {
		below := point.Name
		if dir.Name != "" {
			var ok bool
			if below, ok = strings.CutPrefix(below, dir.Name+"/"); !ok {
				continue
			}
		}
		name, _, _ := strings.Cut(below, "/")
		found[name] = below
	}
	return found, nil
}

// target looks at the new place of an item.
func (o *observer) target(item *Item) error {
	if !item.Status.Pending() {
		return nil
	}
	target, err := o.place(item.to())
	if err != nil {
		return err
	}
	return o.options.settle(item, target, func() (place, error) {
		parked := *item
		parked.Status = Park
		return o.place(parked.to())
	})
}

// place looks at a place and at the directories above it.
func (o *observer) place(p claim.Path) (place, error) {
	above, err := o.above.check(p.Dir())
	if err != nil || above.status != "" || above.taken == claim.Missing {
		return above, err
	}
	info, err := o.fs.Lstat(p)
	return place{taken: info.Kind}, err
}

// collisions finds the items that the filesystem cannot tell apart.
func (o *observer) collisions() error {
	users := o.options.Layout.userDir("user").Dir()
	above, err := o.above.check(users)
	if err != nil {
		return err
	}
	var there []string
	if above.status == "" && above.taken == claim.Directory {
		if there, err = o.fs.List(users); err != nil {
			return err
		}
	}
	here, err := o.fs.List(root(""))
	if err != nil {
		return err
	}
	var old []string
	for i := range o.items {
		if o.items[i].sort.source.Tree == claim.Legacy {
			old = append(old, o.items[i].Name)
			if len(old) == 64 { // enough to find a letter
				break
			}
		}
	}
	for _, dir := range []struct {
		path  claim.Path
		names []string
	}{{users, there}, {root(""), here}, {claim.Path{Tree: claim.Legacy}, old}} {
		ignores, err := o.ignoresCase(dir.path, dir.names)
		if err != nil {
			return err
		}
		if ignores {
			collide(o.items, there)
			return nil
		}
	}
	return nil
}

// ignoresCase finds out, without writing, whether a directory finds a name in the other case.
func (o *observer) ignoresCase(dir claim.Path, names []string) (bool, error) {
	for _, name := range names {
		swapped := swapCase(name)
		if swapped == name || slices.Contains(names, swapped) {
			continue
		}
		info, err := o.fs.Lstat(dir.Join(name))
		if err != nil {
			return false, err
		}
		other, err := o.fs.Lstat(dir.Join(swapped))
		return err == nil && other.Kind != claim.Missing && other.Inode == info.Inode, err
	}
	return false, nil
}

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
