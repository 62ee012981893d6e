package node

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"userscope.dev/userscope/test/kit/cleanup"
)

// hierarchy is one of the trees of cgroups, as cgroups(7) describes them.
type hierarchy struct {
	// Controllers are its mount option, such as "memory" or "none,name=systemd"; empty for version 2.
	Controllers string
	// Place is where it is mounted, and Below the cgroup in it that the node's own cgroup is put into.
	Place, Below string
}

// hierarchies reads which ones this machine has. Where version 1 has controllers, version 2 is left out: it
// has none for a kubelet.
func hierarchies() ([]hierarchy, error) {
	own, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return nil, err
	}
	below := map[string]string{} // by controllers, as they stand there
	for line := range strings.Lines(string(own)) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		below[fields[1]] = fields[2]
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return nil, err
	}
	var first, second []hierarchy
	for line := range strings.Lines(string(mounts)) {
		fields := strings.Fields(line) // device, place, type, options
		place := fields[1]
		switch fields[2] {
		case "cgroup":
			for controllers, group := range below {
				option := "," + strings.TrimPrefix(controllers, "name=") + ","
				if controllers == "" || !strings.Contains(strings.ReplaceAll(","+fields[3]+",", "name=", ""), option) {
					continue
				}
				if controllers != "memory" {
					group = "/" // memory alone is accounted to whoever started the node
				}
				if strings.HasPrefix(controllers, "name=") {
					controllers = "none," + controllers
				}
				first = append(first, hierarchy{controllers, place, group})
			}
		case "cgroup2":
			second = append(second, hierarchy{"", place, "/"})
		}
	}
	for _, h := range first {
		if h.Controllers == "memory" {
			return first, nil
		}
	}
	if len(second) == 0 {
		return nil, errors.New("cgroups: no hierarchy with the controller memory is mounted")
	}
	return second, nil
}

// makeGroups makes a cgroup for the node in each hierarchy. They are removed when nothing runs in them.
func makeGroups(all []hierarchy, name string) (*cleanup.Groups, []string, error) {
	var paths []string
	for _, h := range all {
		paths = append(paths, filepath.Join(h.Place, h.Below, name))
	}
	groups, err := cleanup.RemoveGroups(paths...)
	if err != nil {
		return nil, nil, err
	}
	for i, path := range paths {
		if err := makeGroup(all[i], path); err != nil {
			return nil, nil, errors.Join(fmt.Errorf("make a cgroup for the node: %w", err), groups.Remove())
		}
	}
	return groups, paths, nil
}

func makeGroup(h hierarchy, path string) error {
	parent := filepath.Dir(path)
	if h.Controllers == "" {
		if err := delegate(parent); err != nil {
			return err
		}
	}
	if err := os.Mkdir(path, 0o755); err != nil { //nolint:gosec // as all cgroups are
		return err
	}
	if h.Controllers != "cpuset" {
		return nil
	}
	for _, file := range []string{"cpuset.cpus", "cpuset.mems"} { // of version 1, where nothing runs without
		value, err := os.ReadFile(filepath.Join(parent, file))
		if err == nil {
			err = os.WriteFile(filepath.Join(path, file), value, 0o600)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// delegate has the groups below one of version 2 use all controllers that it has itself.
func delegate(path string) error {
	has, err := os.ReadFile(filepath.Join(path, "cgroup.controllers"))
	if err != nil {
		return err
	}
	for controller := range strings.FieldsSeq(string(has)) {
		err := os.WriteFile(filepath.Join(path, "cgroup.subtree_control"), []byte("+"+controller), 0o600)
		if err != nil {
			return fmt.Errorf("controller %s: %w", controller, err)
		}
	}
	return nil
}

// mountGroups mounts the hierarchies where programs look for them, each with the node's cgroup as its root.
func mountGroups(all []hierarchy) error {
	const place = "/sys/fs/cgroup"
	if all[0].Controllers == "" {
		return mountUnified(place)
	}
	if err := syscall.Mount("tmpfs", place, "tmpfs", 0, "mode=755"); err != nil {
		return fmt.Errorf("mount %s: %w", place, err)
	}
	for _, h := range all {
		path := filepath.Join(place, h.Controllers[strings.LastIndexAny(h.Controllers, ",=")+1:])
		if strings.Contains(h.Controllers, ",") && !strings.Contains(h.Controllers, "=") {
			path = filepath.Join(place, h.Controllers) // such as cpu,cpuacct
		}
		if err := os.Mkdir(path, 0o755); err != nil { //nolint:gosec // as all cgroups are
			return err
		}
		if err := syscall.Mount("cgroup", path, "cgroup", 0, h.Controllers); err != nil {
			return fmt.Errorf("mount %s: %w", path, err)
		}
	}
	return nil
}

// mountUnified mounts version 2. No process may be in a cgroup whose children have controllers, so init
// moves aside, as that of a container does.
func mountUnified(place string) error {
	if err := syscall.Mount("cgroup2", place, "cgroup2", 0, ""); err != nil {
		return fmt.Errorf("mount %s: %w", place, err)
	}
	aside := filepath.Join(place, "init")
	if err := os.Mkdir(aside, 0o755); err != nil { //nolint:gosec // as all cgroups are
		return err
	}
	if err := os.WriteFile(filepath.Join(aside, "cgroup.procs"), []byte("0"), 0o600); err != nil {
		return err
	}
	return delegate(place)
}
