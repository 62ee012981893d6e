package migrate

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

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
	// Also is the user who gets what DeerFlow kept for all; empty leaves it.
	Also string
}

// Status is what is to become of a file of the old layout, or what has become of it.
type Status string

// What becomes of a file. After the first four nothing is left to do.
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
	Failed    Status = "failed"    // the filesystem refused it
)

// Statuses are all of them, in the order of reports.
var Statuses = []Status{Move, Park, Moved, Parked, Conflict, Unowned, Illegal, Link, Stray, Foreign, Collision, Failed}

// Pending reports whether a run would move the file.
func (s Status) Pending() bool { return s == Move || s == Park }

// Undecided reports whether a person must say what becomes of the file.
func (s Status) Undecided() bool { return !s.Pending() && s != Moved && s != Parked && s != Failed }

// Item is a file of the old layout that moves as a whole: most are threads.
type Item struct {
	Name   string
	User   string
	Status Status
	// Why explains every status but the first four.
	Why string

	sort  *sort
	inode uint64
}

// sort is a sort of items: what lies in one directory and moves to one kind of place.
type sort struct {
	source claim.Path
	kind   claim.Kind
	// check tells why a name is not legal.
	check  func(name string) string
	target func(user, name string) claim.Path
	// parked is the directory below migration-conflicts.
	parked string
	// only are the names that belong here, if not all do.
	only []string
}

const (
	conflicts = "migration-conflicts"
	// maxFileName is NAME_MAX, the most bytes of a file's name on Linux.
	maxFileName = 255
)

func threads(layout Layout) *sort {
	return &sort{kind: claim.Directory, source: claim.Path{Tree: claim.Legacy}, check: layout.threadRule.Check, target: layout.threadDir}
}

// also are the places of what DeerFlow kept for all, as its own migration knows them: agents,
// whose new names are in lower case, custom skills with their history, memory and profile.
func also(layout Layout) []*sort {
	below := func(dir string, rename func(string) string) func(user, name string) claim.Path {
		return func(user, name string) claim.Path { return layout.userDir(user).Join(dir).Join(rename(name)) }
	}
	same := func(name string) string { return name }
	return []*sort{
		{kind: claim.Directory, source: root("agents"), check: checkAgent, target: below("agents", strings.ToLower), parked: "agents"},
		{kind: claim.Directory, source: root("skills/custom"), check: checkSkill, target: below("skills/custom", same), parked: "skills"},
		{kind: claim.Regular, source: root(""), only: []string{"USER.md", "memory.json"}, check: checkName, target: below("", same)},
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

// from and to are where the item is and where it is to be.
func (i *Item) from() claim.Path { return i.sort.source.Join(i.Name) }

func (i *Item) to() claim.Path {
	if i.Status == Park || i.Status == Parked {
		return root(path.Join(conflicts, i.sort.parked, i.Name))
	}
	return i.sort.target(i.User, i.Name)
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
func (o *Options) assign(s *sort, name string, info claim.Info, mount string) Item {
	item := Item{Name: name, Status: Move, sort: s, inode: info.Inode}
	item.User = o.Also
	if s.source.Tree == claim.Legacy {
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
	if item.sort.parked == "" && slices.Contains([]string{"agents", "skills"}, strings.ToLower(item.Name)) { // one of them, where case is ignored
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

// compare orders items by where they go, so that those of one directory follow each other.
func compare(a, b Item) int {
	if a.sort != b.sort {
		return cmp.Or(cmp.Compare(a.sort.source.Tree, b.sort.source.Tree), cmp.Compare(a.sort.source.Name, b.sort.source.Name))
	}
	if a.User != b.User {
		return cmp.Compare(a.User, b.User)
	}
	return cmp.Compare(a.Name, b.Name)
}

// Plan is what would become of everything in the old layout.
type Plan struct {
	Items []Item
	// CutShort is that the last run did not end. The next clears up behind it before it plans, so
	// that a place which is only reserved, a conflict here, is free then.
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
	return cmp.Or(o.checkUser("--unowned", o.Unowned), o.checkUser("--also", o.Also))
}
