package migrate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"userscope.dev/userscope/migrate"
	"userscope.dev/userscope/migrate/claim"
)

// fault is what a filesystem refuses.
type fault struct {
	name  string
	op    string
	below string // the beginning of the name of the last path of the call
	nth   int    // of such calls; all from then on are refused
	err   syscall.Errno

	wantErr string
	failed  int  // items that could not be moved
	lacks   bool // RENAME_NOREPLACE
}

// Whatever the filesystem refuses half-way is said, nothing is lost, the rest moves where only one
// file is concerned, and the next run takes it up.
func TestFaults(t *testing.T) {
	undisturbed := newTree(t)
	if _, err := undisturbed.apply(t, undisturbed.open(t)); err != nil {
		t.Fatal(err)
	}
	want := undisturbed.snapshot(t).withoutTimes(changedByMigration)
	for _, f := range []fault{
		{name: "full, in the state's directory", op: "mkdir", below: stateDir, err: syscall.ENOSPC, wantErr: stateDir + ": no space left on device"},
		{name: "full, in the journal's inode", op: "append", err: syscall.ENOSPC, wantErr: "journal.new: no space left on device"},
		{name: "full, in the journal's header", op: "write", err: syscall.ENOSPC, wantErr: "no space left on device"},
		{name: "full, in the journal's batch", op: "write", nth: 1, err: syscall.ENOSPC, wantErr: "no space left on device"},
		{name: "full, in the journal's word that it begins", op: "write", nth: 2, err: syscall.ENOSPC, wantErr: "no space left on device"},
		{name: "full, in the journal's end", op: "write", nth: 3, err: syscall.ENOSPC, wantErr: "no space left on device"},
		{name: "full, in mkdir", op: "mkdir", below: "users/bob", err: syscall.ENOSPC, wantErr: "before the first of "},
		{name: "full, in rename", op: "rename", nth: 5, err: syscall.ENOSPC, wantErr: "after 5 of "},
		{name: "over quota, in rename", op: "rename", nth: 7, err: syscall.EDQUOT, wantErr: "disk quota exceeded"},
		{name: "read-only", op: "mkdir", err: syscall.EROFS, wantErr: "read-only file system"},
		{name: "read-only half-way", op: "rename", nth: 3, err: syscall.EROFS, wantErr: "read-only file system"},
		{name: "broken, in fsync", op: "fsync", nth: 1, err: syscall.EIO, wantErr: "input/output error"},
		{name: "broken, in the last sync", op: "sync", err: syscall.EIO, wantErr: "input/output error"},
		{name: "broken, in lstat", op: "lstat", nth: 60, err: syscall.EIO, wantErr: "input/output error"},
		{name: "forbidden, the thread", op: "rename", below: "users/bob/threads/deep", err: syscall.EACCES, failed: 1},
		{name: "forbidden, the rest", op: "rename", nth: 4, err: syscall.EPERM, failed: 16},
		{name: "forbidden, a user's directory", op: "mkdir", below: "users/bob", err: syscall.EACCES, failed: 4},
		{name: "forbidden, the owner of a user's directory", op: "chmod", below: "users/bob/threads", err: syscall.EPERM, failed: 4},
		{name: "another filesystem", op: "rename", below: "users/alice/threads/plain-1", err: syscall.EXDEV, failed: 1},
		{name: "forbidden, without RENAME_NOREPLACE", op: "renameOnto", below: "users/bob/threads/deep", err: syscall.EACCES, failed: 1, lacks: true},
		{name: "forbidden, a file's old name, without RENAME_NOREPLACE", op: "unlink", below: "memory.json", err: syscall.EPERM, failed: 1, lacks: true},
		{name: "full, without RENAME_NOREPLACE", op: "renameOnto", nth: 4, err: syscall.ENOSPC, wantErr: "no space left on device", lacks: true},
		{name: "full, in the reservation", op: "mkdir", below: "users/bob/threads/deep", err: syscall.ENOSPC, wantErr: "no space left on device", lacks: true},
		{name: "a mount point", op: "rename", below: "users/alice/threads/plain-1", err: syscall.EBUSY, failed: 1},
	} {
		t.Run(f.name, func(t *testing.T) {
			tree := newTree(t)
			before := tree.snapshot(t)
			l := tree.open(t)
			l.before, l.lacksNoReplace = f.hook(), f.lacks
			plan, err := tree.apply(t, l)
			if f.wantErr == "" && (err != nil || plan.Count(func(s migrate.Status) bool { return s == migrate.Failed }) != f.failed) {
				t.Errorf("%v, %q; want %d failed", err, describePlan(plan), f.failed)
			}
			if f.wantErr != "" && (err == nil || !strings.Contains(err.Error(), f.wantErr)) {
				t.Errorf("%v; want %s", err, f.wantErr)
			}
			tree.checkMarkers(t)
			if _, err := tree.apply(t, tree.open(t)); err != nil {
				t.Fatal(err)
			}
			if diff := tree.snapshot(t).withoutTimes(changedByMigration).Diff(want); diff != "" {
				t.Errorf("the next run does not come to what an undisturbed one does:\n%s", diff)
			}
			if undone, err := tree.undo(t, tree.open(t)); err != nil || len(undone.Left) > 0 {
				t.Fatalf("%v %v", err, undone)
			}
			if diff := tree.snapshot(t).withoutTimes(isRoot).Diff(before.withoutTimes(isRoot)); diff != "" {
				t.Errorf("undo does not come to what was:\n%s", diff)
			}
		})
	}
}

// A server's answer may be lost: what has moved nevertheless is not taken for its own reservation.
func TestLostAnswer(t *testing.T) {
	tree := small(t)
	tree.do(os.RemoveAll(filepath.Join(tree.Legacy, "plain", "user-data")))
	tree.Markers = nil
	before := tree.snapshot(t)
	l := tree.open(t)
	l.lacksNoReplace = true
	l.after = func(_ int, op string, paths []claim.Path) error {
		if op == "renameOnto" && paths[1].Name == "users/alice/threads/plain" {
			return syscall.EIO
		}
		return nil
	}
	if _, err := tree.apply(t, l); !errors.Is(err, syscall.EIO) || tree.err != nil {
		t.Fatal(err, tree.err)
	}
	if _, err := os.Lstat(tree.userDir("alice") + "/threads/plain"); err != nil {
		t.Error(err)
	}
	if undone, err := tree.undo(t, tree.open(t)); err != nil || undone.Back != 1 {
		t.Fatalf("%v, %+v", err, undone)
	}
	if diff := tree.snapshot(t).Diff(before); diff != "" {
		t.Error(diff)
	}
}

// A filesystem that is too full for the lock, the probe or the journal, or refuses anything else before the first
// move is announced, is left as it was, without a trace of the run.
func TestFaultsBeforeTheFirstMove(t *testing.T) {
	undisturbed := small(t)
	l := undisturbed.open(t)
	if _, err := undisturbed.apply(t, l); err != nil {
		t.Fatal(err)
	}
	writes := 0
	for at, op := range l.ops {
		for _, errno := range []syscall.Errno{syscall.ENOSPC, syscall.ESTALE} {
			testFaultBeforeTheFirstMove(t, at, op, errno)
		}
		if op == "write" {
			writes++
		}
		if writes == 6 { // two of the probe, header, run, batch, and the word that it begins
			return
		}
	}
	t.Errorf("wrote %d times", writes)
}

// testFaultBeforeTheFirstMove lets one call fail.
func testFaultBeforeTheFirstMove(t *testing.T, at int, op string, errno syscall.Errno) {
	t.Run(fmt.Sprintf("%d %s %v", at, op, errno), func(t *testing.T) {
		tree := small(t)
		tree.old()
		before := tree.snapshot(t)
		l := tree.open(t)
		l.inProbe = true
		l.before = func(n int, op string, _ []claim.Path) error {
			if n == at {
				return &os.PathError{Op: op, Err: errno}
			}
			return nil
		}
		if _, err := tree.apply(t, l); !errors.Is(err, errno) || tree.err != nil {
			t.Fatal(err, tree.err)
		}
		if diff := tree.snapshot(t).Diff(before); diff != "" {
			t.Errorf("changes\n%s", diff)
		}
		if _, err := os.Lstat(filepath.Join(tree.Root, stateDir)); !os.IsNotExist(err) {
			t.Errorf("leaves its state: %v", err)
		}
	})
}

// A journal that cannot be read once more, under the lock, is not taken for one that is missing: an
// earlier run stands in it.
func TestFaultsKeepTheJournal(t *testing.T) {
	tree := small(t)
	before := tree.snapshot(t)
	if _, err := tree.apply(t, tree.open(t)); err != nil {
		t.Fatal(err)
	}
	tree.thread("another", "alice")
	tree.do(os.Remove(filepath.Join(tree.Legacy, "another", "user-data", "marker")))
	applied, journal := tree.snapshot(t), readFile(t, tree.file("journal"))
	for _, f := range []fault{
		{name: "unreadable", op: "read", nth: 1, err: syscall.EIO},
		{name: "of a root that cannot be looked at", op: "lstat", below: "", err: syscall.EIO},
	} {
		t.Run(f.name, func(t *testing.T) {
			locked, fail := false, f.hook()
			l := tree.open(t)
			l.before = func(n int, op string, paths []claim.Path) error {
				locked = locked || op == "lock"
				if !locked && op == "lstat" {
					return nil
				}
				return fail(n, op, paths)
			}
			if _, err := tree.apply(t, l); !errors.Is(err, syscall.EIO) || tree.err != nil {
				t.Fatal(err, tree.err)
			}
			if now, err := os.ReadFile(tree.file("journal")); err != nil || !bytes.Equal(now, journal) {
				t.Errorf("%v, the journal is\n%s", err, now)
			}
			if diff := tree.snapshot(t).Diff(applied); diff != "" {
				t.Errorf("changes\n%s", diff)
			}
		})
	}
	tree.do(os.RemoveAll(filepath.Join(tree.Legacy, "another")))
	if undone, err := tree.undo(t, tree.open(t)); err != nil || tree.err != nil || undone.Back != 1 {
		t.Fatalf("%v, %v, %+v", err, tree.err, undone)
	}
	if diff := tree.snapshot(t).Diff(before); diff != "" {
		t.Error(diff)
	}
}

// A signal ends a run before its next file, wherever it is, and what it says is how far it was.
func TestInterrupted(t *testing.T) {
	for _, test := range []struct {
		run, op string // in which the signal comes
		nth     int
		want    string
	}{
		{"plan", "list", 0, "interrupted before all was looked at: nothing has moved"},
		{"plan", "lstat", 60, "interrupted before all was looked at: nothing has moved"}, // at a new place
		{"apply", "list", 0, "interrupted before all was looked at: nothing has moved"},
		{"apply", "append", 0, "interrupted after 0 of 20 moves: run it again to go on"},
		{"apply", "mkdir", 1, "interrupted after 0 of 20 moves: run it again to go on"},
		{"apply", "rename", 3, "interrupted after 4 of 20 moves: run it again to go on"},
		{"undo", "read", 0, "interrupted after 0 of 20 moves: run it again to go on"},
		{"undo", "rename", 3, "interrupted after 4 of 20 moves: run it again to go on"},
		{"undo", "rmdir", 0, "interrupted after 20 of 20 moves: run it again to go on"},
		{"undo", "setModTime", 0, "interrupted after 20 of 20 moves: run it again to go on"},
	} {
		t.Run(fmt.Sprintf("%s in %s %d", test.run, test.op, test.nth), func(t *testing.T) {
			tree := newTree(t)
			before := tree.snapshot(t)
			if test.run == "undo" {
				if _, err := tree.apply(t, tree.open(t)); err != nil {
					t.Fatal(err)
				}
			}
			ctx, signal := context.WithCancel(t.Context())
			l, seen, since := tree.open(t), 0, []string(nil)
			l.before = func(_ int, op string, _ []claim.Path) error {
				if ctx.Err() != nil {
					since = append(since, op)
				}
				if op == test.op {
					seen++
				}
				if seen > test.nth {
					signal()
				}
				return nil
			}
			var err error
			switch test.run {
			case "plan":
				_, err = migrate.NewPlan(ctx, l, tree.options(t))
			case "apply":
				_, err = migrate.Apply(ctx, l, tree.options(t), noProgress)
			case "undo":
				_, err = migrate.Undo(ctx, l, migrate.UndoOptions{}, noProgress)
			}
			tree.bury(t, l)
			if err == nil || err.Error() != test.want {
				t.Errorf("%v, want %s", err, test.want)
			}
			if len(since) > 7 && test.op != "append" { // where it takes its journal away
				t.Errorf("goes on with %v", since)
			}
			tree.checkMarkers(t)
			if _, err := os.Lstat(tree.file("journal")); err == nil {
				if undone, err := tree.undo(t, tree.open(t)); err != nil || len(undone.Left) > 0 {
					t.Errorf("%v, %+v", err, undone)
				}
			}
			if diff := tree.snapshot(t).Diff(before); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// So it ends one that clears up behind another, which takes long where a hundred thousand moves were cut
// short.
func TestInterruptedInClearUp(t *testing.T) {
	for _, at := range []string{"users/alice", "plain-1"} { // a directory that was made, and a thread
		t.Run(at, func(t *testing.T) {
			tree := newTree(t)
			before := tree.snapshot(t)
			dying := tree.open(t)
			dying.lacksNoReplace = true
			dying.dieBeforeEnd()
			if _, err := tree.apply(t, dying); !errors.Is(err, errDead) {
				t.Fatalf("did not die: %v", err)
			}
			ctx, signal := context.WithCancel(t.Context())
			l, since, locked := tree.open(t), []string(nil), false
			l.before = func(_ int, op string, paths []claim.Path) error {
				locked = locked || op == "lock"
				if ctx.Err() != nil {
					since = append(since, op)
				}
				if locked && op == "lstat" && paths[0].Name == at {
					signal()
				}
				return nil
			}
			_, err := migrate.Apply(ctx, l, tree.options(t), noProgress)
			tree.bury(t, l)
			const want = "interrupted before all was looked at: nothing has moved"
			if err == nil || err.Error() != want {
				t.Errorf("%v, want %s", err, want)
			}
			if !slices.Equal(since, []string{"unlock"}) {
				t.Errorf("goes on with %v", since)
			}
			if undone, err := tree.undo(t, tree.open(t)); err != nil || len(undone.Left) > 0 {
				t.Errorf("%v, %+v", err, undone)
			}
			if diff := tree.snapshot(t).Diff(before); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func (f fault) hook() func(int, string, []claim.Path) error {
	seen := 0
	return func(_ int, op string, paths []claim.Path) error {
		if op != f.op || len(paths) > 0 && !strings.HasPrefix(paths[len(paths)-1].Name, f.below) {
			return nil
		}
		seen++
		if seen <= f.nth {
			return nil
		}
		name := ""
		if len(paths) > 0 {
			name = paths[len(paths)-1].Name
		}
		return &os.PathError{Op: op, Path: name, Err: f.err}
	}
}

// What comes into being between plan and rename is not replaced, and what takes a thread's place is
// not moved.
func TestChangesBetween(t *testing.T) {
	for _, lacks := range []bool{false, true} {
		for _, test := range []struct {
			name   string
			change func(tree *Tree)
			want   string
		}{
			{"the new place is taken", func(tree *Tree) { tree.mark(tree.userDir("alice") + "/threads/plain/theirs") },
				"conflict \"../threads/plain\" users/alice/threads/plain something is there since it was planned"},
			{"the new place is taken by nothing", func(tree *Tree) { tree.mkdir(tree.userDir("alice")+"/threads/plain", 0o755) },
				"conflict \"../threads/plain\" users/alice/threads/plain something is there since it was planned"},
			{"the new place is a link", func(tree *Tree) {
				tree.do(os.Symlink("/tmp", tree.userDir("alice")+"/threads/plain"))
			},
				"conflict \"../threads/plain\" users/alice/threads/plain something is there since it was planned"},
			{"the thread is another", func(tree *Tree) {
				tree.do(os.Rename(filepath.Join(tree.Legacy, "plain"), filepath.Join(tree.Dir, "moved")))
				tree.mark(tree.Legacy + "/plain/other")
			}, "failed \"../threads/plain\" users/alice/threads/plain is gone, or another, since it was planned"},
			{"the thread is a link", func(tree *Tree) {
				tree.do(os.Rename(filepath.Join(tree.Legacy, "plain"), filepath.Join(tree.Dir, "moved")))
				tree.do(os.Symlink("../moved", filepath.Join(tree.Legacy, "plain")))
			}, "failed \"../threads/plain\" users/alice/threads/plain is gone, or another, since it was planned"},
			{"the thread is gone", func(tree *Tree) {
				tree.do(os.Rename(filepath.Join(tree.Legacy, "plain"), filepath.Join(tree.Dir, "moved")))
			}, "failed \"../threads/plain\" users/alice/threads/plain is gone, or another, since it was planned"},
			{"a directory above is a link", func(tree *Tree) {
				tree.do(os.RemoveAll(filepath.Join(tree.userDir("alice"), "threads")))
				tree.do(os.Symlink(".", filepath.Join(tree.userDir("alice"), "threads")))
			}, "failed \"../threads/plain\" users/alice/threads/plain CALL: not a directory"},
		} {
			t.Run(fmt.Sprintf("%s, lacks %t", test.name, lacks), func(t *testing.T) {
				tree := small(t)
				tree.mkdir(filepath.Join(tree.userDir("alice"), "threads"), 0o755)
				l := tree.open(t)
				l.lacksNoReplace = lacks
				var changed Snapshot
				syncs := 0
				l.after = func(_ int, op string, _ []claim.Path) error {
					if op == "fsync" {
						syncs++
					}
					if syncs == 3 && changed == nil { // the batch is in the journal
						test.change(tree)
						changed = tree.snapshot(t)
					}
					return nil
				}
				options := tree.options(t)
				options.Park = false
				plan, err := migrate.Apply(t.Context(), l, options, noProgress)
				if err != nil || tree.err != nil {
					t.Fatal(err, tree.err)
				}
				lines := describePlan(plan)
				for _, call := range []string{"open " + tree.Root + "/users/alice/threads", "mkdir " + tree.Root + "/users/alice/threads/plain"} {
					lines[0] = strings.Replace(lines[0], call, "CALL", 1)
				}
				equalLines(t, lines, []string{test.want})
				if diff := tree.snapshot(t).withoutTimes(changedByMigration).Diff(changed.withoutTimes(changedByMigration)); diff != "" {
					t.Errorf("moves or replaces\n%s", diff)
				}
			})
		}
	}
}
