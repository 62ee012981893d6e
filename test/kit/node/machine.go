package node

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"userscope.dev/userscope/test/kit/cleanup"
)

// orderVariable names the file with the order to the process that is to become a node's init.
const orderVariable = "USERSCOPE_NODE"

// order is what init is told.
type order struct {
	Dir string
	// Groups are the cgroups that it enters, of the Hierarchies.
	Groups      []string
	Hierarchies []hierarchy
	// Addresses are those of the node's loopback.
	Addresses []string
	// Target is where the relay leads.
	Target   string
	Programs []program
}

// program is one that init runs, and starts again whenever it ends.
type program struct {
	Name, Path string
	Args       []string
}

// boot makes the namespaces, starts all programs in them, and returns when the node takes Pods.
func (n *Node) boot(ctx context.Context) error {
	all, err := hierarchies()
	if err != nil {
		return err
	}
	groups, paths, err := makeGroups(all, filepath.Base(n.Dir))
	if err != nil {
		return err
	}
	n.groups = groups
	text, err := json.Marshal(order{
		Dir: n.Dir, Groups: paths, Hierarchies: all,
		Addresses: []string{address, serviceAddress}, Target: serviceAddress + ":443", Programs: n.commands(),
	})
	if err != nil {
		return err
	}
	if err := os.WriteFile(n.file("order.json"), text, 0o600); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	listener, err := n.relay.File()
	if err != nil {
		return err
	}
	defer listener.Close()

	command := exec.Command(self)
	command.Env = []string{orderVariable + "=" + n.file("order.json"), "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root"}
	command.ExtraFiles = []*os.File{listener}
	command.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWNET | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC,
	}
	// Init ends when this pipe does. The kernel's own signal for that is a thread's, and is lost where another
	// thread replaces the program.
	if _, err := command.StdinPipe(); err != nil {
		return err
	}
	if n.machine, err = cleanup.StartCommand(n.file("log"), "init", command); err != nil {
		return err
	}
	return n.awaitReady(ctx)
}

// cut ends all processes of the node, and with them its mounts and interfaces.
func (n *Node) cut() error {
	if n.machine != nil {
		n.machine.Kill()
		n.machine = nil
	}
	if n.groups == nil {
		return nil
	}
	err := n.groups.Remove()
	n.groups = nil
	return err
}
