package migrate

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"userscope.dev/userscope/migrate"
	"userscope.dev/userscope/migrate/claim"
)

// describePlan returns an item for each line: its status, where it is, where it goes, and why.
func describePlan(plan *migrate.Plan) []string {
	var lines []string
	for i := range plan.Items {
		item := &plan.Items[i]
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s %q %s %s", item.Status, item.From("../threads"), item.To(), item.Why)))
	}
	slices.Sort(lines)
	return lines
}

func equalLines(t *testing.T, got, want []string) {
	t.Helper()
	slices.Sort(want)
	for _, line := range got {
		if !slices.Contains(want, line) {
			t.Errorf("has   %s", line)
		}
	}
	for _, line := range want {
		if !slices.Contains(got, line) {
			t.Errorf("lacks %s", line)
		}
	}
}

// What becomes of each shape.
func TestPlan(t *testing.T) {
	tree := newTree(t)
	plan, err := migrate.NewPlan(t.Context(), tree.open(t), tree.options(t))
	if err != nil {
		t.Fatal(err)
	}
	longThread := strings.Repeat("t", 64)
	want := []string{
		`move "../threads/-_-" users/_/threads/-_-`,
		`move "../threads/` + longThread + `" users/` + LongUser + `/threads/` + longThread,
		`move "../threads/attributes" users/alice/threads/attributes`,
		`move "../threads/deep" users/bob/threads/deep`,
		`move "../threads/empty" users/alice/threads/empty`,
		`move "../threads/links-1" users/alice/threads/links-1`,
		`move "../threads/links-2" users/bob/threads/links-2`,
		`move "../threads/more" users/carol/threads/more`,
		`move "../threads/names" users/bob/threads/names`,
		`move "../threads/plain-1" users/alice/threads/plain-1`,
		`move "../threads/plain-2" users/alice/threads/plain-2`,
		`move "../threads/plain-3" users/bob/threads/plain-3`,
		`park "../threads/taken" migration-conflicts/taken`,
		`park "../threads/taken-by-nothing" migration-conflicts/taken-by-nothing`,
		`conflict "../threads/taken-twice" users/dave/threads/taken-twice a directory is there, and a directory in migration-conflicts too`,
		`conflict "../threads/agents" users/dave/threads/agents a directory is there, and migration-conflicts/agents is for others`,
		`unowned "../threads/nobodys"  nobody owns it`,
		`illegal "../threads/t.4"  has characters other than A-Z, a-z, 0-9, _ and - (see idCharacters)`,
		`illegal "../threads/line\nbreak"  has characters that no policy can admit there`,
		`illegal "../threads/` + strings.Repeat("l", 255) + `"  is 255 bytes long, and 64 are allowed`,
		`illegal "../threads/illegal-owner"  its owner "../bob" has characters that no policy can admit there`,
		`stray "../threads/stray"  is a file where a directory belongs`,
		`link "../threads/link"  is a symbolic link, which is never followed`,
		`link "../threads/linked-owner" users/mallory/threads/linked-owner users/mallory is a symbolic link where a directory must be`,
		`move "agents/Writer" users/erin/agents/writer`,
		`park "agents/taken" migration-conflicts/agents/taken`,
		`collision "agents/Editor" users/erin/agents/editor its new name is in lower case, and so is that of "eDITOR"`,
		`collision "agents/eDITOR" users/erin/agents/editor its new name is in lower case, and so is that of "Editor"`,
		`stray "agents/stray"  is a file where a directory belongs`,
		`move "skills/custom/.history" users/erin/skills/custom/.history`,
		`move "skills/custom/draw" users/erin/skills/custom/draw`,
		`move "memory.json" users/erin/memory.json`,
		`park "USER.md" migration-conflicts/USER.md`,
	}
	equalLines(t, describePlan(plan), want)

	options := tree.options(t)
	options.Unowned, options.Park, options.SharedDataTo = "frank", false, ""
	if plan, err = migrate.NewPlan(t.Context(), tree.open(t), options); err != nil {
		t.Fatal(err)
	}
	want = slices.DeleteFunc(want, func(line string) bool {
		return strings.HasPrefix(line, "park ") || !strings.Contains(line, "../threads/") || strings.Contains(line, "unowned") || strings.HasPrefix(line, "conflict")
	})
	for _, taken := range []string{"taken", "taken-by-nothing", "taken-twice", "agents"} {
		want = append(want, fmt.Sprintf("conflict %q users/dave/threads/%s a directory is there", "../threads/"+taken, taken))
	}
	equalLines(t, describePlan(plan), append(want, `move "../threads/nobodys" users/frank/threads/nobodys`))
}

// An agent whose new name no filesystem could have keeps nothing else from moving.
func TestLongNameInLowerCase(t *testing.T) {
	tree := small(t)
	long := strings.Repeat("Ⱥ", 127) // two bytes each, and three in lower case
	tree.mkdir(filepath.Join(tree.Root, "agents", long), 0o755)
	if tree.err != nil {
		t.Fatal(tree.err)
	}
	options := tree.options(t)
	options.SharedDataTo = "erin"
	plan, err := migrate.Apply(t.Context(), tree.open(t), options, noProgress)
	if err != nil {
		t.Fatal(err)
	}
	equalLines(t, describePlan(plan), []string{
		fmt.Sprintf("illegal %q  is too long in lower case, which its new name is in", "agents/"+long),
		`moved "../threads/plain" users/alice/threads/plain`,
	})
}

// small is a tree of one thread, plain, of alice.
func small(t *testing.T) *Tree {
	t.Helper()
	dir := tempDir(t)
	tree := &Tree{Dir: dir, Root: filepath.Join(dir, "deer-flow"), Legacy: filepath.Join(dir, "threads"), Owners: map[string]string{}}
	tree.mkdir(tree.Root, 0o755)
	tree.thread("plain", "alice")
	if tree.err != nil {
		t.Fatal(tree.err)
	}
	return tree
}

// A link is never followed, whichever directory of the layout it stands for, and whatever it leads
// to.
func TestLinks(t *testing.T) {
	for _, test := range []struct{ link, want string }{
		{"deer-flow/users", "link \"../threads/plain\" users/alice/threads/plain users is a symbolic link where a directory must be"},
		{"deer-flow/users/alice", "link \"../threads/plain\" users/alice/threads/plain users/alice is a symbolic link where a directory must be"},
		{"deer-flow/users/alice/threads", "link \"../threads/plain\" users/alice/threads/plain users/alice/threads is a symbolic link where a directory must be"},
		{"deer-flow/users/alice/threads/plain", "conflict \"../threads/plain\" users/alice/threads/plain a symbolic link is there"},
	} {
		for _, target := range []string{"/nowhere", "."} {
			t.Run(test.link+" to "+target, func(t *testing.T) {
				tree := small(t)
				link := filepath.Join(tree.Dir, test.link)
				tree.mkdir(filepath.Dir(link), 0o755)
				tree.do(os.Symlink(target, link))
				if tree.err != nil {
					t.Fatal(tree.err)
				}
				before := tree.snapshot(t)
				options := tree.options(t)
				options.Park = false
				plan, err := migrate.Apply(t.Context(), tree.open(t), options, noProgress)
				if err != nil {
					t.Fatal(err)
				}
				equalLines(t, describePlan(plan), []string{test.want})
				if diff := tree.snapshot(t).Diff(before); diff != "" {
					t.Errorf("changes\n%s", diff)
				}
			})
		}
	}
	t.Run("the place of conflicts", func(t *testing.T) {
		tree := small(t)
		tree.mark(tree.userDir("alice") + "/threads/plain/marker")
		tree.do(os.Symlink("users", filepath.Join(tree.Root, "migration-conflicts")))
		plan, err := tree.apply(t, tree.open(t))
		if err != nil || tree.err != nil {
			t.Fatal(err, tree.err)
		}
		equalLines(t, describePlan(plan), []string{"link \"../threads/plain\" users/alice/threads/plain migration-conflicts is a symbolic link where a directory must be"})
	})
	t.Run("the state", func(t *testing.T) {
		tree := small(t)
		tree.do(os.Symlink(".", filepath.Join(tree.Root, stateDir)))
		if _, err := tree.apply(t, tree.open(t)); err == nil || !strings.Contains(err.Error(), stateDir+": not a directory") {
			t.Errorf("%v", err)
		}
		tree.checkMarkers(t)
	})
	t.Run("the trees", func(t *testing.T) {
		tree := small(t)
		link := filepath.Join(tree.Dir, "link")
		tree.do(os.Symlink("threads", link))
		for _, name := range []string{link, link + "/"} {
			if _, err := claim.Open(name); err == nil || !strings.Contains(err.Error(), "is a symbolic link") {
				t.Errorf("root: %v", err)
			}
			if err := tree.open(t).UseLegacy(name); err == nil || !strings.Contains(err.Error(), "is a symbolic link") {
				t.Errorf("old tree: %v", err)
			}
		}
	})
}

// Other filesystems inside the tree are not moved, into or out of.
func TestMounts(t *testing.T) {
	tree := small(t)
	l := tree.open(t)
	l.mounts = []claim.Path{{Tree: claim.Legacy, Name: "plain/user-data/deep"}}
	plan, err := migrate.NewPlan(t.Context(), l, tree.options(t))
	if err != nil {
		t.Fatal(err)
	}
	equalLines(t, describePlan(plan), []string{`foreign "../threads/plain"  has another filesystem mounted at plain/user-data/deep`})

	l = tree.open(t)
	l.mounted = map[claim.Path]bool{{Tree: claim.Legacy, Name: "plain"}: true}
	if plan, err = migrate.NewPlan(t.Context(), l, tree.options(t)); err != nil {
		t.Fatal(err)
	}
	equalLines(t, describePlan(plan), []string{`foreign "../threads/plain"  has another filesystem mounted at plain`})

	tree.userDir("alice")
	l = tree.open(t)
	l.mounted = map[claim.Path]bool{{Tree: claim.Root, Name: "users"}: true}
	if plan, err = migrate.NewPlan(t.Context(), l, tree.options(t)); err != nil {
		t.Fatal(err)
	}
	equalLines(t, describePlan(plan), []string{`foreign "../threads/plain" users/alice/threads/plain users is another filesystem's`})
}

// Where the filesystem ignores case, ids that differ in nothing else would share a directory.
func TestCase(t *testing.T) {
	tree := small(t)
	for thread, owner := range map[string]string{"one": "Alice", "two": "carol", "three": "bob", "four": "erin", "FOUR": "erin"} {
		tree.thread(thread, owner)
	}
	tree.mkdir(tree.userDir("Bob"), 0o755)
	l := tree.open(t)
	l.ignoresCase = true
	plan, err := migrate.NewPlan(t.Context(), l, tree.options(t))
	if err != nil || tree.err != nil {
		t.Fatal(err, tree.err)
	}
	statuses := map[string]migrate.Status{}
	for i := range plan.Items {
		statuses[plan.Items[i].Name] = plan.Items[i].Status
	}
	for thread, want := range map[string]migrate.Status{
		"plain": migrate.Collision, "one": migrate.Collision, "two": migrate.Move, "three": migrate.Collision,
		"four": migrate.Collision, "FOUR": migrate.Collision,
	} {
		if statuses[thread] != want {
			t.Errorf("%s: %s, want %s", thread, statuses[thread], want)
		}
	}
	if plan, err = migrate.NewPlan(t.Context(), tree.open(t), tree.options(t)); err != nil || plan.Count(migrate.Status.Pending) != 6 {
		t.Errorf("where case counts: %v, %v", err, describePlan(plan))
	}
}

// Where no name told so before, as in an empty directory that alone ignores case, no user gets another's
// directory, and the next run knows.
func TestCaseThatShowsWhenDirectoriesAreMade(t *testing.T) {
	tree := small(t)
	tree.thread("one", "Alice")
	l := tree.open(t)
	l.before = func(_ int, op string, _ []claim.Path) error {
		l.ignoresCase = op == "mkdir" || l.ignoresCase
		return nil
	}
	plan, err := tree.apply(t, l)
	if err != nil || tree.err != nil {
		t.Fatal(err, tree.err)
	}
	equalLines(t, describePlan(plan), []string{
		`failed "../threads/plain" users/alice/threads/plain is the directory of another name here, as where the filesystem ignores case`,
		`moved "../threads/one" users/Alice/threads/one`,
	})
	again := tree.open(t)
	again.ignoresCase = true
	if plan, err = tree.apply(t, again); err != nil {
		t.Fatal(err)
	}
	equalLines(t, describePlan(plan), []string{
		`collision "../threads/plain" users/alice/threads/plain the filesystem ignores case, and cannot tell "alice" from others such as "Alice"`,
	})
	if undone, err := tree.undo(t, tree.open(t)); err != nil || len(undone.Left) > 0 || undone.Back != 1 {
		t.Errorf("%v, %+v", err, undone)
	}
	tree.checkMarkers(t)
	if _, err := os.Lstat(tree.Root + "/users"); !os.IsNotExist(err) {
		t.Error(err)
	}
}

// A thread is not parked where, if the filesystem ignores case, agents or skills would be parked in it.
func TestParkedThreadIsNoDirectoryOfOthers(t *testing.T) {
	tree := small(t)
	for _, thread := range []string{"Agents", "SKILLS", "agents2"} {
		tree.thread(thread, "alice")
		tree.mark(filepath.Join(tree.userDir("alice"), "threads", thread, "marker"))
	}
	plan, err := migrate.NewPlan(t.Context(), tree.open(t), tree.options(t))
	if err != nil || tree.err != nil {
		t.Fatal(err, tree.err)
	}
	equalLines(t, describePlan(plan), []string{
		`conflict "../threads/Agents" users/alice/threads/Agents a directory is there, and migration-conflicts/Agents is for others`,
		`conflict "../threads/SKILLS" users/alice/threads/SKILLS a directory is there, and migration-conflicts/SKILLS is for others`,
		`park "../threads/agents2" migration-conflicts/agents2`,
		`move "../threads/plain" users/alice/threads/plain`,
	})
}

// A tree that cannot be the old one is refused.
func TestLegacy(t *testing.T) {
	tree := small(t)
	tree.mkdir(tree.userDir("alice"), 0o755)
	tree.do(os.WriteFile(filepath.Join(tree.Dir, "file"), nil, 0o600))
	if tree.err != nil {
		t.Fatal(tree.err)
	}
	for legacy, want := range map[string]string{
		tree.Root: "contains the root", tree.Dir: "contains the root", "/": "", filepath.Join(tree.Dir, "file"): "is not a directory",
		filepath.Join(tree.Dir, "none"): "no such file or directory", "/proc": "is not on the filesystem, or not on the mount, of",
	} {
		if err := tree.open(t).UseLegacy(legacy); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", legacy, err, want)
		}
	}
	l := tree.open(t)
	if err := l.UseLegacy(filepath.Join(tree.Root, "users")); err != nil {
		t.Fatal(err)
	}
	if _, err := migrate.NewPlan(t.Context(), l, tree.options(t)); err == nil || !strings.Contains(err.Error(), "users: is where users' data is to lie") {
		t.Errorf("the users: %v", err)
	}

	tree.Legacy += "\xff"
	tree.thread("plain", "alice")
	before := tree.snapshot(t)
	want := `"../threads\xff": its name is not UTF-8, and the journal cannot hold it: rename it`
	if _, err := tree.apply(t, tree.open(t)); err == nil || err.Error() != want {
		t.Errorf("a name that is no text: %v, want %s", err, want)
	}
	if diff := tree.snapshot(t).Diff(before); diff != "" {
		t.Errorf("changes\n%s", diff)
	}
}
