package node

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

// inside tells init that it is in the cgroups already, and the root of their namespace is where it is to be.
const inside = "inside"

// Main returns at once, but in the process that Start has started to be a node's init: there it does that
// work, and never returns. A program that calls Start begins with it.
func Main() {
	file := os.Getenv(orderVariable)
	if file == "" {
		return
	}
	err := serve(file)
	fmt.Fprintln(os.Stderr, "init:", err)
	os.Exit(1)
}

// serve is init's life.
func serve(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var o order
	if err := json.Unmarshal(text, &o); err != nil {
		return err
	}
	if len(os.Args) < 2 || os.Args[1] != inside {
		return enter(o.Groups)
	}
	if err := isolate(o); err != nil {
		return err
	}
	listener, err := net.FileListener(os.NewFile(3, "relay"))
	if err != nil {
		return err
	}
	go endWithParent()
	for _, p := range o.Programs {
		go keepRunning(o.Dir, p)
	}
	go reap()
	return relay(listener, o.Target)
}

// enter moves this process into the cgroups, makes a cgroup namespace of which they are the root, and begins
// anew in it: a namespace is of a thread, and only what replaces the program has but one.
func enter(groups []string) error {
	for _, group := range groups {
		if err := os.WriteFile(filepath.Join(group, "cgroup.procs"), []byte("0"), 0o600); err != nil {
			return err
		}
	}
	runtime.LockOSThread()
	if err := syscall.Unshare(syscall.CLONE_NEWCGROUP); err != nil {
		return fmt.Errorf("make a cgroup namespace: %w", err)
	}
	return fmt.Errorf("begin anew: %w", syscall.Exec("/proc/self/exe", []string{os.Args[0], inside}, os.Environ()))
}

// isolate gives the namespaces their name, mounts and addresses.
func isolate(o order) error {
	if err := syscall.Sethostname([]byte(Name)); err != nil {
		return err
	}
	// Away from the mounts of this machine; shared within the node, as a kubelet needs it.
	for _, propagation := range []uintptr{syscall.MS_PRIVATE, syscall.MS_SHARED} {
		if err := syscall.Mount("", "/", "", propagation|syscall.MS_REC, ""); err != nil {
			return fmt.Errorf("change the propagation of mounts: %w", err)
		}
	}
	for _, m := range []struct{ kind, place string }{
		{"proc", "/proc"}, {"sysfs", "/sys"}, // of the new namespaces
		// Where kubelet, containerd and CNI write by names that nobody can set.
		{"tmpfs", "/run"}, {"tmpfs", "/var/log"}, {"tmpfs", "/var/lib"},
	} {
		if err := syscall.Mount(m.kind, m.place, m.kind, 0, ""); err != nil {
			return fmt.Errorf("mount %s: %w", m.place, err)
		}
	}
	for _, dir := range []string{"/var/lib/kubelet", "/var/lib/cni"} {
		if err := os.Mkdir(dir, 0o755); err != nil { //nolint:gosec // as a package makes it
			return err
		}
	}
	if err := mountGroups(o.Hierarchies); err != nil {
		return err
	}
	if err := run("ip", "link", "set", "lo", "up"); err != nil {
		return err
	}
	for _, address := range o.Addresses {
		if err := run("ip", "address", "add", address+"/32", "dev", "lo"); err != nil {
			return err
		}
	}
	return os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0o600)
}

func run(program string, args ...string) error {
	if out, err := exec.Command(program, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %v: %w\n%s", program, args, err, out)
	}
	return nil
}

// endWithParent ends init, and so all that runs in its PID namespace, when the program has ended that started it.
func endWithParent() {
	_, _ = io.Copy(io.Discard, os.Stdin)
	os.Exit(1)
}

// keepRunning runs a program as often as it ends, as a service manager does.
func keepRunning(dir string, p program) {
	for {
		if err := once(dir, p); err != nil {
			fmt.Fprintf(os.Stderr, "init: %s: %v\n", p.Name, err)
		}
		time.Sleep(200 * time.Millisecond) //nolint:forbidigo // the pause is what is wanted: it may end at once again
	}
}

// once runs a program, with its process id and its output in files.
func once(dir string, p program) error {
	log, err := os.OpenFile(filepath.Join(dir, "log", p.Name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	command := exec.Command(p.Path, p.Args...)
	command.Dir, command.Stdout, command.Stderr = dir, log, log
	if err := command.Start(); err != nil {
		return err
	}
	err = os.WriteFile(filepath.Join(dir, p.Name+".pid"), []byte(fmt.Sprint(command.Process.Pid)), 0o600)
	if err != nil {
		return err
	}
	return command.Wait() // how it ended may be reaped before: that is all that the error can say then
}

// reap takes note of the end of processes that lost their parent, as only init can.
func reap() {
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGCHLD)
	for range ended {
		for {
			if pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); err != nil || pid <= 0 {
				break
			}
		}
	}
}

// relay leads each connection to the target, a place in the node's network.
func relay(listener net.Listener, target string) error {
	for {
		outside, err := listener.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer outside.Close()
			within, err := net.Dial("tcp", target)
			if err != nil {
				return // the caller sees the end of its connection
			}
			defer within.Close()
			go func() {
				_, _ = io.Copy(within, outside)
				_ = within.(*net.TCPConn).CloseWrite()
			}()
			_, _ = io.Copy(outside, within)
		}()
	}
}
