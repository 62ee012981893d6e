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
	tree.mark(filepath.Join(tree.Legacy, "other", "marker"))
	undone, err := tree.undo(t, tree.open(t))
	want := "{Back:1 Gone:1 Left:[{Path:users/alice/threads/other Why:something is at its old place}]}"
	if got := fmt.Sprintf("%+v", *undone); err != nil || tree.err != nil || got != want {
		t.Fatalf("%v, %v, %s, want %s", err, tree.err, got, want)
	}

	tree.do(errors.Join(os.RemoveAll(tree.Legacy+"/other"), os.Rename(tree.Root+"/users/alice/threads/other", tree.Legacy+"/other"), os.Rename(aside, tree.Legacy+"/deleted")))
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
}
