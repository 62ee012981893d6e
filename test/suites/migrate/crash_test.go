package migrate

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"userscope.dev/userscope/migrate"
	"userscope.dev/userscope/migrate/claim"
)

func newTree(tb testing.TB) *Tree {
	tb.Helper()
	tree, err := NewTree(tempDir(tb))
	if err != nil {
		tb.Fatal(err)
	}
	return tree
}

// tempDir makes a directory in memory, if files there have extended attributes: hundreds of trees
// take minutes on a disk.
func tempDir(tb testing.TB) string {
	tb.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "userscope-migrate-") //nolint:usetesting // its own is on a disk
	if err != nil || unix.Setxattr(dir, "user.of", []byte("a test"), 0) != nil {
		dir = tb.TempDir()
	}
	tb.Cleanup(func() {
		_ = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, _ error) error {
			if entry != nil && entry.IsDir() {
				_ = os.Chmod(path, 0o700) //nolint:gosec // it is a directory
			}
			return nil
		})
		if err := os.RemoveAll(dir); err != nil {
			tb.Error(err)
		}
	})
	return dir
}

func (t *Tree) snapshot(tb testing.TB) Snapshot {
	tb.Helper()
	snapshot, err := Take(t.Dir)
	if err != nil {
		tb.Fatal(err)
	}
	return snapshot
}

// apply migrates a tree behind a layer, in a process of its own.
func (t *Tree) apply(tb testing.TB, l *layer) (*migrate.Plan, error) {
	tb.Helper()
	plan, err := migrate.Apply(tb.Context(), l, t.options(tb), noProgress)
	t.bury(tb, l)
	return plan, err
}

func (t *Tree) undo(tb testing.TB, l *layer) (*migrate.Undone, error) {
	tb.Helper()
	undone, err := migrate.Undo(tb.Context(), l, migrate.UndoOptions{}, noProgress)
	t.bury(tb, l)
	return undone, err
}

// checkMarkers fails if a file with a marker is not there, or is there twice: links that are made
// before the old name goes, where renames can replace, are one file.
func (t *Tree) checkMarkers(tb testing.TB) {
	tb.Helper()
	found := map[string]os.FileInfo{}
	err := filepath.WalkDir(t.Dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		info, err := entry.Info()
		if err != nil || info.Size() > 100 {
			return err
		}
		content, err := os.ReadFile(path) //nolint:gosec // nobody else changes the tree
		if before := found[string(content)]; before != nil && strings.HasPrefix(string(content), "marker") && !os.SameFile(before, info) {
			tb.Errorf("%s: %s is there twice", path, content)
		}
		found[string(content)] = info
		return err
	})
	if err != nil {
		tb.Error(err)
	}
	for _, marker := range t.Markers {
		if found[marker] == nil {
			tb.Errorf("%s is lost", marker)
		}
	}
}

// every tries all calls: go test ./suites/migrate -every
var every = flag.Bool("every", false, "die before and after every call, not only where that leaves a tree of its own")

// deaths calls a test for each way to die: before and after each of some calls, within a write, of
// which half is written, and with the power, when what was written and not synced is forgotten.
//
// What only looks leaves the tree as it was, and a death after a call leaves the tree that one
// before the next call does. Each such tree is tried once, unless every call is asked for.
func deaths(t *testing.T, ops []string, test func(t *testing.T, die func(*layer), power bool)) {
	try := func(way string, at int, after, tears, power bool) {
		t.Run(fmt.Sprintf("%s %d %s", way, at, ops[at]), func(t *testing.T) {
			test(t, func(l *layer) { l.tears = tears; l.die(at, after) }, power)
		})
	}
	for at, op := range ops {
		looks := slices.Contains([]string{"lstat", "firstLink", "locked", "project", "list", "read", "useLegacy"}, op)
		if !looks || *every {
			try("before", at, false, false, false)
		}
		if *every || at == len(ops)-1 {
			try("after", at, true, false, false)
		}
		if op == "write" {
			try("within", at, false, true, false)
		}
		if op == "write" || op == "rename" || op == "mkdir" {
			try("with the power after", at, true, false, true)
		}
	}
}

// A process that dies before or after any of its calls, or the machine with it, loses nothing: the
// next one comes to what an undisturbed one comes to, and undo back to what was.
func TestCrash(t *testing.T) {
	for name, lacks := range map[string]bool{"atomic": false, "without RENAME_NOREPLACE": true} {
		t.Run(name, func(t *testing.T) {
			undisturbed := newTree(t)
			l := undisturbed.open(t)
			l.lacksNoReplace = lacks
			if _, err := undisturbed.apply(t, l); err != nil {
				t.Fatal(err)
			}
			want := undisturbed.snapshot(t).withoutTimes(changedByMigration)
			deaths(t, l.ops, func(t *testing.T, die func(*layer), power bool) {
				testCrash(t, want, die, power, lacks)
			})
		})
	}
}

func testCrash(t *testing.T, want Snapshot, die func(*layer), power, lacks bool) {
	tree := newTree(t)
	before := tree.snapshot(t)
	dying := tree.open(t)
	dying.lacksNoReplace = lacks
	die(dying)
	if _, err := tree.apply(t, dying); !errors.Is(err, errDead) {
		t.Fatalf("did not die: %v", err)
	}
	if power {
		tree.loseUnsynced(t, dying)
	}
	tree.checkMarkers(t)

	again := tree.open(t)
	again.lacksNoReplace = lacks
	if _, err := tree.apply(t, again); err != nil {
		t.Fatalf("the next run fails: %v", err)
	}
	tree.checkMarkers(t)
	if diff := tree.snapshot(t).withoutTimes(changedByMigration).Diff(want); diff != "" {
		t.Errorf("the next run does not come to what an undisturbed one does:\n%s", diff)
	}
	undoing := tree.open(t)
	undoing.lacksNoReplace = lacks
	if undone, err := tree.undo(t, undoing); err != nil || len(undone.Left) > 0 {
		t.Fatalf("undo fails: %v, left %v", err, undone)
	}
	// A run that died when it had just begun leaves the root with a time that it did not note.
	if diff := tree.snapshot(t).withoutTimes(isRoot).Diff(before.withoutTimes(isRoot)); diff != "" {
		t.Errorf("undo does not come to what was:\n%s", diff)
	}
}

func isRoot(name string) bool { return name == "deer-flow" }

// So it is with an undo.
func TestCrashOfUndo(t *testing.T) {
	for name, lacks := range map[string]bool{"atomic": false, "without RENAME_NOREPLACE": true} {
		t.Run(name, func(t *testing.T) {
			undisturbed := newTree(t)
			applying, l := undisturbed.open(t), undisturbed.open(t)
			applying.lacksNoReplace, l.lacksNoReplace = lacks, lacks
			if _, err := undisturbed.apply(t, applying); err != nil {
				t.Fatal(err)
			}
			if _, err := undisturbed.undo(t, l); err != nil {
				t.Fatal(err)
			}
			deaths(t, l.ops, func(t *testing.T, die func(*layer), _ bool) {
				testCrashOfUndo(t, die, lacks)
			})
		})
	}
}

func testCrashOfUndo(t *testing.T, die func(*layer), lacks bool) {
	tree := newTree(t)
	before := tree.snapshot(t).withoutTimes(isRoot)
	applying, dying := tree.open(t), tree.open(t)
	applying.lacksNoReplace, dying.lacksNoReplace = lacks, lacks
	if _, err := tree.apply(t, applying); err != nil {
		t.Fatal(err)
	}
	die(dying)
	if _, err := tree.undo(t, dying); !errors.Is(err, errDead) {
		t.Fatalf("did not die: %v", err)
	}
	tree.checkMarkers(t)
	again := tree.open(t)
	again.lacksNoReplace = lacks
	_, err := os.Lstat(filepath.Join(tree.Root, stateDir))
	if undone, failed := tree.undo(t, again); err == nil && (failed != nil || len(undone.Left) > 0) {
		t.Fatalf("the next undo fails: %v, left %v", failed, undone)
	}
	if diff := tree.snapshot(t).withoutTimes(isRoot).Diff(before); diff != "" {
		t.Errorf("undo does not come to what was:\n%s", diff)
	}
}

// Undo leaves nothing of a migration, not even a time; and what has been applied once has been
// applied.
func TestApplyAndUndo(t *testing.T) {
	tree := newTree(t)
	before := tree.snapshot(t)
	plan, err := migrate.NewPlan(t.Context(), tree.open(t), tree.options(t))
	if err != nil {
		t.Fatal(err)
	}
	if diff := tree.snapshot(t).Diff(before); diff != "" {
		t.Errorf("plan changes\n%s", diff)
	}
	if n := plan.Count(migrate.Status.Pending); n < 20 {
		t.Errorf("only %d would move", n)
	}
	if _, err := tree.apply(t, tree.open(t)); err != nil {
		t.Fatal(err)
	}
	once, state := tree.snapshot(t), tree.state(t)
	if _, err := tree.apply(t, tree.open(t)); err != nil {
		t.Fatal(err)
	}
	if diff := tree.snapshot(t).Diff(once) + tree.state(t).Diff(state); diff != "" {
		t.Errorf("a second apply changes\n%s", diff)
	}
	if undone, err := tree.undo(t, tree.open(t)); err != nil || len(undone.Left) > 0 || undone.Back != plan.Count(migrate.Status.Pending) {
		t.Fatalf("%v, %+v", err, undone)
	}
	if diff := tree.snapshot(t).Diff(before); diff != "" {
		t.Errorf("apply and undo change\n%s", diff)
	}
	if _, err := os.Lstat(filepath.Join(tree.Root, stateDir)); !os.IsNotExist(err) {
		t.Errorf("the journal's directory is still there: %v", err)
	}
}

// state is a snapshot of the migration's own directory.
func (t *Tree) state(tb testing.TB) Snapshot {
	tb.Helper()
	snapshot, err := Take(filepath.Join(t.Root, stateDir))
	if err != nil {
		tb.Fatal(err)
	}
	return snapshot
}

// New directories are for whoever may make some in the old ones: owner, group and mode are those of
// the directory that they are made in.
func TestNewDirectories(t *testing.T) {
	tree := small(t)
	for _, mode := range []uint32{0o2775, 0o1777, 0o700} {
		tree.do(unix.Chmod(tree.Root, mode))
		uid, gid := os.Geteuid(), os.Getegid()
		if uid == 0 {
			uid, gid = 1000, 1001
			tree.do(unix.Lchown(tree.Root, 1000, 1001))
		}
		if _, err := tree.apply(t, tree.open(t)); err != nil || tree.err != nil {
			t.Fatal(err, tree.err)
		}
		for _, dir := range []string{"users", "users/alice", "users/alice/threads"} {
			var s unix.Stat_t
			if err := unix.Lstat(filepath.Join(tree.Root, dir), &s); err != nil {
				t.Fatal(err)
			}
			if int(s.Uid) != uid || int(s.Gid) != gid || s.Mode&0o7777 != mode {
				t.Errorf("%s is %d:%d %o, want %d:%d %o", dir, s.Uid, s.Gid, s.Mode&0o7777, uid, gid, mode)
			}
		}
		if _, err := tree.undo(t, tree.open(t)); err != nil {
			t.Fatal(err)
		}
	}
}

// What is made at an old place after a run died is another's, and is not taken for what has moved.
func TestNewFileAfterCrash(t *testing.T) {
	for _, lacks := range []bool{false, true} {
		tree := newTree(t)
		dying := tree.open(t)
		dying.lacksNoReplace = lacks
		dying.dieBeforeEnd()
		if _, err := tree.apply(t, dying); !errors.Is(err, errDead) {
			t.Fatalf("did not die: %v", err)
		}
		tree.mark(filepath.Join(tree.Root, "memory.json"))
		tree.mark(filepath.Join(tree.Legacy, "plain-1", "marker"))
		plan, err := tree.apply(t, tree.open(t))
		if err != nil || tree.err != nil {
			t.Fatal(err, tree.err)
		}
		tree.checkMarkers(t)
		if n := plan.Count(func(s migrate.Status) bool { return s == migrate.Parked }); n != 2 {
			t.Errorf("%d are parked, want 2", n)
		}
	}
}

// What has come in the way since a run was cut short is reported as ever, and keeps no other thread.
func TestLinkAfterCrash(t *testing.T) {
	for _, lacks := range []bool{false, true} {
		t.Run(fmt.Sprintf("lacks %t", lacks), func(t *testing.T) {
			tree := small(t)
			tree.thread("bobs", "bob")
			tree.thread("moved", "_")
			dying, next := tree.open(t), tree.open(t)
			dying.lacksNoReplace, next.lacksNoReplace = lacks, lacks
			dying.before = func(_ int, op string, paths []claim.Path) error {
				if (op == "rename" || op == "mkdir") && paths[len(paths)-1].Name == "users/alice/threads/plain" {
					dying.before = func(int, string, []claim.Path) error { return errDead }
					return errDead
				}
				return nil
			}
			if _, err := tree.apply(t, dying); !errors.Is(err, errDead) {
				t.Fatalf("did not die: %v", err)
			}
			tree.do(errors.Join(os.RemoveAll(tree.Root+"/users/alice"), os.Symlink("bob", tree.Root+"/users/alice")))
			plan, err := tree.apply(t, next)
			if err != nil || tree.err != nil {
				t.Fatal(err, tree.err)
			}
			equalLines(t, describePlan(plan), []string{
				`link "../threads/plain" users/alice/threads/plain users/alice is a symbolic link where a directory must be`,
				`moved "../threads/bobs" users/bob/threads/bobs`,
			})
			tree.checkMarkers(t)
		})
	}
}
