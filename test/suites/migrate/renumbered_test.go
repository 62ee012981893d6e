package migrate

import (
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"testing"

	"userscope.dev/userscope/migrate"
	"userscope.dev/userscope/migrate/claim"
)

// renumber lets a layer's filesystem have neither handles nor times of birth, and numbers that depend on a mount,
// as many FUSE filesystems have.
func (l *layer) renumber(mount uint64) {
	l.forgets = func(_ claim.Path, info claim.Info) claim.Info {
		name := fnv.New64()
		fmt.Fprintf(name, "%d %d", mount, info.Inode)
		info.Identity, info.Stable = claim.Identity{Inode: name.Sum64()}, false
		return info
	}
}

// Where the numbers of files have changed since apply, undo goes by paths, says so, and comes to what was.
func TestUndoRenumbered(t *testing.T) {
	tree := newTree(t)
	before := tree.snapshot(t)
	applying, undoing := tree.open(t), tree.open(t)
	applying.renumber(1)
	undoing.renumber(2)
	plan, err := tree.apply(t, applying)
	if err != nil {
		t.Fatal(err)
	}
	undone, err := tree.undo(t, undoing)
	if err != nil || len(undone.Left) > 0 || undone.Back == 0 || undone.ByPath != undone.Back {
		t.Fatalf("%v, %+v, of %d", err, undone, len(plan.Items))
	}
	if diff := tree.snapshot(t).Diff(before); diff != "" {
		t.Error(diff)
	}
}

// A run that was cut short before the numbers changed is taken up by the next.
func TestApplyRenumbered(t *testing.T) {
	undisturbed := newTree(t)
	l := undisturbed.open(t)
	l.renumber(1)
	if _, err := undisturbed.apply(t, l); err != nil {
		t.Fatal(err)
	}
	want := undisturbed.snapshot(t).withoutTimes(changedByMigration)
	tree := newTree(t)
	before := tree.snapshot(t)
	dying, next, undoing := tree.open(t), tree.open(t), tree.open(t)
	dying.renumber(1)
	next.renumber(2)
	undoing.renumber(3)
	moves := 0
	dying.before = func(_ int, op string, _ []claim.Path) error {
		if op == "rename" {
			moves++
		}
		if moves > 12 {
			return errDead
		}
		return nil
	}
	if _, err := tree.apply(t, dying); !errors.Is(err, errDead) {
		t.Fatalf("did not die: %v", err)
	}
	if _, err := tree.apply(t, next); err != nil {
		t.Fatal(err)
	}
	if diff := tree.snapshot(t).withoutTimes(changedByMigration).Diff(want); diff != "" {
		t.Error(diff)
	}
	if undone, err := tree.undo(t, undoing); err != nil || len(undone.Left) > 0 {
		t.Fatalf("%v, %+v", err, undone)
	}
	if diff := tree.snapshot(t).withoutTimes(isRoot).Diff(before.withoutTimes(isRoot)); diff != "" {
		t.Error(diff)
	}
}

// Where nothing shows that the numbers have changed, a file with another number and another time of change
// is another file; and a place that is taken is never taken for what was moved away from it.
func TestReplacedWithoutHandles(t *testing.T) {
	for _, test := range []struct {
		name    string
		mount   uint64
		replace string // relative to the tree's directory
		want    migrate.Left
	}{
		{"at its new place", 1, "deer-flow/users/alice/threads/plain", migrate.Left{Path: "users/alice/threads/plain", Why: "is another than was moved here"}},
		{"at its old place", 1, "threads/plain", migrate.Left{Path: "users/alice/threads/plain", Why: "something is at its old place"}},
		{"at its old place, renumbered", 2, "threads/plain", migrate.Left{Path: "users/alice/threads/plain", Why: "something is at its old place"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			tree := small(t)
			tree.old()
			applying, undoing := tree.open(t), tree.open(t)
			applying.renumber(1)
			undoing.renumber(test.mount)
			if _, err := tree.apply(t, applying); err != nil {
				t.Fatal(err)
			}
			place := filepath.Join(tree.Dir, test.replace)
			if _, err := os.Lstat(place); err == nil {
				tree.do(os.Rename(place, filepath.Join(tree.Dir, "aside")))
			}
			tree.mark(filepath.Join(place, "other"))
			undone, err := tree.undo(t, undoing)
			if err != nil || tree.err != nil || len(undone.Left) != 1 || undone.Left[0] != test.want {
				t.Errorf("%v, %v, %+v, want left %v", err, tree.err, undone, test.want)
			}
			tree.checkMarkers(t)
		})
	}
}
