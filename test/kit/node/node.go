package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"userscope.dev/userscope/test/kit/cleanup"
)

// Name is the node's name in the cluster.
const Name = "node"

// Node is a running node.
type Node struct {
	// Dir holds all its files: Disk, the programs' logs in log, etcd's data, images.
	Dir string

	dir      *cleanup.Dir
	programs programs
	// relay is the port of this machine's loopback that leads to the API server.
	relay   *net.TCPListener
	groups  *cleanup.Groups
	machine *cleanup.Process
}

// Start starts a node and returns when it takes Pods. The context bounds the start only.
func Start(ctx context.Context) (*Node, error) {
	found, err := find()
	if err != nil {
		return nil, err
	}
	n := &Node{programs: found}
	if err := n.start(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("start the node: %w", err), n.Stop())
	}
	return n, nil
}

func (n *Node) start(ctx context.Context) (err error) {
	if n.dir, err = cleanup.MkdirTemp("userscope-node-"); err != nil {
		return err
	}
	n.Dir = n.dir.Path
	// Containers of other users pass through it, to what is mounted into them.
	if err := os.Chmod(n.Dir, 0o711); err != nil { //nolint:gosec // as said
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	n.relay = listener.(*net.TCPListener)
	if err := n.writeFiles(); err != nil {
		return err
	}
	if err := n.boot(ctx); err != nil {
		return err
	}
	return n.ImportProgram(ctx, pause, n.programs.pause)
}

// Disk is the directory, of this machine and of the node, for what is to outlive containers.
func (n *Node) Disk() string { return n.file("disk") }

// Restart ends the node as a power cut does, all its processes, containers, mounts and interfaces, and
// starts it anew with what is on its disk: etcd's data, images, and Disk.
func (n *Node) Restart(ctx context.Context) error {
	if err := n.cut(); err != nil {
		return err
	}
	return n.boot(ctx)
}

// Kill ends one of the node's programs, as by an accident. Init starts it again.
func (n *Node) Kill(ctx context.Context, program string) error {
	_, err := n.Exec(ctx, "sh", "-c", `kill -KILL "$(cat "$1")"`, "sh", n.file(program+".pid"))
	return err
}

// Exec runs a program on the node and returns what it prints.
func (n *Node) Exec(ctx context.Context, program string, args ...string) (string, error) {
	command := exec.CommandContext(ctx, "nsenter", append([]string{
		"--target", fmt.Sprint(n.machine.PID()), "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--", program,
	}, args...)...)
	out, err := command.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("on the node: %s %v: %w\n%s", program, args, err, out)
	}
	return string(out), err
}

// Kubeconfig is the path of a kubeconfig of an admin, for this machine.
func (n *Node) Kubeconfig() string { return n.file("admin.kubeconfig") }

// Config is a client configuration of an admin, without a rate limit and deaf to warnings.
func (n *Node) Config() (*rest.Config, error) {
	config, err := clientcmd.BuildConfigFromFlags("", n.Kubeconfig())
	if err != nil {
		return nil, err
	}
	config.QPS, config.WarningHandler = -1, rest.NoWarnings{}
	return config, nil
}

// Kubectl is the path of kubectl.
func (n *Node) Kubectl() string { return n.programs.kubectl }

// Stop ends the node and removes all that it has written. Stopping twice is stopping once.
func (n *Node) Stop() error {
	err := n.cut()
	if n.relay != nil {
		err = errors.Join(err, n.relay.Close())
		n.relay = nil
	}
	if n.dir != nil {
		err = errors.Join(err, n.dir.Remove())
		n.dir = nil
	}
	return err
}

// CopyLogs copies the logs of the node's programs and of its containers to a directory, which it empties first.
func (n *Node) CopyLogs(to string) error {
	if err := os.RemoveAll(to); err != nil {
		return err
	}
	return errors.Join(
		os.CopyFS(filepath.Join(to, "programs"), os.DirFS(n.file("log"))),
		os.CopyFS(filepath.Join(to, "containers"), os.DirFS(n.file("pods"))),
	)
}

// patience is how long the node may take to be ready. It takes ten seconds on two idle cores.
const patience = 3 * time.Minute

// awaitReady waits until the API server takes Pods of the namespace default and the node runs them.
func (n *Node) awaitReady(ctx context.Context) error {
	config, err := n.Config()
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var last error
	started := time.Now()
	err = wait.PollUntilContextCancel(ctx, 50*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		select {
		case <-n.machine.Done():
			return false, errors.Join(errors.New("the node's init has ended"), n.machine.Wait())
		default:
		}
		last = ready(ctx, client, started)
		return last == nil, nil
	})
	if err != nil {
		return fmt.Errorf("%w: %w%s", err, last, n.ends())
	}
	return nil
}

func (n *Node) file(name string) string { return filepath.Join(n.Dir, name) }
