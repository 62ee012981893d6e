package controlplane

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
)

// parentVariable tells this program to be the parent of a control plane.
const parentVariable = "USERSCOPE_TEST_PARENT"

// parent starts a control plane, prints its directory, and panics as a test that times out does
// when it reads a line.
func parent() {
	// A shell's background job ignores Ctrl-C, and so would we, as its descendant.
	if signal.Ignored(syscall.SIGINT) {
		interrupted := make(chan os.Signal, 1)
		signal.Notify(interrupted, syscall.SIGINT)
		go func() {
			<-interrupted
			os.Exit(1)
		}()
	}
	c, err := Start(context.Background(), Options{})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(c.Dir)
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	go func() { panic("test timed out") }()
	select {}
}

// However the process that started a control plane ends, nothing of the control plane is left.
func TestDeath(t *testing.T) {
	t.Parallel()
	// To the whole process group, as a terminal and many supervisors send it.
	kill := func(signal syscall.Signal) func(*exec.Cmd, io.Writer) error {
		return func(cmd *exec.Cmd, _ io.Writer) error { return syscall.Kill(-cmd.Process.Pid, signal) }
	}
	const foreground, background = `exec "$0"`, `trap "" INT; exec "$0"`
	for _, test := range []struct {
		name  string
		shell string // the script that becomes the parent
		end   func(parent *exec.Cmd, stdin io.Writer) error
	}{
		{"SIGKILL", foreground, kill(syscall.SIGKILL)},
		{"SIGINT, as of Ctrl-C", foreground, kill(syscall.SIGINT)},
		{"SIGINT in the background", background, kill(syscall.SIGINT)},
		{"SIGTERM", foreground, kill(syscall.SIGTERM)},
		{"the panic of a test timeout", foreground, func(_ *exec.Cmd, stdin io.Writer) error {
			_, err := io.WriteString(stdin, "\n")
			return err
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			cmd := exec.Command("/bin/sh", "-c", test.shell, os.Args[0])
			cmd.Env = append(os.Environ(), parentVariable+"=1")
			cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
			stdin, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			stdout, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = cmd.Process.Kill() })

			line, err := bufio.NewReader(stdout).ReadString('\n')
			dir := strings.TrimSpace(line)
			if err != nil || !filepath.IsAbs(dir) {
				t.Fatalf("the parent said %q, %v", line, err)
			}
			if got := processesIn(t, dir); got != 2 {
				t.Fatalf("%d processes run in %s, want etcd and kube-apiserver", got, dir)
			}
			if err := test.end(cmd, stdin); err != nil {
				t.Fatal(err)
			}
			deadline := time.AfterFunc(30*time.Second, func() { _ = cmd.Process.Kill() })
			err = cmd.Wait()
			if !deadline.Stop() {
				t.Fatal("the parent did not end")
			}
			if err == nil {
				t.Error("the parent ended well")
			}
			awaitGone(t, dir)
		})
	}
}

// awaitGone waits until a control plane's processes and its directory are gone.
func awaitGone(t *testing.T, dir string) {
	t.Helper()
	var processes int
	var stat error
	err := wait.PollUntilContextTimeout(t.Context(), 20*time.Millisecond, 10*time.Second, true, func(context.Context) (bool, error) {
		processes = processesIn(t, dir)
		_, stat = os.Stat(dir)
		return processes == 0 && os.IsNotExist(stat), nil
	})
	if err != nil {
		t.Errorf("%d processes are left in %s, and stat says %v", processes, dir, stat)
	}
}

// processesIn counts the processes whose working directory is dir, as those of a control plane
// have it, also when it has been removed.
func processesIn(t *testing.T, dir string) int {
	t.Helper()
	links, err := filepath.Glob("/proc/[0-9]*/cwd")
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for _, link := range links {
		// A process that ends meanwhile has no link any more, and one that waits to be
		// reaped has none either.
		target, _ := os.Readlink(link)
		if strings.TrimSuffix(target, " (deleted)") == dir {
			count++
		}
	}
	return count
}
