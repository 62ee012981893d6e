// Command benchmigrate measures userscope migrate against what it cannot do without: plan against a
// bare walk of the tree, apply against a bare loop of mkdir and rename over the same tree.
//
//	go run ./cmd/benchmigrate -dir DIR -threads 100000 -files 10 -users 1000
//
// DIR must lie on the filesystem to measure. The tree is made once, and moved there and back.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"userscope.dev/userscope/test/kit/repo"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "migrate:", err)
		os.Exit(1)
	}
}

// bench is a tree, and the program that moves it.
type bench struct {
	dir, legacy, root, owners, program string
	threads, files, users              int
}

func run() error {
	var b bench
	var rounds int
	flag.StringVar(&b.dir, "dir", os.TempDir(), "`DIR`ectory on the filesystem to measure")
	flag.IntVar(&b.threads, "threads", 100_000, "how many threads")
	flag.IntVar(&b.files, "files", 10, "how many files each")
	flag.IntVar(&b.users, "users", 1000, "how many users")
	flag.IntVar(&rounds, "rounds", 3, "how often to measure")
	flag.Parse()
	program, err := repo.Path("bin", "userscope")
	if err != nil {
		return err
	}
	if _, err := os.Stat(program); err != nil {
		return fmt.Errorf("%w: run `make build`", err)
	}
	dir, err := os.MkdirTemp(b.dir, "userscope-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b.program, b.legacy, b.root, b.owners = program, filepath.Join(dir, "threads"), filepath.Join(dir, "deer-flow"), filepath.Join(dir, "owners.csv")
	if err := b.make(); err != nil {
		return err
	}
	fmt.Printf("%d threads of %d users with %d files each\n", b.threads, b.users, b.files)
	for range rounds {
		if err := b.measure(); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) thread(i int) string {
	return fmt.Sprintf("%08x-5eed-4dea-9f10-%012x", i*2654435761%(1<<32), i)
}
func (b *bench) user(i int) string { return fmt.Sprintf("user-%05d", i*7919%b.users) }

// make makes the tree.
func (b *bench) make() error {
	if err := os.Mkdir(b.root, 0o700); err != nil {
		return err
	}
	owners := []byte("thread_id,user_id\n")
	for i := range b.threads {
		data := filepath.Join(b.legacy, b.thread(i), "user-data")
		if err := os.MkdirAll(data, 0o700); err != nil {
			return err
		}
		for n := range b.files {
			if err := os.WriteFile(filepath.Join(data, fmt.Sprintf("file-%d", n)), []byte("data\n"), 0o600); err != nil {
				return err
			}
		}
		owners = fmt.Appendf(owners, "%s,%s\n", b.thread(i), b.user(i))
	}
	return os.WriteFile(b.owners, owners, 0o600)
}

// measure measures everything once, each from synced disks.
func (b *bench) measure() error {
	walk, err := timed(b.walk)
	if err != nil {
		return err
	}
	plan, planMemory, err := b.migrate("plan", "--legacy", b.legacy, "--owners", b.owners)
	if err != nil {
		return err
	}
	bare, err := timed(b.bare)
	if err != nil {
		return err
	}
	if err := b.back(); err != nil {
		return err
	}
	apply, applyMemory, err := b.migrate("apply", "--legacy", b.legacy, "--owners", b.owners)
	if err != nil {
		return err
	}
	undo, undoMemory, err := b.migrate("undo")
	if err != nil {
		return err
	}
	fmt.Printf("walk %.2fs  plan %.2fs (%.2f×, %d MB)  bare loop %.2fs  apply %.2fs (%.2f×, %d MB)  undo %.2fs (%d MB)\n",
		walk.Seconds(), plan.Seconds(), plan.Seconds()/walk.Seconds(), planMemory>>20,
		bare.Seconds(), apply.Seconds(), apply.Seconds()/bare.Seconds(), applyMemory>>20, undo.Seconds(), undoMemory>>20)
	return nil
}

func timed(do func() error) (time.Duration, error) {
	syscall.Sync()
	start := time.Now()
	err := do()
	return time.Since(start), err
}

// walk looks at every file.
func (b *bench) walk() error {
	return filepath.WalkDir(b.legacy, func(_ string, entry fs.DirEntry, err error) error {
		if err == nil {
			_, err = entry.Info()
		}
		return err
	})
}

// bare moves the threads as a loop without journal, checks or order would.
func (b *bench) bare() error {
	for i := range b.threads {
		dir := filepath.Join(b.root, "users", b.user(i), "threads")
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
		if err := os.Rename(filepath.Join(b.legacy, b.thread(i)), filepath.Join(dir, b.thread(i))); err != nil {
			return err
		}
	}
	return nil
}

// back undoes bare.
func (b *bench) back() error {
	for i := range b.threads {
		if err := os.Rename(filepath.Join(b.root, "users", b.user(i), "threads", b.thread(i)), filepath.Join(b.legacy, b.thread(i))); err != nil {
			return err
		}
	}
	return os.RemoveAll(filepath.Join(b.root, "users"))
}

// migrate runs userscope migrate, and returns its time and its greatest resident size in bytes.
func (b *bench) migrate(verb string, flags ...string) (time.Duration, int64, error) {
	command := exec.Command(b.program, append([]string{"migrate", verb, "--root", b.root}, flags...)...)
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	took, err := timed(command.Run)
	if err != nil {
		return 0, 0, fmt.Errorf("%s: %w: %s", command, err, stderr.Bytes())
	}
	if verb != "undo" && strings.Count(stdout.String(), "\nmove") < b.threads {
		return 0, 0, errors.New(command.String() + ": did not move all threads")
	}
	usage, ok := command.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0, 0, errors.New("no resource usage")
	}
	return took, usage.Maxrss << 10, nil
}
