package migrate

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"userscope.dev/userscope/migrate/claim"
)

// Options are what a plan is made by.
type Options struct {
	Layout Layout
	// Owners says whose a thread is.
	Owners map[string]string
	// Unowned is the user who gets the threads that nobody owns; empty leaves them.
	Unowned string
	// Park moves what cannot move, because its place is taken, to migration-conflicts.
	Park bool
	// SharedDataTo is the user who gets the data that DeerFlow kept for all users; empty leaves the data.
	SharedDataTo string
}

// Status is what is to become of a file of the old layout, or what has become of it.
type Status string

// What becomes of a file. A plan says Move or Park where an apply would say Moved or Parked. Every other
// status leaves the file at its old place.
const (
	Move   Status = "move"
	Park   Status = "park"
	Moved  Status = "moved"
	Parked Status = "parked"

	Conflict  Status = "conflict"  // its place is taken
	Unowned   Status = "unowned"   // nobody owns it
	Illegal   Status = "illegal"   // its name, or its owner's, is no id
	Link      Status = "link"      // a symbolic link is where a directory must be
	Stray     Status = "stray"     // it is not what belongs there
	Foreign   Status = "foreign"   // another filesystem is mounted there
	Collision Status = "collision" // the filesystem, or the new layout, ignores case, and two names differ only in that
	Elsewhere Status = "elsewhere" // rename cannot move it, because its place is in another subvolume or quota project
	Failed    Status = "failed"    // the filesystem refused it
)

// Statuses are all of them, in the order of reports.
var Statuses = []Status{Move, Park, Moved, Parked, Conflict, Unowned, Illegal, Link, Stray, Foreign, Collision, Elsewhere, Failed}

// Pending reports whether a run would move the file.
func (s Status) Pending() bool { return s == Move || s == Park }

// Undecided reports whether a person must say what becomes of the file.
func (s Status) Undecided() bool { return !s.Pending() && s != Moved && s != Parked && s != Failed }

// Item is a file of the old layout that moves as a whole: most are threads.
type Item struct {
	Name   string
	User   string
	Status Status
	// Why explains a status that leaves the item where it is.
	Why string

	source *source
	// inode, birth and modTime tell whether the file is still the file that was planned for.
	inode   uint64
	birth   int64
	modTime int64 // in nanoseconds since 1970
}

// from and to are where the item is and where it is to be.
func (i *Item) from() claim.Path { return i.source.dir.Join(i.Name) }

func (i *Item) to() claim.Path {
	if i.Status == Park || i.Status == Parked {
		return root(path.Join(conflicts, i.source.parked, i.Name))
	}
	return i.source.target(i.User, i.Name)
}

// From returns where the item is, or was: relative to the root, whose own old tree is legacy.
func (i *Item) From(legacy string) string {
	if from := i.from(); from.Tree == claim.Root {
		return from.Name
	}
	return path.Join(legacy, i.Name)
}

// To returns where the item is to be, or is, relative to the root; empty if nobody knows.
func (i *Item) To() string {
	if i.User == "" {
		return ""
	}
	return i.to().Name
}

// assign decides what a file of the old layout alone says of its fate.
func (o *Options) assign(s *source, name string, info claim.Info, mount string) Item {
	item := Item{Name: name, Status: Move, source: s, inode: info.Inode, birth: info.Birth, modTime: info.ModTime.UnixNano()}
	item.User = o.SharedDataTo
	if s.dir.Tree == claim.Legacy {
		item.User = cmp.Or(o.Owners[name], o.Unowned)
	}
	problem := s.check(name)
	switch {
	case info.Kind == claim.Symlink:
		return item.leave(Link, "is a symbolic link, which is never followed")
	case info.Kind != s.kind:
		return item.leave(Stray, fmt.Sprintf("is %s where %s belongs", info.Kind, s.kind))
	case problem != "":
		return item.leave(Illegal, problem)
	case mount != "":
		return item.leave(Foreign, "has another filesystem mounted at "+mount)
	case item.User == "":
		return item.leave(Unowned, "nobody owns it")
	}
	if problem := o.Layout.userRule.Check(item.User); problem != "" {
		return item.leave(Illegal, fmt.Sprintf("its owner %q %s", item.User, problem))
	}
	return item
}

// is reports whether a file is the item. Where numbers change, its time of change tells.
func (i *Item) is(now claim.Info) bool {
	if now.Kind != i.source.kind {
		return false
	}
	switch (claim.Identity{Inode: i.inode, Birth: i.birth}).Compare(now) {
	case claim.Same:
		return true
	case claim.Unknown:
		return now.ModTime.UnixNano() == i.modTime
	default:
		return false
	}
}

// leave takes an item from what moves.
func (i Item) leave(status Status, why string) Item {
	if status != Collision {
		i.User = ""
	}
	i.Status, i.Why = status, why
	return i
}

// place is what lies where an item is to be.
type place struct {
	status Status // of the directories above it, if one of them is in the way
	why    string
	taken  claim.Kind
}

// settle decides by what lies at its new place whether an item moves. parked looks at its place
// in migration-conflicts, should it have to go there.
func (o *Options) settle(item *Item, target place, parked func() (place, error)) error {
	switch {
	case target.status != "":
		item.Status, item.Why = target.status, target.why
		return nil
	case target.taken == claim.Missing:
		return nil
	}
	item.Status, item.Why = Conflict, fmt.Sprintf("%s is there", target.taken)
	if !o.Park {
		return nil
	}
	if item.source.parked == "" && slices.Contains([]string{"agents", "skills"}, strings.ToLower(item.Name)) { // one of them, where case is ignored
		item.Why += ", and " + conflicts + "/" + item.Name + " is for others"
		return nil
	}
	there, err := parked()
	switch {
	case err != nil:
		return err
	case there.status != "":
		item.Status, item.Why = there.status, there.why
	case there.taken != claim.Missing:
		item.Why += fmt.Sprintf(", and %s in %s too", there.taken, conflicts)
	default:
		item.Status, item.Why = Park, ""
	}
	return nil
}

// byPlace orders items by where they go, so that those of one directory follow each other.
func byPlace(a, b Item) int {
	if a.source != b.source {
		return cmp.Or(cmp.Compare(a.source.dir.Tree, b.source.dir.Tree), cmp.Compare(a.source.dir.Name, b.source.dir.Name))
	}
	if a.User != b.User {
		return cmp.Compare(a.User, b.User)
	}
	return cmp.Compare(a.Name, b.Name)
}

// Plan is what would become of everything in the old layout.
type Plan struct {
	Items []Item
	// CutShort is true if the last run did not end. Apply tidies up after that run before it plans. A
	// place that was only reserved is a conflict in this plan, and free in Apply's.
	CutShort bool
}

// Count returns how many items have a status that is as asked.
func (p *Plan) Count(is func(Status) bool) int {
	n := 0
	for i := range p.Items {
		if is(p.Items[i].Status) {
			n++
		}
	}
	return n
}

// pending returns the items that a run would move.
func (p *Plan) pending() []*Item {
	items := make([]*Item, 0, p.Count(Status.Pending))
	for i := range p.Items {
		if p.Items[i].Status.Pending() {
			items = append(items, &p.Items[i])
		}
	}
	return items
}

// checkUser tells why an option names no user.
func (o *Options) checkUser(name, user string) error {
	if user == "" {
		return nil
	}
	if problem := o.Layout.userRule.Check(user); problem != "" {
		return fmt.Errorf("%s %q: %s", name, user, problem)
	}
	return nil
}

// Check refuses options that name no legal user.
func (o *Options) Check() error {
	return cmp.Or(o.checkUser("--unowned", o.Unowned), o.checkUser("--also", o.SharedDataTo))
}
