package migrate

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"userscope.dev/userscope/migrate"
	"userscope.dev/userscope/migrate/claim"
)

// What has been put where undo would put something, or has replaced what was moved, undo leaves;
// and it goes on once that is out of the way.
func TestUndoLeaves(t *testing.T) {
	tree := newTree(t)
	before := tree.snapshot(t)
	if _, err := tree.apply(t, tree.open(t)); err != nil {
		t.Fatal(err)
	}
	again := filepath.Join(tree.Legacy, "plain-1")
	replaced, aside := tree.Root+"/users/alice/threads/plain-2", filepath.Join(tree.Root, "aside")
	added := tree.Root + "/users/carol/new"
	tree.mark(filepath.Join(again, "marker"))
	tree.do(os.Rename(replaced, aside))
	tree.mkdir(replaced, 0o755)
	tree.mkdir(added, 0o755)
	undone, err := tree.undo(t, tree.open(t))
	if err != nil || tree.err != nil {
		t.Fatal(err, tree.err)
	}
	want := []migrate.Left{
		{Path: "users/alice/threads/plain-1", Why: "something is at its old place"},
		{Path: "users/alice/threads/plain-2", Why: "is another than was moved here"},
	}
	if fmt.Sprint(undone.Left) != fmt.Sprint(want) {
		t.Errorf("left %v\nwant %v", undone.Left, want)
	}
	tree.checkMarkers(t)

	tree.Markers = tree.Markers[:len(tree.Markers)-1]
	tree.do(os.RemoveAll(again))
	tree.do(os.Remove(replaced))
	tree.do(os.Rename(aside, replaced))
	undone, err = tree.undo(t, tree.open(t))
	want = []migrate.Left{{Path: "users/carol", Why: "was made for what has moved, and holds something else now"}}
	if err != nil || tree.err != nil || fmt.Sprint(undone.Left) != fmt.Sprint(want) {
		t.Errorf("%v, left %v\nwant %v", err, undone.Left, want)
	}
	tree.do(os.Remove(added))
	if undone, err = tree.undo(t, tree.open(t)); err != nil || len(undone.Left) > 0 {
		t.Errorf("%v, left %v", err, undone.Left)
	}
	if diff := tree.snapshot(t).Diff(before); diff != "" {
		t.Error(diff)
	}
}

// What is not there may only have another name, or its user has. Undo keeps the journal until somebody
// says that it is gone.
func TestUndoOfWhatIsGone(t *testing.T) {
	for _, dir := range []string{"users", "users/alice", "users/alice/threads", "users/alice/threads/plain"} {
		t.Run(dir, func(t *testing.T) {
			tree := small(t)
			tree.thread("bobs", "bob")
			tree.old()
			before := tree.snapshot(t)
			if _, err := tree.apply(t, tree.open(t)); err != nil {
				t.Fatal(err)
			}
			name, aside := filepath.Join(tree.Root, dir), filepath.Join(tree.Root, "aside")
			tree.do(os.Rename(name, aside))
			want := []migrate.Left{{Path: "users/alice/threads/plain", Why: `is gone, and not at its old place "../threads/plain" either: bring it back, or give it up with --forget-gone`}}
			if dir == "users" {
				bobs := migrate.Left{Path: "users/bob/threads/bobs", Why: strings.Replace(want[0].Why, "plain", "bobs", 1)}
				want = append(want, bobs)
			}
			for range 2 {
				undone, err := tree.undo(t, tree.open(t))
				if err != nil || tree.err != nil || undone.Gone != len(want) || fmt.Sprint(undone.Left) != fmt.Sprint(want) {
					t.Fatalf("%v, %v, %+v\nwant %v", err, tree.err, undone, want)
				}
			}
			tree.checkMarkers(t)
			tree.do(os.Rename(aside, name))
			if undone, err := tree.undo(t, tree.open(t)); err != nil || tree.err != nil || undone.Gone > 0 || len(undone.Left) > 0 {
				t.Errorf("%v, %v, %+v", err, tree.err, undone)
			}
			if diff := tree.snapshot(t).Diff(before); diff != "" {
				t.Error(diff)
			}
		})
	}
	tree := small(t)
	if _, err := tree.apply(t, tree.open(t)); err != nil {
		t.Fatal(err)
	}
	tree.do(os.RemoveAll(tree.Root + "/users/alice/threads/plain"))
	undone, err := migrate.Undo(t.Context(), tree.open(t), migrate.UndoOptions{ForgetGone: true}, noProgress)
	if err != nil || tree.err != nil || undone.Gone != 1 || len(undone.Left) > 0 {
		t.Errorf("%v, %v, %+v", err, tree.err, undone)
	}
	if _, err := os.Lstat(tree.file("")); !os.IsNotExist(err) {
		t.Errorf("the journal's directory is still there: %v", err)
	}
}

// Undo keeps the journal until its directory can go, too, and says what keeps that there.
func TestUndoOfWhatLiesBesideTheJournal(t *testing.T) {
	tree := small(t)
	before := tree.snapshot(t)
	if _, err := tree.apply(t, tree.open(t)); err != nil {
		t.Fatal(err)
	}
	tree.mark(tree.file("notes"))
	want := []migrate.Left{{Path: stateDir + "/notes", Why: "is not the migration's, and would keep its directory: move it away"}}
	for back := range []int{1, 0} {
		undone, err := tree.undo(t, tree.open(t))
		if err != nil || undone.Back != 1-back || fmt.Sprint(undone.Left) != fmt.Sprint(want) {
			t.Errorf("%v, %+v, want left %v", err, undone, want)
		}
		if _, err := os.Lstat(tree.file("journal")); err != nil {
			t.Error(err)
		}
		tree.checkMarkers(t)
	}
	tree.do(errors.Join(os.Remove(tree.file("notes")), os.Mkdir(tree.file("journal.new"), 0o700)))
	if _, err := tree.undo(t, tree.open(t)); !errors.Is(err, syscall.EISDIR) {
		t.Errorf("%v, want %v", err, syscall.EISDIR)
	}
	if _, err := os.Lstat(tree.file("journal")); err != nil {
		t.Error(err)
	}
	tree.do(os.Remove(tree.file("journal.new")))
	if undone, err := tree.undo(t, tree.open(t)); err != nil || tree.err != nil || len(undone.Left) > 0 {
		t.Errorf("%v, %v, %+v", err, tree.err, undone)
	}
	if diff := tree.snapshot(t).Diff(before); diff != "" {
		t.Error(diff)
	}
}

// What the filesystem refuses of one file alone, undo lists; it ends well once that is no longer refused.
func TestUndoRefused(t *testing.T) {
	for _, test := range []struct {
		died string // the call before which apply died
		fault
	}{
		{"renameOnto", fault{name: "to free a place", op: "rmdir", below: "users/alice/threads/plain", err: syscall.EBUSY, lacks: true}},
		{"unlink", fault{name: "to take a second name away", op: "unlink", below: "users/erin/USER.md", err: syscall.EPERM, lacks: true}},
		{"unlock", fault{name: "to set a time", op: "setModTime", below: "users/alice", err: syscall.EPERM}},
	} {
		t.Run(test.name, func(t *testing.T) {
			tree := small(t)
			tree.mark(tree.Root + "/USER.md")
			tree.mark(tree.Root + "/users/alice/marker")
			tree.old()
			before := tree.snapshot(t)
			dying, refused := tree.open(t), tree.open(t)
			dying.lacksNoReplace, refused.lacksNoReplace = test.lacks, test.lacks
			dying.before = func(_ int, op string, paths []claim.Path) error {
				if op == test.died && (op == "unlock" || !strings.HasPrefix(paths[0].Name, stateDir)) {
					dying.before = func(int, string, []claim.Path) error { return errDead }
					return errDead
				}
				return nil
			}
			if _, err := tree.apply(t, dying); !errors.Is(err, errDead) {
				t.Fatalf("did not die: %v", err)
			}
			refused.before = test.hook()
			undone, err := tree.undo(t, refused)
			if err != nil || len(undone.Left) != 1 || undone.Left[0].Path != test.below || !strings.HasSuffix(undone.Left[0].Why, test.err.Error()) {
				t.Errorf("%v, %+v, want left %s", err, undone, test.below)
			}
			tree.checkMarkers(t)
			again := tree.open(t)
			again.lacksNoReplace = test.lacks
			if undone, err := tree.undo(t, again); err != nil || tree.err != nil || len(undone.Left) > 0 {
				t.Errorf("%v, %v, %+v", err, tree.err, undone)
			}
			if diff := tree.snapshot(t).Diff(before); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A directory that somebody else makes before apply can is theirs, empty as it may be: it keeps its
// mode, and undo leaves it.
func TestUndoOfWhatOthersMade(t *testing.T) {
	for _, cut := range []bool{false, true} {
		t.Run(fmt.Sprintf("cut short %t", cut), func(t *testing.T) {
			tree := small(t)
			others := tree.userDir("alice")
			tree.old()
			l := tree.open(t)
			if cut {
				l.dieBeforeEnd()
			}
			var before Snapshot
			end := l.before
			l.before = func(n int, op string, paths []claim.Path) error {
				if op == "mkdir" && paths[0].Name == "users/alice" {
					tree.mkdir(others, 0o700)
					tree.do(os.Chtimes(others, then, then))
					before = tree.snapshot(t)
				}
				if end == nil {
					return nil
				}
				return end(n, op, paths)
			}
			if _, err := tree.apply(t, l); cut != errors.Is(err, errDead) || !cut && err != nil {
				t.Fatal(err)
			}
			if _, err := tree.apply(t, tree.open(t)); err != nil || tree.err != nil {
				t.Fatal(err, tree.err)
			}
			if info, err := os.Lstat(others); err != nil || info.Mode().Perm() != 0o700 {
				t.Errorf("%v, %v", info, err)
			}
			if undone, err := tree.undo(t, tree.open(t)); err != nil || undone.Back != 1 || len(undone.Left) > 0 {
				t.Errorf("%v, %+v", err, undone)
			}
			changed := func(name string) bool { return isRoot(name) || name == "deer-flow/users" } // by the others
			if diff := tree.snapshot(t).withoutTimes(changed).Diff(before.withoutTimes(changed)); diff != "" {
				t.Error(diff)
			}
		})
	}
	t.Run("and removed", func(t *testing.T) { // so that the next run makes it
		tree := small(t)
		others := tree.userDir("alice")
		tree.old()
		before := tree.snapshot(t)
		l := tree.open(t)
		l.before = func(_ int, op string, paths []claim.Path) error {
			switch {
			case op == "mkdir" && paths[0].Name == "users/alice":
				tree.mkdir(others, 0o700)
			case op == "rename" || op == "unlock":
				return errDead
			}
			return nil
		}
		if _, err := tree.apply(t, l); !errors.Is(err, errDead) {
			t.Fatalf("did not die: %v", err)
		}
		tree.do(os.RemoveAll(others))
		if _, err := tree.apply(t, tree.open(t)); err != nil || tree.err != nil {
			t.Fatal(err, tree.err)
		}
		if undone, err := tree.undo(t, tree.open(t)); err != nil || undone.Back != 1 || len(undone.Left) > 0 {
			t.Errorf("%v, %+v", err, undone)
		}
		if diff := tree.snapshot(t).Diff(before); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("a file", func(t *testing.T) {
		tree := small(t)
		others := tree.userDir("alice")
		l := tree.open(t)
		l.before = func(_ int, op string, paths []claim.Path) error {
			if op == "mkdir" && paths[0].Name == "users/alice" {
				tree.mark(others)
			}
			return nil
		}
		plan, err := tree.apply(t, l)
		if err != nil || tree.err != nil {
			t.Fatal(err, tree.err)
		}
		equalLines(t, describePlan(plan), []string{`conflict "../threads/plain" users/alice/threads/plain something is there since it was planned`})
		tree.checkMarkers(t)
	})
}

// Undo counts and lists a thread once, however many runs were to move it, and wherever; and what has
// taken the place of a directory that apply made, it leaves.
func TestUndoOfSeveralRuns(t *testing.T) {
	tree := small(t)
	tree.thread("other", "alice")
	tree.thread("deleted", "alice")
	tree.old()
	before := tree.snapshot(t)
	dying := tree.open(t)
	dying.before = func(_ int, op string, _ []claim.Path) error {
		if op == "rename" || op == "unlock" {
			return errDead
		}
		return nil
	}
	if _, err := tree.apply(t, dying); !errors.Is(err, errDead) {
		t.Fatalf("did not die: %v", err)
	}
	tree.Owners["plain"] = "bob"
	if _, err := tree.apply(t, tree.open(t)); err != nil {
		t.Fatal(err)
	}
	deleted, aside := tree.Root+"/users/alice/threads/deleted", filepath.Join(tree.Legacy, "aside")
	tree.do(os.Rename(deleted, aside))
	for _, name := range []string{"other", "plain"} {
		tree.mark(filepath.Join(tree.Legacy, name, "marker"))
	}
	undone, err := tree.undo(t, tree.open(t))
	want := `{Back:0 Gone:1 Left:[{Path:users/alice/threads/deleted Why:is gone, and not at its old place "../threads/deleted" either: bring it back, or give it up with --forget-gone} ` +
		`{Path:users/alice/threads/other Why:something is at its old place} {Path:users/bob/threads/plain Why:something is at its old place}] ByPath:0 NoJournal:false}`
	if got := fmt.Sprintf("%+v", *undone); err != nil || tree.err != nil || got != want {
		t.Fatalf("%v, %v, %s, want %s", err, tree.err, got, want)
	}

	for name, now := range map[string]string{"other": tree.Root + "/users/alice/threads/other", "plain": tree.Root + "/users/bob/threads/plain", "deleted": aside} {
		tree.do(errors.Join(os.RemoveAll(filepath.Join(tree.Legacy, name)), os.Rename(now, filepath.Join(tree.Legacy, name))))
	}
	tree.do(errors.Join(os.RemoveAll(tree.Root+"/users/bob"), os.WriteFile(tree.Root+"/users/bob", nil, 0o600)))
	undone, err = tree.undo(t, tree.open(t))
	if err != nil || tree.err != nil || undone.Gone != 0 || len(undone.Left) != 3 || undone.Left[0].Path != "users/bob/threads" || undone.Left[1].Path != "users/bob" ||
		!strings.HasSuffix(undone.Left[1].Why, "users/bob: not a directory") {
		t.Fatalf("%v, %v, %+v", err, tree.err, undone)
	}
	tree.do(os.Remove(tree.Root + "/users/bob"))
	if undone, err = tree.undo(t, tree.open(t)); err != nil || tree.err != nil || len(undone.Left) > 0 {
		t.Fatalf("%v, %v, %+v", err, tree.err, undone)
	}
	if diff := tree.snapshot(t).withoutTimes(isRoot).Diff(before.withoutTimes(isRoot)); diff != "" {
		t.Error(diff)
	}
}

// parked is a tree of which one run has moved what it could and parked the rest, in a directory that
// may have been there before, and of which another run, over that directory, is to move this.
func parked(t *testing.T, there bool) (first, second *Tree, before Snapshot) {
	t.Helper()
	first = small(t)
	first.thread("taken", "bob")
	for _, name := range []string{"users/bob/threads/taken/marker", "agents/taken/config.yaml", "users/erin/agents/taken/config.yaml"} {
		first.mark(filepath.Join(first.Root, name))
	}
	if there {
		first.mark(first.Root + "/migration-conflicts/other/marker")
	}
	first.old()
	before = first.snapshot(t)
	if _, err := first.apply(t, first.open(t)); err != nil || first.err != nil {
		t.Fatal(err, first.err)
	}
	again := *first
	again.Legacy = first.Root + "/migration-conflicts"
	again.Owners = map[string]string{"taken": "carol", "agents": "carol"} // which apply made
	return first, &again, before
}

// Undo takes back the last run first: what one run has parked, another may have moved on from there.
// So it is wherever that run, or the undo, was cut short.
func TestUndoOfWhatWasParked(t *testing.T) {
	for _, there := range []bool{false, true} {
		for _, lacks := range []bool{false, true} {
			t.Run(fmt.Sprintf("there %t, lacks %t", there, lacks), func(t *testing.T) {
				open := func(tree *Tree) *layer {
					l := tree.open(t)
					l.lacksNoReplace = lacks
					return l
				}
				undo := func(t *testing.T, tree *Tree, before Snapshot) {
					t.Helper()
					tree.checkMarkers(t)
					if undone, err := tree.undo(t, open(tree)); err != nil || undone.Gone > 0 || len(undone.Left) > 0 {
						t.Fatalf("%v, %+v", err, undone)
					}
					if diff := tree.snapshot(t).withoutTimes(isRoot).Diff(before.withoutTimes(isRoot)); diff != "" {
						t.Error(diff)
					}
				}
				first, second, before := parked(t, there)
				applying := open(second)
				if _, err := second.apply(t, applying); err != nil {
					t.Fatal(err)
				}
				for _, moved := range []string{"taken", "agents/taken"} {
					if _, err := os.Lstat(first.Root + "/users/carol/threads/" + moved); err != nil {
						t.Error(err)
					}
				}
				undoing := open(first)
				if undone, err := first.undo(t, undoing); err != nil || undone.Gone > 0 || len(undone.Left) > 0 || undone.Back != 5 {
					t.Fatalf("%v, %+v", err, undone)
				}
				if diff := first.snapshot(t).Diff(before); diff != "" {
					t.Error(diff)
				}
				deaths(t, applying.ops, func(t *testing.T, die func(*layer), _ bool) {
					first, second, before := parked(t, there)
					dying := open(second)
					die(dying)
					if _, err := second.apply(t, dying); !errors.Is(err, errDead) {
						t.Fatalf("did not die: %v", err)
					}
					undo(t, first, before)
				})
				deaths(t, undoing.ops, func(t *testing.T, die func(*layer), _ bool) {
					first, second, before := parked(t, there)
					if _, err := second.apply(t, open(second)); err != nil {
						t.Fatal(err)
					}
					dying := open(first)
					die(dying)
					if _, err := first.undo(t, dying); !errors.Is(err, errDead) {
						t.Fatalf("did not die: %v", err)
					}
					if _, err := os.Lstat(first.file("")); !os.IsNotExist(err) {
						undo(t, first, before)
					}
				})
			})
		}
	}
}

// A directory that a later run made where an earlier one had moved such a one on does not keep that from
// coming back.
func TestUndoOfWhatWasMadeAgain(t *testing.T) {
	for _, lacks := range []bool{false, true} {
		t.Run(fmt.Sprintf("lacks %t", lacks), func(t *testing.T) {
			first, second, _ := parked(t, false)
			open := func(tree *Tree) *layer {
				l := tree.open(t)
				l.lacksNoReplace = lacks
				return l
			}
			if _, err := second.apply(t, open(second)); err != nil {
				t.Fatal(err)
			}
			for _, name := range []string{"agents/writer/config.yaml", "users/erin/agents/writer/config.yaml"} {
				first.mark(filepath.Join(first.Root, name))
			}
			if _, err := first.apply(t, open(first)); err != nil || first.err != nil {
				t.Fatal(err, first.err)
			}
			if _, err := os.Lstat(first.Root + "/migration-conflicts/agents/writer"); err != nil {
				t.Fatal(err)
			}
			if undone, err := first.undo(t, open(first)); err != nil || undone.Back != 6 || len(undone.Left) > 0 {
				t.Errorf("%v, %+v", err, undone)
			}
			first.checkMarkers(t)
			for _, made := range []string{"migration-conflicts", "users/carol", stateDir} {
				if _, err := os.Lstat(filepath.Join(first.Root, made)); !os.IsNotExist(err) {
					t.Errorf("%s is still there: %v", made, err)
				}
			}
		})
	}
}

// Undo takes back what an apply has done that was cut short, wherever, and never taken up.
func TestUndoOfCrash(t *testing.T) {
	for name, lacks := range map[string]bool{"atomic": false, "without RENAME_NOREPLACE": true} {
		t.Run(name, func(t *testing.T) {
			undisturbed := small(t)
			l := undisturbed.open(t)
			l.lacksNoReplace = lacks
			if _, err := undisturbed.apply(t, l); err != nil {
				t.Fatal(err)
			}
			deaths(t, l.ops, func(t *testing.T, die func(*layer), power bool) {
				tree := small(t)
				before := tree.snapshot(t).withoutTimes(isRoot)
				dying, undoing := tree.open(t), tree.open(t)
				dying.lacksNoReplace, undoing.lacksNoReplace = lacks, lacks
				die(dying)
				if _, err := tree.apply(t, dying); !errors.Is(err, errDead) {
					t.Fatalf("did not die: %v", err)
				}
				if power {
					tree.loseUnsynced(t, dying)
				}
				if _, err := os.Lstat(tree.file("")); !os.IsNotExist(err) {
					if undone, err := tree.undo(t, undoing); err != nil || undone.Gone > 0 || len(undone.Left) > 0 {
						t.Errorf("%v, %+v", err, undone)
					}
				}
				if diff := tree.snapshot(t).withoutTimes(isRoot).Diff(before); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

// An undo that the disk does not confirm keeps the journal.
func TestUndoUnsynced(t *testing.T) {
	tree := newTree(t)
	before := tree.snapshot(t)
	if _, err := tree.apply(t, tree.open(t)); err != nil {
		t.Fatal(err)
	}
	l := tree.open(t)
	l.before = func(_ int, op string, _ []claim.Path) error {
		if op == "sync" {
			return syscall.EIO
		}
		return nil
	}
	if _, err := tree.undo(t, l); !errors.Is(err, syscall.EIO) {
		t.Errorf("%v, want %v", err, syscall.EIO)
	}
	if _, err := os.Lstat(tree.file("journal")); err != nil {
		t.Error(err)
	}
	if undone, err := tree.undo(t, tree.open(t)); err != nil || len(undone.Left) > 0 {
		t.Errorf("%v, %+v", err, undone)
	}
	if diff := tree.snapshot(t).Diff(before); diff != "" {
		t.Error(diff)
	}
}

// Who removes the old tree once it is empty is told what undo needs.
func TestUndoWithoutOldTree(t *testing.T) {
	tree := small(t)
	if _, err := tree.apply(t, tree.open(t)); err != nil {
		t.Fatal(err)
	}
	l := tree.open(t)
	tree.do(os.Remove(tree.Legacy))
	want := "line 2: the old tree ../threads is gone: make its directory again, and run this again: "
	if _, err := tree.undo(t, l); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want %s", err, want)
	}
	tree.mkdir(tree.Legacy, 0o755)
	if undone, err := tree.undo(t, tree.open(t)); err != nil || tree.err != nil || undone.Back != 1 {
		t.Errorf("%v, %v, %+v", err, tree.err, undone)
	}
	tree.checkMarkers(t)

	// It need not be one that apply found.
	first, second, before := parked(t, false)
	if _, err := second.apply(t, second.open(t)); err != nil {
		t.Fatal(err)
	}
	first.do(os.Remove(second.Legacy))
	want = "line 7: after 0 of 5 moves: the old tree migration-conflicts is gone: make its directory again, and run this again"
	if undone, err := first.undo(t, first.open(t)); err == nil || !strings.Contains(err.Error(), want) || undone.Back != 0 {
		t.Errorf("%v, %+v, want %s", err, undone, want)
	}
	first.checkMarkers(t)
	first.mkdir(second.Legacy, 0o755)
	if undone, err := first.undo(t, first.open(t)); err != nil || first.err != nil || undone.Back != 5 || len(undone.Left) > 0 {
		t.Errorf("%v, %v, %+v", err, first.err, undone)
	}
	if diff := first.snapshot(t).Diff(before); diff != "" {
		t.Error(diff)
	}
}
