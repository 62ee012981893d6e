package migrate

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"userscope.dev/userscope/migrate"
	"userscope.dev/userscope/migrate/claim"
)

// stranger is the user of a sandbox, who may write to the claim.
const stranger = 1000

// A state that somebody else made, or can write, is believed by nobody, whatever stands in it: the journal of
// a sandbox would make directories of root's anybody's, and move a user's thread where the sandbox chose.
func TestPlantedState(t *testing.T) {
	for _, test := range []struct {
		name   string
		plant  string // run as the stranger, or as this test's user where it needs no other
		others bool   // needs another user
		want   string
	}{
		{"a journal", `mkdir -m 0700 "$1" && cp "$2" "$1/journal"`, true, stateDir + ": belongs to uid 1000, and this runs as uid 0"},
		{"a lock", `mkdir -m 0700 "$1" && echo host >"$1/lock"`, true, stateDir + ": belongs to uid 1000, and this runs as uid 0"},
		{"an empty directory", `mkdir -m 0700 "$1"`, true, stateDir + ": belongs to uid 1000, and this runs as uid 0"},
		{"a directory of all", `mkdir "$1" && chmod 0777 "$1"`, false, stateDir + ": has mode 0777"},
		{"a directory of the group", `mkdir "$1" && chmod 0770 "$1"`, false, stateDir + ": has mode 0770"},
		{"a journal of all", `mkdir -m 0700 "$1" && cp "$2" "$1/journal" && chmod 0666 "$1/journal"`, false, "journal: has mode 0666"},
		{"a lock of all", `mkdir -m 0700 "$1" && echo host >"$1/lock" && chmod 0622 "$1/lock"`, false, "lock: has mode 0622"},
	} {
		t.Run(test.name, func(t *testing.T) {
			tree := small(t)
			forged := tree.forge(t)
			plant := exec.Command("/bin/sh", "-euc", test.plant, "sh", tree.file(""), forged)
			if test.others {
				if os.Geteuid() != 0 {
					t.Log("needs root, to be another user: only the directories that all may write to are tried")
					return
				}
				plant.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: stranger, Gid: stranger}}
				tree.do(os.Lchown(tree.Root, stranger, stranger))
			}
			tree.do(os.Chmod(tree.Dir, 0o755)) //nolint:gosec // the stranger enters it
			if out, err := plant.CombinedOutput(); err != nil || tree.err != nil {
				t.Fatalf("%v, %v: %s", err, tree.err, out)
			}
			before, state := tree.snapshot(t), tree.state(t)
			_, planned := migrate.NewPlan(t.Context(), tree.open(t), tree.options(t))
			_, applied := tree.apply(t, tree.open(t))
			_, undone := tree.undo(t, tree.open(t))
			for command, err := range map[string]error{"plan": planned, "apply": applied, "undo": undone} {
				var refused *claim.NotPrivateError
				if !errors.As(err, &refused) || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "--state") {
					t.Errorf("%s: %v, want %s", command, err, test.want)
				}
			}
			if diff := tree.snapshot(t).Diff(before) + tree.state(t).Diff(state); diff != "" {
				t.Errorf("changes\n%s", diff)
			}
		})
	}
}

// forge returns the name of a journal that is whole, and that moves a thread of this tree to another user.
func (t *Tree) forge(tb testing.TB) string {
	tb.Helper()
	if _, err := t.apply(tb, t.open(tb)); err != nil {
		tb.Fatal(err)
	}
	text, err := os.ReadFile(t.file("journal"))
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := t.undo(tb, t.open(tb)); err != nil {
		tb.Fatal(err)
	}
	name := filepath.Join(t.Dir, "forged")
	if err := os.WriteFile(name, text, 0o644); err != nil { //nolint:gosec // the stranger reads it
		tb.Fatal(err)
	}
	return name
}

// The state can lie elsewhere, in a directory that is private. Then the claim holds nothing of it.
func TestStateElsewhere(t *testing.T) {
	tree := small(t)
	tree.old()
	before := tree.snapshot(t)
	elsewhere := t.TempDir()
	open := func() *layer {
		l := tree.open(t)
		if err := l.UseState(elsewhere); err != nil {
			t.Fatal(err)
		}
		return l
	}
	if err := unix.Chmod(elsewhere, 0o775); err != nil {
		t.Fatal(err)
	}
	var refused *claim.NotPrivateError
	if err := tree.open(t).UseState(elsewhere); !errors.As(err, &refused) {
		t.Errorf("a directory of the group's is taken: %v", err)
	}
	if err := unix.Chmod(elsewhere, 0o700); err != nil {
		t.Fatal(err)
	}
	if plan, err := tree.apply(t, open()); err != nil || plan.Count(func(s migrate.Status) bool { return s == migrate.Moved }) != 1 {
		t.Fatal(err)
	}
	if _, err := os.Lstat(tree.file("")); !os.IsNotExist(err) {
		t.Errorf("the claim has a state: %v", err)
	}
	if _, err := os.Lstat(filepath.Join(elsewhere, stateDir, "journal")); err != nil {
		t.Error(err)
	}
	if undone, err := tree.undo(t, open()); err != nil || undone.Back != 1 || len(undone.Left) > 0 {
		t.Fatalf("%v, %+v", err, undone)
	}
	if diff := tree.snapshot(t).Diff(before); diff != "" {
		t.Error(diff)
	}
	if left, err := os.ReadDir(elsewhere); err != nil || len(left) > 0 {
		t.Errorf("%v, left %v", err, left)
	}
}

// A directory that sandboxes mount may be a link that a sandbox planted: the thread stays, and is reported.
func TestLinkedDirectories(t *testing.T) {
	for _, test := range []struct{ dir, want string }{
		{"user-data", `link "../threads/plain"  user-data in it is a symbolic link where a directory must be`},
		{"acp-workspace", `link "../threads/plain"  acp-workspace in it is a symbolic link where a directory must be`},
		{"skills", `link "../threads/plain"  skills in it is a symbolic link where a directory must be`},
		{"notes", `moved "../threads/plain" users/alice/threads/plain `}, // no sandbox mounts it
	} {
		t.Run(test.dir, func(t *testing.T) {
			tree := small(t)
			tree.do(os.RemoveAll(filepath.Join(tree.Legacy, "plain", "user-data")))
			tree.mark(filepath.Join(tree.Legacy, "bobs", "user-data", "marker"))
			tree.Markers = tree.Markers[1:]
			tree.Owners["bobs"] = "bob"
			planted := filepath.Join(tree.Legacy, "plain", test.dir)
			tree.do(os.Symlink("../bobs/user-data", planted))
			if os.Geteuid() == 0 {
				tree.do(os.Lchown(planted, stranger, stranger))
			}
			plan, err := tree.apply(t, tree.open(t))
			if err != nil || tree.err != nil {
				t.Fatal(err, tree.err)
			}
			lines := describePlan(plan)
			if !strings.Contains(strings.Join(lines, "\n"), strings.TrimSpace(test.want)) {
				t.Errorf("%q\nlacks %q", lines, test.want)
			}
			tree.checkMarkers(t)
		})
	}
}
