package migrate

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"userscope.dev/userscope/migrate/claim"
)

// NewPlan looks at the claim and decides what becomes of each item. It changes nothing. Where a
// journal would keep Apply from beginning, the error is the same.
func NewPlan(ctx context.Context, fs FS, options Options) (*Plan, error) {
	if err := checkPrivate(fs); err != nil {
		return nil, err
	}
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
	// self is the root's own directory.
	self claim.Info
	// boundaries are by the tree that holds the items.
	boundaries map[claim.Path]*boundaries
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
	o.self, o.boundaries = self, map[claim.Path]*boundaries{}
	sources := []*source{threads(o.options.Layout)}
	if o.options.SharedDataTo != "" {
		sources = append(sources, sharedSources(o.options.Layout)...)
	}
	for _, source := range sources {
		if err := o.source(source); err != nil {
			return err
		}
	}
	slices.SortFunc(o.items, byPlace)
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

// source finds the items of a source.
func (o *observer) source(s *source) error {
	above, err := o.above.check(s.dir)
	if err != nil {
		return err
	}
	if above.status != "" {
		o.items = append(o.items, Item{source: s, Status: above.status, Why: above.why})
		return nil
	}
	if above.taken == claim.Missing {
		return nil
	}
	names, err := o.fs.List(s.dir)
	if err != nil {
		return err
	}
	mounts, err := o.mounts(s.dir)
	if err != nil {
		return err
	}
	dir, err := o.fs.Lstat(s.dir)
	if err != nil {
		return err
	}
	o.boundaries[s.dir] = &boundaries{fs: o.fs, device: dir.Device}
	o.items = slices.Grow(o.items, len(names))
	for _, name := range names {
		if s.only != nil && !slices.Contains(s.only, name) {
			continue
		}
		if o.ctx.Err() != nil {
			return errNotPlanned
		}
		info, err := o.fs.Lstat(s.dir.Join(name))
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
		item, err := o.refuseLinks(o.options.assign(s, name, info, mount))
		if err != nil {
			return err
		}
		o.items = append(o.items, item)
	}
	return nil
}

// refuseLinks leaves an item if a directory that sandboxes mount is a symbolic link: a sandbox may have put
// it there, and its user would have another user's data under his own name.
func (o *observer) refuseLinks(item Item) (Item, error) {
	if !item.Status.Pending() || len(item.source.mounted) == 0 {
		return item, nil
	}
	link, err := o.fs.FirstLink(item.from(), item.source.mounted)
	if err != nil || link == "" {
		return item, err
	}
	return item.leave(Link, link+" in it is a symbolic link where a directory must be"), nil
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
	err = o.options.settle(item, target, func() (place, error) {
		parked := *item
		parked.Status = Park
		return o.place(parked.to())
	})
	if err != nil || !item.Status.Pending() {
		return err
	}
	why, err := o.boundaries[item.source.dir].between(item, o.below(item.to().Dir()))
	if why != "" {
		item.Status, item.Why = Elsewhere, why
	}
	return err
}

// below returns the deepest directory that is there on the way to a place. The chain has looked at that place
// last.
func (o *observer) below(dir claim.Path) link {
	deepest := link{root(""), o.self}
	for _, l := range o.above.known {
		if l.info.Kind != claim.Directory || len(l.path.Name) > len(dir.Name) || l.path.Tree != dir.Tree {
			break
		}
		deepest = l
	}
	return deepest
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
		if o.items[i].source.dir.Tree == claim.Legacy {
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
		return err == nil && other.Kind != claim.Missing && info.Compare(other) == claim.Same, err
	}
	return false, nil
}
