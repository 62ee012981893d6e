package migrate

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"userscope.dev/userscope/test/kit/repo"
)

// kills is how often a process is killed: go test ./suites/migrate -kills 500
var kills = flag.Int("kills", 40, "how often to kill a process that migrates")

// patience is how long a program may take that is not to be killed.
const patience = 5 * time.Minute

// program is the one under test.
func program(t *testing.T) string {
	t.Helper()
	if name := os.Getenv("USERSCOPE_BINARY"); name != "" {
		return name
	}
	name, err := repo.Path("bin", "userscope")
	if err != nil {
		t.Fatal(err)
	}
	return name
}

// writeOwners writes the owners of a tree that are legal as a file, and returns its name.
func (t *Tree) writeOwners(tb testing.TB) string {
	tb.Helper()
	lines := []byte("thread_id,user_id\n")
	legal := regexp.MustCompile(`^[A-Za-z0-9_-]{1,64} [A-Za-z0-9_-]{1,255}$`)
	for thread, user := range t.Owners {
		if legal.MatchString(thread + " " + user) {
			lines = fmt.Appendf(lines, "%s,%s\n", thread, user)
		}
	}
	name := filepath.Join(tb.TempDir(), "owners.csv")
	if err := os.WriteFile(name, lines, 0o600); err != nil {
		tb.Fatal(err)
	}
	return name
}

// Processes that are killed at random lose nothing, and one that is let live comes to what an
// undisturbed one does; so it is with undo.
func TestKill(t *testing.T) {
	tree := newTree(t)
	for i := range 400 { // so that there is work to kill it at
		tree.thread(fmt.Sprintf("many-%d", i), fmt.Sprintf("user-%d", i%20))
	}
	tree.old()
	if tree.err != nil {
		t.Fatal(tree.err)
	}
	owners := tree.writeOwners(t)
	apply := []string{"migrate", "apply", "--root", tree.Root, "--legacy", tree.Legacy, "--owners", owners, "--park-conflicts", "--also", "erin"}
	undo := []string{"migrate", "undo", "--root", tree.Root}

	before := tree.snapshot(t).withoutTimes(isRoot)
	applyTime := undisturbed(t, apply)
	want := tree.snapshot(t).withoutTimes(changedByMigration)
	undoTime := undisturbed(t, undo)
	killed, atWork := 0, 0
	for killed < *kills {
		killed += killUntilDone(t, tree, apply, applyTime, &atWork)
		if diff := tree.snapshot(t).withoutTimes(changedByMigration).Diff(want); diff != "" {
			t.Fatalf("after %d kills apply does not come to what an undisturbed one does:\n%s", killed, diff)
		}
		killed += killUntilDone(t, tree, undo, undoTime, &atWork)
		if diff := tree.snapshot(t).withoutTimes(isRoot).Diff(before); diff != "" {
			t.Fatalf("after %d kills undo does not come to what was:\n%s", killed, diff)
		}
	}
	t.Logf("%d processes killed, %d of them at work", killed, atWork)
	if atWork == 0 {
		t.Error("none was killed at work")
	}
}

// undisturbed runs the program and returns how long it took.
func undisturbed(t *testing.T, args []string) time.Duration {
	t.Helper()
	start := time.Now()
	if done, output := runKilled(t, args, patience); !done {
		t.Fatalf("%v: %s", args, output)
	}
	return time.Since(start)
}

// killUntilDone runs the program, and kills it, until it comes to its end, and returns how often it
// was killed. It counts the kills at work, when the lock was held.
func killUntilDone(t *testing.T, tree *Tree, args []string, takes time.Duration, atWork *int) int {
	t.Helper()
	for killed := 0; ; killed++ {
		// It lives longer each time: on a machine that has become slower it would never come to its end.
		atMost := float64(takes) * (1.2 + float64(killed)/20)
		done, output := runKilled(t, args, time.Duration(rand.Float64()*atMost)) //nolint:gosec // any will do
		tree.checkMarkers(t)
		if t.Failed() {
			t.Fatalf("after %v: %s", args, output)
		}
		// An undo that was killed in its last steps leaves nothing to the next, or no more than to tidy up.
		if done || killed > 0 && strings.Contains(output, "nothing to undo") {
			return killed
		}
		if _, err := os.Lstat(tree.file("lock")); err == nil {
			*atWork++
		}
		if output != "" && !strings.Contains(output, " of ") && (killed == 0 || !strings.Contains(output, "There was no journal")) {
			t.Fatalf("%v says %s", args, output)
		}
	}
}

// runKilled runs the program for a time at most; it reports whether it ended by itself, and well.
func runKilled(t *testing.T, args []string, after time.Duration) (done bool, stderr string) {
	t.Helper()
	command := exec.Command(program(t), args...)
	var errs strings.Builder
	command.Stderr = &errs
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(after, func() { _ = command.Process.Kill() })
	err := command.Wait()
	timer.Stop()
	exit := (*exec.ExitError)(nil)
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	code := command.ProcessState.ExitCode()
	return code == 0 || code == 3, errs.String()
}
