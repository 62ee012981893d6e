package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// oldClaim makes a claim with two threads that move, one that conflicts and one that nobody owns.
func oldClaim(t *testing.T) (root, legacy, owners string) {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"threads/one", "threads/two", "threads/taken", "threads/nobodys", "deer-flow/users/bob/threads/taken"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	owners = filepath.Join(dir, "owners.csv")
	if err := os.WriteFile(owners, []byte("thread_id,user_id\none,alice\ntwo,bob\ntaken,bob\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "deer-flow"), filepath.Join(dir, "threads"), owners
}

// What migrate prints and exits with, from the plan to the undo.
func TestMigrate(t *testing.T) {
	root, legacy, owners := oldClaim(t)
	flags := []string{"--root", root, "--legacy", legacy, "--owners", owners}
	for _, step := range []struct {
		args []string
		code int
		want string
	}{
		{append([]string{"migrate", "plan"}, flags...), 3, `
STATUS    FROM                TO
unowned   ../threads/nobodys                           nobody owns it
move      ../threads/one      users/alice/threads/one
conflict  ../threads/taken    users/bob/threads/taken  a directory is there
move      ../threads/two      users/bob/threads/two

move      2
conflict  1
unowned   1
total     4
`},
		{append([]string{"migrate", "plan", "-o", "json"}, flags...), 3, `
{
  "totals": {"conflict":1,"move":2,"unowned":1},
  "items": [
    {"status":"unowned","from":"../threads/nobodys","to":"","user":"","why":"nobody owns it"},
    {"status":"move","from":"../threads/one","to":"users/alice/threads/one","user":"alice"},
    {"status":"conflict","from":"../threads/taken","to":"users/bob/threads/taken","user":"bob","why":"a directory is there"},
    {"status":"move","from":"../threads/two","to":"users/bob/threads/two","user":"bob"}
  ]
}
`},
		{append([]string{"migrate", "apply", "--unowned", "default", "--park-conflicts"}, flags...), 0, `
STATUS  FROM                TO
moved   ../threads/one      users/alice/threads/one
parked  ../threads/taken    migration-conflicts/taken
moved   ../threads/two      users/bob/threads/two
moved   ../threads/nobodys  users/default/threads/nobodys

moved   3
parked  1
total   4
`},
		{append([]string{"migrate", "apply"}, flags...), 0, "\nNothing is left in the old layout.\n"},
		{append([]string{"migrate", "plan", "-o", "json"}, flags...), 0, "\n{\n  \"totals\": {},\n  \"items\": []\n}\n"},
		{[]string{"migrate", "undo", "--root", root}, 0, "\nback 4, gone since 0, left 0\n"},
	} {
		stdout, stderr, code := command("", step.args...)
		if code != step.code || stderr != "" || "\n"+stdout != step.want {
			t.Errorf("%s: exit code %d, stderr %q, stdout\n%s\nwant %d and%s", step.args[:2], code, stderr, stdout, step.code, step.want)
		}
	}
}

// No name, and no mount point, can forge a row of the table, and JSON has the bytes that are no text.
func TestPrintPlanOfOddNames(t *testing.T) {
	root, legacy, _ := oldClaim(t)
	for _, name := range []string{"one", "two", "taken", "nobodys"} {
		if err := os.Remove(filepath.Join(legacy, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(legacy+"/a\n\xff", 0o700); err != nil {
		t.Fatal(err)
	}
	stdout, _, _ := command("", "migrate", "plan", "--root", root, "--legacy", legacy)
	if want := "illegal  \"../threads/a\\n\\xff\"  "; !strings.Contains(stdout, want) {
		t.Errorf("has no line %q:\n%s", want, stdout)
	}
	var printed struct{ Items []migrateItem }
	stdout, _, _ = command("", "migrate", "plan", "-o", "json", "--root", root, "--legacy", legacy)
	if err := json.Unmarshal([]byte(stdout), &printed); err != nil || len(printed.Items) != 1 || string(printed.Items[0].FromBytes) != "../threads/a\n\xff" {
		t.Errorf("%v, %s", err, stdout)
	}
	for _, why := range []string{"has another filesystem mounted at a\nmoved  b", "\x9b2J", "\x1b[2J"} {
		if got := sentence(why); got != strconv.QuoteToASCII(why) {
			t.Errorf("prints %q", got)
		}
	}
	if why := `its owner "../bob" has characters`; sentence(why) != why {
		t.Errorf("quotes %s", why)
	}
}

// Plan refuses what apply would refuse, and says what apply would do first.
func TestMigratePlanReadsTheJournal(t *testing.T) {
	root, legacy, owners := oldClaim(t)
	args := []string{"--root", root, "--legacy", legacy, "--owners", owners}
	if _, stderr, code := command("", append([]string{"migrate", "apply"}, args...)...); code != exitUndecided {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	file := filepath.Join(root, ".userscope-migrate", "journal")
	journal := read(t, file)
	last := bytes.LastIndexByte(journal[:len(journal)-1], '\n') + 1
	for _, test := range []struct {
		journal, stderr string
		code            int
	}{
		{string(journal[:last]), "The last run was cut short. Apply clears up behind it first, and conflicts that it left are gone then.\n", exitUndecided},
		{"x\n" + string(journal), "userscope migrate plan: journal .userscope-migrate/journal: line 1: is not the header of a migration's journal, or is damaged\n", exitFailed},
	} {
		if err := os.WriteFile(file, []byte(test.journal), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, stderr, code := command("", append([]string{"migrate", "plan"}, args...)...); code != test.code || stderr != test.stderr {
			t.Errorf("exit code %d, %s; want %d, %s", code, stderr, test.code, test.stderr)
		}
	}
}

// What undo leaves is something to decide.
func TestMigrateUndoLeaves(t *testing.T) {
	root, legacy, owners := oldClaim(t)
	if _, stderr, code := command("", "migrate", "apply", "--root", root, "--legacy", legacy, "--owners", owners); code != 3 {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	if err := os.Mkdir(filepath.Join(legacy, "one"), 0o700); err != nil {
		t.Fatal(err)
	}
	stdout, _, code := command("", "migrate", "undo", "--root", root)
	if want := "left  users/alice/threads/one  something is at its old place\nback 1, gone since 0, left 1\n"; code != 3 || stdout != want {
		t.Errorf("exit code %d, stdout\n%s\nwant 3 and\n%s", code, stdout, want)
	}
	var undone migrateUndone
	stdout, _, code = command("", "migrate", "undo", "--root", root, "-o", "json")
	if err := json.Unmarshal([]byte(stdout), &undone); err != nil || code != 3 || len(undone.Left) != 1 || undone.Left[0].Path != "users/alice/threads/one" {
		t.Errorf("exit code %d, %v, stdout\n%s", code, err, stdout)
	}
}

// What is gone is something to decide, too, until somebody says that it is.
func TestMigrateUndoGone(t *testing.T) {
	root, legacy, owners := oldClaim(t)
	if _, stderr, code := command("", "migrate", "apply", "--root", root, "--legacy", legacy, "--owners", owners); code != 3 {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	if err := os.Remove(filepath.Join(root, "users", "alice", "threads", "one")); err != nil {
		t.Fatal(err)
	}
	const listed = "left  users/alice/threads/one  is gone, and not at its old place \"../threads/one\" either: bring it back, or give it up with --forget-gone\n"
	for _, step := range []struct {
		args []string
		code int
		want string
	}{
		{nil, 3, listed + "back 1, gone since 1, left 1\n"},
		{nil, 3, listed + "back 0, gone since 1, left 1\n"},
		{[]string{"--forget-gone"}, 0, "back 0, gone since 1, left 0\n"},
	} {
		stdout, stderr, code := command("", append([]string{"migrate", "undo", "--root", root}, step.args...)...)
		if code != step.code || stderr != "" || stdout != step.want {
			t.Errorf("%s: exit code %d, stderr %q, stdout\n%s\nwant %d and\n%s", step.args, code, stderr, stdout, step.code, step.want)
		}
	}
	if _, err := os.Lstat(filepath.Join(root, ".userscope-migrate")); !os.IsNotExist(err) {
		t.Errorf("the journal's directory is still there: %v", err)
	}
}

// Undo that finds no journal in its directory says so: nothing may be back, for all that it knows.
func TestMigrateUndoWithoutJournal(t *testing.T) {
	root, legacy, list := oldClaim(t)
	if _, stderr, code := command("", "migrate", "apply", "--root", root, "--legacy", legacy, "--owners", list); code != 3 {
		t.Fatalf("apply: exit code %d, %s", code, stderr)
	}
	if err := os.Remove(filepath.Join(root, ".userscope-migrate", "journal")); err != nil {
		t.Fatal(err)
	}
	stdout, stderr, code := command("", "migrate", "undo", "--root", root)
	const want = "There was no journal: an undo has ended before, an apply never moved anything, or somebody has removed it.\n"
	if code != 0 || stderr != want || stdout != "back 0, gone since 0, left 0\n" {
		t.Errorf("exit code %d, stdout %q, stderr\n%s\nwant 0 and\n%s", code, stdout, stderr, want)
	}
	if _, err := os.Lstat(filepath.Join(root, ".userscope-migrate")); !os.IsNotExist(err) {
		t.Errorf("the directory is still there: %v", err)
	}
}

// What keeps a migration from starting is said, and the exit code is 1.
func TestMigrateFails(t *testing.T) {
	root, legacy, owners := oldClaim(t)
	policy := string(read(t, deerflow))
	second := strings.NewReplacer("name: deer-flow", "name: other", "    - deer-flow\n", "    - other\n", "claim: deer-flow-home", "claim: other").Replace(policy)
	flat := strings.Replace(policy, "    legacyUserData: threads/{thread}/user-data\n", "", 1)
	unlike := strings.Replace(policy, "    legacyUserData: threads/{thread}/user-data\n", "    legacyUserData: threads/{thread}/data\n", 1)
	put := func(name, content string) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	several := put("several.yaml", policy+"---\n"+second)
	for _, test := range []struct {
		name string
		args []string
		want string
	}{
		{"no root", []string{"--root", root + "/none", "--legacy", legacy}, "none: no such file or directory"},
		{"a root that is a file", []string{"--root", owners, "--legacy", legacy}, "is not a directory"},
		{"no old tree", []string{"--root", root}, "deer-flow/threads: no such file or directory: name the old tree with --legacy"},
		{"no owners", []string{"--root", root, "--legacy", legacy, "--owners", root + "/none"}, "none: no such file or directory"},
		{"no policy", []string{"--root", root, "--legacy", legacy, "--policy", "none.yaml"}, "policy file: open none.yaml"},
		{"two policies", []string{"--root", root, "--legacy", legacy, "--policy", several}, "holds 2 policies"},
		{"no old layout", []string{"--root", root, "--legacy", legacy, "--policy", put("flat.yaml", flat)}, "policy deer-flow: spec.layout.legacyUserData: is not set"},
		{"an old layout that is unlike the new", []string{"--root", root, "--legacy", legacy, "--policy", put("unlike.yaml", unlike)}, `must end behind {thread} as legacyUserData does, "threads/{thread}/data"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, verb := range []string{"plan", "apply"} {
				stdout, stderr, code := command("", append([]string{"migrate", verb}, test.args...)...)
				if code != 1 || stdout != "" || !strings.HasPrefix(stderr, "userscope migrate "+verb+": ") || !strings.Contains(stderr, test.want) {
					t.Errorf("%s: exit code %d, stdout %q, stderr %s; want 1 and %s", verb, code, stdout, stderr, test.want)
				}
			}
		})
	}
	if _, stderr, code := command("", "migrate", "undo", "--root", root); code != 1 || !strings.Contains(stderr, "there is no journal .userscope-migrate/journal: nothing to undo") {
		t.Errorf("undo of nothing: exit code %d, %s", code, stderr)
	}
}

// A long run says how far it is, how fast, and how long it will take.
func TestProgress(t *testing.T) {
	var stderr bytes.Buffer
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	p := &progress{w: &stderr, now: func() time.Time { return now }}
	for done := 1; done <= 5000; done++ {
		p.report(done, 10_000)
		now = now.Add(time.Millisecond)
	}
	if want := "2001 of 10000, 1000/s, 8s left\n4001 of 10000, 1000/s, 6s left\n"; stderr.String() != want {
		t.Errorf("says\n%s\nwant\n%s", stderr.String(), want)
	}
}

// The probe says what it found, and leaves nothing.
func TestMigrateProbe(t *testing.T) {
	root := t.TempDir()
	stdout, stderr, code := command("", "migrate", "probe", "--root", root)
	for _, want := range []string{"rename without replacing ", "a lock ", "times of directories "} {
		if code != 0 || stderr != "" || !strings.Contains(stdout, want) {
			t.Errorf("exit code %d, %s, has no %q:\n%s", code, stderr, want, stdout)
		}
	}
	stdout, _, code = command("", "migrate", "probe", "--root", root, "-o", "json")
	var printed probeResult
	if err := json.Unmarshal([]byte(stdout), &printed); err != nil || code != 0 || printed.Filesystem == "" || len(printed.Checks) < 8 || printed.Problem != "" {
		t.Errorf("%v, exit code %d: %s", err, code, stdout)
	}
	if left, err := os.ReadDir(root); err != nil || len(left) > 0 {
		t.Errorf("%v, left %v", err, left)
	}
}
