package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"userscope.dev/userscope/test/kit/cleanup"
)

// readyWithin is how long after its certificate is there the webhook may take to be ready.
const readyWithin = time.Second

// starts is how often it is tried: the machine may have much else to do, and the image is judged
// by the fastest.
const starts = 5

// tryStarts starts the image's webhook, several times, as a node does that has held the container
// back until the certificate was there.
func tryStarts(ctx context.Context, out io.Writer, i *image) error {
	var took []time.Duration
	for range starts {
		one, err := tryStart(ctx, i)
		if err != nil {
			return err
		}
		took = append(took, one)
	}
	slices.Sort(took)
	fmt.Fprintf(out, "started  as non-root, without capabilities, on a read-only root, by runc: ready %d ms after the certificate was there (slowest of %d: %d ms)\n",
		took[0].Milliseconds(), starts, took[starts-1].Milliseconds())
	if took[0] > readyWithin {
		return fmt.Errorf("is ready %s after the certificate is there at best, want %s", took[0], readyWithin)
	}
	return nil
}

// tryStart runs the webhook once and measures from before the runtime is called until it is ready.
func tryStart(ctx context.Context, i *image) (took time.Duration, err error) {
	dir, err := cleanup.MkdirTemp("userscope-image-")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, dir.Remove()) }()
	address, healthAddress, err := prepare(dir.Path, i)
	if err != nil {
		return 0, err
	}

	began := time.Now()
	// Whatever ends this program ends unshare, and that the namespace with all that runs in it.
	runtime, err := cleanup.Start(dir.Path, "unshare", "--pid", "--fork", "--kill-child", "--mount-proc",
		"runc", "--root", filepath.Join(dir.Path, "state"), "run", "--bundle", dir.Path, filepath.Base(dir.Path))
	if err != nil {
		return 0, err
	}
	defer runtime.Kill()
	err = cleanup.AwaitReady(ctx, func(ctx context.Context) error { return ready(ctx, healthAddress) }, runtime)
	if err != nil {
		return 0, err
	}
	took = time.Since(began)

	pid, err := find(address)
	if err != nil {
		return 0, err
	}
	if err := confined(pid); err != nil {
		return 0, err
	}
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		return 0, err
	}
	return took, runtime.Wait()
}

// ready reports why the webhook is not.
func ready(ctx context.Context, address string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/readyz", http.NoBody)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return errors.New("/readyz: " + response.Status)
	}
	return nil
}

// find returns the process in the container: the image's program that listens at the address.
func find(address string) (pid int, err error) {
	processes, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return 0, err
	}
	for _, process := range processes {
		args, err := os.ReadFile(filepath.Join(process, "cmdline"))
		if err != nil || !strings.HasPrefix(string(args), programPath+"\x00") || !strings.Contains(string(args), "\x00"+address+"\x00") {
			continue // it may also have ended meanwhile
		}
		_, err = fmt.Sscanf(filepath.Base(process), "%d", &pid)
		return pid, err
	}
	return 0, fmt.Errorf("no process %s listens at %s", programPath, address)
}

// confined reports what the kernel lets a process do that it should not.
func confined(pid int) error {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return err
	}
	var problems []error
	const id, none = "65532\t65532\t65532\t65532", "0000000000000000"
	for _, want := range []string{
		"Uid:\t" + id, "Gid:\t" + id, "CapInh:\t" + none, "CapPrm:\t" + none, "CapEff:\t" + none, "CapBnd:\t" + none, "CapAmb:\t" + none, "NoNewPrivs:\t1",
	} {
		if !strings.Contains(string(status), "\n"+want+"\n") {
			problems = append(problems, fmt.Errorf("/proc/%d/status has no line %q", pid, want))
		}
	}
	mounts, err := os.ReadFile(fmt.Sprintf("/proc/%d/mounts", pid))
	if err != nil {
		return errors.Join(append(problems, err)...)
	}
	for line := range strings.Lines(string(mounts)) {
		fields := strings.Fields(line) // device, place, type, options
		if fields[1] == "/" && !slices.Contains(strings.Split(fields[3], ","), "ro") {
			problems = append(problems, fmt.Errorf("its root is mounted %s", fields[3]))
		}
	}
	return errors.Join(problems...)
}
