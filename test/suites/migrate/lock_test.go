package migrate

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"userscope.dev/userscope/migrate"
	"userscope.dev/userscope/migrate/claim"
)

func (t *Tree) file(name string) string { return filepath.Join(t.Root, stateDir, name) }

// Two runs never work at once: the second is told who works.
func TestLock(t *testing.T) {
	tree := small(t)
	first := tree.open(t)
	tree.mkdir(filepath.Join(tree.Root, stateDir), 0o700)
	unlock, err := first.Claim.Lock(claim.Path{Tree: claim.Root, Name: stateDir + "/lock"})
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("another run holds the lock: %q", strings.TrimSpace(string(readFile(t, tree.file("lock")))))
	if !strings.Contains(want, fmt.Sprintf(" pid %d since ", os.Getpid())) {
		t.Errorf("the lock does not say who holds it: %s", want)
	}
	if _, err := tree.apply(t, tree.open(t)); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("apply: %v, want %s", err, want)
	}
	if _, err := tree.undo(t, tree.open(t)); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("undo: %v, want %s", err, want)
	}
	tree.checkMarkers(t)
	if err := unlock(); err != nil {
		t.Fatal(err)
	}

	// What a dead run of this host left is no obstacle, and what one of another host did is: it may
	// be alive.
	write(t, tree.file("lock"), "elsewhere pid 1 since yesterday\n")
	want = `a run on another host did not end well, or goes on: "elsewhere pid 1 since yesterday": once it has ended, run this with --take-lock-of elsewhere`
	if _, err := tree.apply(t, tree.open(t)); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("apply: %v, want %s", err, want)
	}
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	for _, never := range []string{"", "\x00\x00\x00"} { // held, since its holder was not synced
		write(t, tree.file("lock"), never)
		if undone, err := tree.undo(t, tree.open(t)); err != nil || undone.Back != 0 {
			t.Errorf("undo: %v, %+v", err, undone)
		}
		tree.mkdir(tree.file(""), 0o700)
	}
	write(t, tree.file("lock"), host+" pid 1 since yesterday\n")
	if _, err := tree.apply(t, tree.open(t)); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(tree.file("lock")); !os.IsNotExist(err) {
		t.Errorf("the lock is still there: %v", err)
	}
}

// Who knows that the run of another host has ended says so by its name, and of that host only.
func TestTakeLockOf(t *testing.T) {
	tree := small(t)
	with := func(host string) *layer {
		l := tree.open(t)
		l.TakeLockOf = host
		return l
	}
	refused := func(err error, want string) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), "lock: --take-lock-of "+want) {
			t.Errorf("%v, want %s", err, want)
		}
		tree.checkMarkers(t)
		if _, err := os.Lstat(tree.Legacy + "/plain"); err != nil {
			t.Error(err)
		}
	}
	_, err := tree.apply(t, with("elsewhere"))
	refused(err, "elsewhere: nobody has left the lock: run it without")
	if _, err := os.Lstat(tree.file("")); !os.IsNotExist(err) {
		t.Errorf("a lock is left: %v", err)
	}
	tree.mkdir(tree.file(""), 0o700)
	write(t, tree.file("lock"), "elsewhere pid 1 since yesterday\n")
	_, err = tree.apply(t, with("else"))
	refused(err, `else: another host has left the lock: "elsewhere pid 1 since yesterday"`)
	if _, err := tree.apply(t, with("elsewhere")); err != nil {
		t.Error(err)
	}
	write(t, tree.file("lock"), "elsewhere pid 2 since yesterday\n")
	if _, err := tree.undo(t, with("another")); err == nil {
		t.Error("undo takes the lock of any host")
	}
	if undone, err := tree.undo(t, with("elsewhere")); err != nil || undone.Back != 1 {
		t.Errorf("%v, %+v", err, undone)
	}

	// Who is at work is seen to be, wherever locks are seen.
	tree.mkdir(filepath.Join(tree.Root, stateDir), 0o700)
	unlock, err := tree.open(t).Claim.Lock(claim.Path{Tree: claim.Root, Name: stateDir + "/lock"})
	if err != nil {
		t.Fatal(err)
	}
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tree.apply(t, with(host)); err == nil || !strings.Contains(err.Error(), "another run holds the lock") {
		t.Errorf("apply beside another: %v", err)
	}
	if err := unlock(); err != nil {
		t.Error(err)
	}
}

// A run that comes between another's plan and its lock is cleared up behind, as any that was cut short.
func TestRunInBetween(t *testing.T) {
	tree := small(t)
	before := tree.snapshot(t)
	between := tree.open(t)
	between.before = func(_ int, op string, _ []claim.Path) error {
		if op == "chmod" || op == "rmdir" || op == "unlock" { // a new directory has no mode yet
			return errDead
		}
		return nil
	}
	l := tree.open(t)
	l.before = func(_ int, op string, _ []claim.Path) error {
		if op == "lock" {
			if _, err := tree.apply(t, between); !errors.Is(err, errDead) {
				t.Errorf("did not die: %v", err)
			}
		}
		return nil
	}
	const want = "another run has come in between, and was cut short: run this again"
	if _, err := tree.apply(t, l); err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	if _, err := tree.apply(t, tree.open(t)); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(tree.Root + "/users"); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("%v, %v", info, err)
	}
	if undone, err := tree.undo(t, tree.open(t)); err != nil || undone.Back != 1 {
		t.Errorf("%v, %+v", err, undone)
	}
	if diff := tree.snapshot(t).withoutTimes(isRoot).Diff(before.withoutTimes(isRoot)); diff != "" {
		t.Error(diff)
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// A line of the journal that was cut, wherever, was of nothing that has been done: the next run
// takes it away and goes on. So it is with a journal that has not got its name yet.
func TestTornJournal(t *testing.T) {
	tree := small(t)
	dying, writes := tree.open(t), 0
	dying.after = func(_ int, op string, _ []claim.Path) error {
		if op == "write" {
			writes++
		}
		if writes == 3 {
			dying.before = func(int, string, []claim.Path) error { return errDead }
			return errDead
		}
		return nil
	}
	before := tree.snapshot(t).withoutTimes(isRoot)
	if _, err := tree.apply(t, dying); err == nil {
		t.Fatal("did not die")
	}
	journal := readFile(t, tree.file("journal"))
	if bytes.Count(journal, []byte("\n")) != 3 {
		t.Fatalf("want a header, a run and a batch:\n%s", journal)
	}
	header := bytes.IndexByte(journal, '\n') + 1
	for size := range journal {
		for _, garbage := range []string{"", strings.Repeat("\x00", 100), strings.Repeat("\x00\n", 2)} {
			tree.mkdir(filepath.Join(tree.Root, stateDir), 0o700)
			name := "journal"
			if size < header {
				name = "journal.new"
			}
			write(t, tree.file(name), string(journal[:size])+garbage)
			if _, err := tree.apply(t, tree.open(t)); err != nil {
				t.Fatalf("cut at %d: %v", size, err)
			}
			if _, err := os.Lstat(tree.Root + "/users/alice/threads/plain/user-data/marker"); err != nil {
				t.Fatalf("cut at %d: %v", size, err)
			}
			if undone, err := tree.undo(t, tree.open(t)); err != nil || undone.Back != 1 {
				t.Fatalf("cut at %d: %v, %+v", size, err, undone)
			}
			if diff := tree.snapshot(t).withoutTimes(isRoot).Diff(before); diff != "" {
				t.Fatalf("cut at %d:\n%s", size, diff)
			}
		}
	}
}

// What lies where the journal is made is not written to, whatever it is.
func TestWhatLiesAtTheNewJournal(t *testing.T) {
	for name, test := range map[string]struct {
		put  func(tree *Tree, at string) error
		want error
	}{
		"a file":                  {func(_ *Tree, at string) error { return os.WriteFile(at, []byte("what a dead run wrote"), 0o666) }, nil}, //nolint:gosec // others may write to it
		"a link":                  {func(tree *Tree, at string) error { return os.Symlink(tree.Root+"/others", at) }, nil},
		"a link to nothing":       {func(_ *Tree, at string) error { return os.Symlink("none", at) }, nil},
		"a second name of a file": {func(tree *Tree, at string) error { return os.Link(tree.Root+"/others", at) }, nil},
		"a pipe":                  {func(_ *Tree, at string) error { return syscall.Mkfifo(at, 0o600) }, nil},
		"a directory":             {func(_ *Tree, at string) error { return os.Mkdir(at, 0o700) }, syscall.EISDIR},
	} {
		t.Run(name, func(t *testing.T) {
			tree := small(t)
			tree.mark(tree.Root + "/others")
			before := tree.snapshot(t).withoutTimes(isRoot)
			tree.mkdir(tree.file(""), 0o700)
			tree.do(test.put(tree, tree.file("journal.new")))
			if _, err := tree.apply(t, tree.open(t)); !errors.Is(err, test.want) || tree.err != nil {
				t.Fatalf("%v, %v, want %v", err, tree.err, test.want)
			}
			tree.checkMarkers(t)
			if test.want != nil {
				tree.do(os.RemoveAll(tree.file("")))
			} else {
				if info, err := os.Lstat(tree.file("journal")); err != nil || info.Mode() != 0o600 {
					t.Errorf("%v, %v", info, err)
				}
				if undone, err := tree.undo(t, tree.open(t)); err != nil || undone.Back != 1 {
					t.Errorf("%v, %+v", err, undone)
				}
			}
			if diff := tree.snapshot(t).withoutTimes(isRoot).Diff(before); diff != "" || tree.err != nil {
				t.Error(diff, tree.err)
			}
		})
	}
}

// Neither is what lies in the lock's place, whose end no run awaits.
func TestWhatLiesAtTheLock(t *testing.T) {
	for name, test := range map[string]struct {
		put  func(tree *Tree, at string) error
		want string
	}{
		"a second name of a file": {func(tree *Tree, at string) error { return os.Link(tree.Root+"/others", at) }, "is a file that has another name too: remove this one"},
		"a link":                  {func(tree *Tree, at string) error { return os.Symlink(tree.Root+"/others", at) }, "too many levels of symbolic links"},
		"a pipe":                  {func(_ *Tree, at string) error { return syscall.Mkfifo(at, 0o600) }, "is a special file where a file belongs"},
		"a directory":             {func(_ *Tree, at string) error { return os.Mkdir(at, 0o700) }, "is a directory"},
	} {
		t.Run(name, func(t *testing.T) {
			tree := small(t)
			tree.do(os.WriteFile(tree.Root+"/others", make([]byte, 2000), 0o600)) // as nobody's lock, to its 1024th byte
			tree.mkdir(tree.file(""), 0o700)
			tree.do(test.put(tree, tree.file("lock")))
			before := tree.snapshot(t)
			if _, err := migrate.Apply(t.Context(), tree.open(t), tree.options(t), noProgress); err == nil || !strings.Contains(err.Error(), test.want) || tree.err != nil {
				t.Errorf("apply: %v, %v, want %s", err, tree.err, test.want)
			}
			if _, err := migrate.Undo(t.Context(), tree.open(t), migrate.UndoOptions{}, noProgress); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("undo: %v, want %s", err, test.want)
			}
			if diff := tree.snapshot(t).Diff(before); diff != "" {
				t.Errorf("changes\n%s", diff)
			}
		})
	}
}

// A run whose lock somebody has removed does not remove that of the next.
func TestUnlockOfAnothersLock(t *testing.T) {
	tree := small(t)
	tree.mkdir(tree.file(""), 0o700)
	lock := claim.Path{Tree: claim.Root, Name: stateDir + "/lock"}
	first, err := tree.open(t).Claim.Lock(lock)
	if err != nil {
		t.Fatal(err)
	}
	tree.do(os.Remove(tree.file("lock")))
	second, err := tree.open(t).Claim.Lock(lock)
	if err != nil || tree.err != nil {
		t.Fatal(err, tree.err)
	}
	if err := first(); err == nil || !strings.Contains(err.Error(), "somebody has removed the lock of this run") {
		t.Error(err)
	}
	if err := second(); err != nil {
		t.Error(err)
	}
}

// A journal that is not this root's, not this program's, or damaged is refused, and so is all that
// would be done by it.
func TestForeignJournal(t *testing.T) {
	tree := small(t)
	if _, err := tree.apply(t, tree.open(t)); err != nil {
		t.Fatal(err)
	}
	before := tree.snapshot(t)
	journal := readFile(t, tree.file("journal"))
	lines := bytes.SplitAfter(journal, []byte("\n"))
	damaged := bytes.Clone(journal)
	damaged[len(lines[0])+20] ^= 1
	for _, test := range []struct {
		name    string
		journal []byte
		want    string
	}{
		{"another root", edit(t, lines, func(h map[string]any) { h["rootID"] = map[string]any{"inode": 1} }), "line 1: the journal is of another root, with inode 1: this one has "},
		{"a later version", edit(t, lines, func(h map[string]any) { h["version"] = 3; h["more"] = true }), "line 1: the journal has version 3: this program knows versions up to 2"},
		{"damaged", damaged, "line 2: is damaged: line 4 tells that it was whole"},
		{"no header", bytes.Join(lines[1:], nil), "line 1: is not the header of a migration's journal"},
		{"emptied", nil, "is empty, and no run leaves it so: restore it, or, if there is nothing to undo, remove it"},
		{"zeroed", make([]byte, len(journal)), "line 1: is not the header of a migration's journal, or is damaged"},
		{"a header that was cut", lines[0][:len(lines[0])-1], "line 1: is not the header of a migration's journal, or is damaged"},
		{"another file", []byte("what somebody noted\nof the migration\n"), "line 1: is not the header of a migration's journal, or is damaged"},
		{"two headers", append(bytes.Clone(lines[0]), journal...), "line 2: is not what the journal of a migration holds"},
	} {
		t.Run(test.name, func(t *testing.T) {
			write(t, tree.file("journal"), string(test.journal))
			want := "journal " + stateDir + "/journal: " + test.want
			if _, err := tree.apply(t, tree.open(t)); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("apply: %v, want %s", err, want)
			}
			if _, err := tree.undo(t, tree.open(t)); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("undo: %v, want %s", err, want)
			}
			if _, err := migrate.NewPlan(t.Context(), tree.open(t), tree.options(t)); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("plan: %v, want %s", err, want)
			}
			if diff := tree.snapshot(t).Diff(before); diff != "" {
				t.Errorf("changes\n%s", diff)
			}
			if got := readFile(t, tree.file("journal")); !bytes.Equal(got, test.journal) {
				t.Errorf("the journal has changed:\n%s", got)
			}
		})
	}
}

// edit returns a journal with another header, whose checksum is right.
func edit(t *testing.T, lines [][]byte, change func(header map[string]any)) []byte {
	t.Helper()
	var record map[string]map[string]any
	if err := json.Unmarshal(lines[0][9:], &record); err != nil {
		t.Fatal(err)
	}
	change(record["header"])
	text, err := json.Marshal(record)
	if err != nil {
		t.Fatal(err)
	}
	header := fmt.Appendf(nil, "%08x %s\n", crc32.Checksum(text, crc32.MakeTable(crc32.Castagnoli)), text)
	return append(header, bytes.Join(lines[1:], nil)...)
}

// A claim may have two old trees. Undo brings back both, and one is not begun before the other is
// done.
func TestTwoOldTrees(t *testing.T) {
	tree := small(t)
	second := *tree
	second.Legacy = tree.Root + "/threads"
	second.thread("gateways", "alice")
	second.thread("plain", "alice") // in both
	second.old()
	tree.Markers = second.Markers
	before := tree.snapshot(t)
	dying := tree.open(t)
	dying.dieBeforeEnd()
	if _, err := tree.apply(t, dying); !errors.Is(err, errDead) {
		t.Fatalf("did not die: %v", err)
	}
	want := "the last run, over the old tree ../threads, was cut short: run it again first, or undo it"
	if _, err := second.apply(t, second.open(t)); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want %s", err, want)
	}
	if _, err := migrate.NewPlan(t.Context(), second.open(t), second.options(t)); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("plan: %v, want %s", err, want)
	}
	if plan, err := migrate.NewPlan(t.Context(), tree.open(t), tree.options(t)); err != nil || !plan.CutShort {
		t.Errorf("plan does not tell that the run was cut short: %v", err)
	}
	for _, each := range []*Tree{tree, &second} {
		if _, err := each.apply(t, each.open(t)); err != nil {
			t.Fatal(err)
		}
	}
	tree.checkMarkers(t)
	for _, moved := range []string{"users/alice/threads/plain", "users/alice/threads/gateways", "migration-conflicts/plain"} {
		if _, err := os.Lstat(filepath.Join(tree.Root, moved)); err != nil {
			t.Error(err)
		}
	}
	c, err := claim.Open(tree.Root)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	undone, err := migrate.Undo(t.Context(), c, migrate.UndoOptions{}, noProgress)
	if err != nil || undone.Back != 3 || len(undone.Left) > 0 {
		t.Errorf("%v, %+v", err, undone)
	}
	if diff := tree.snapshot(t).withoutTimes(isRoot).Diff(before.withoutTimes(isRoot)); diff != "" {
		t.Error(diff)
	}
}
