package node

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"userscope.dev/userscope/test/kit/repo"
)

// programs are the paths of what a node consists of.
type programs struct {
	etcd, apiServer, controllerManager, scheduler, kubelet, kubectl string
	containerd, ctr, pause                                          string
}

// plugins is where Debian's package containernetworking-plugins puts them.
const plugins = "/usr/lib/cni"

// packages say which of Debian's packages has a program.
var packages = []struct{ program, name string }{
	{"containerd", "containerd"},
	{"ctr", "containerd"},
	{"runc", "runc"},
	{plugins + "/bridge", "containernetworking-plugins"},
	{plugins + "/host-local", "containernetworking-plugins"},
	{plugins + "/loopback", "containernetworking-plugins"},
	{"ip", "iproute2"},
	{"nsenter", "util-linux"},
}

// MissingHere says, line by line, what of the machine keeps a node from running on it, if anything does. What
// is built is none of that.
func MissingHere() error {
	var missing []error
	if os.Geteuid() != 0 {
		missing = append(missing, fmt.Errorf("root: this is user %d, who may not make namespaces, mounts and cgroups", os.Geteuid()))
	}
	var absent []string
	for _, p := range packages {
		if _, err := exec.LookPath(p.program); err != nil {
			missing = append(missing, fmt.Errorf("%s, of Debian's package %s", p.program, p.name))
			absent = append(absent, p.name)
		}
	}
	if len(absent) > 0 {
		missing = append(missing, fmt.Errorf("so run: apt-get install --no-install-recommends %s", strings.Join(slices.Compact(absent), " ")))
	}
	if _, err := hierarchies(); err != nil {
		missing = append(missing, err)
	}
	if len(missing) > 0 {
		return fmt.Errorf("a node needs what is not here:\n%w", errors.Join(missing...))
	}
	return nil
}

// find looks for all that a node consists of.
func find() (found programs, err error) {
	if err := MissingHere(); err != nil {
		return programs{}, err
	}
	if found.containerd, err = exec.LookPath("containerd"); err != nil {
		return programs{}, err
	}
	if found.ctr, err = exec.LookPath("ctr"); err != nil {
		return programs{}, err
	}
	// Whoever has Kubernetes' control plane already names its directory, as for controller-runtime's envtest.
	controlPlane := os.Getenv("KUBEBUILDER_ASSETS")
	if controlPlane == "" {
		if controlPlane, err = repo.Path("bin", "kubernetes"); err != nil {
			return programs{}, err
		}
	}
	built, err := repo.Path("bin", "node")
	if err != nil {
		return programs{}, err
	}
	var missing []error
	for _, p := range []struct {
		path      *string
		dir, name string
	}{
		{&found.etcd, controlPlane, "etcd"},
		{&found.apiServer, controlPlane, "kube-apiserver"},
		{&found.kubectl, controlPlane, "kubectl"},
		{&found.controllerManager, built, "kube-controller-manager"},
		{&found.scheduler, built, "kube-scheduler"},
		{&found.kubelet, built, "kubelet"},
		{&found.pause, built, "pause"},
	} {
		*p.path = filepath.Join(p.dir, p.name)
		if info, err := os.Stat(*p.path); err != nil || info.Mode()&0o111 == 0 {
			missing = append(missing, fmt.Errorf("no executable %s: run `make controlplane node-programs`", *p.path))
		}
	}
	return found, errors.Join(missing...)
}
