package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"

	"userscope.dev/userscope/test/kit/cleanup"
	"userscope.dev/userscope/test/kit/pki"
	"userscope.dev/userscope/test/kit/repo"
)

// prepare makes dir the bundle of a container that serves at the addresses.
func prepare(dir string, i *image) (address, healthAddress string, err error) {
	certs := filepath.Join(dir, "certs")
	if err := os.Mkdir(certs, 0o700); err != nil {
		return "", "", err
	}
	if _, err := pki.WriteServing(certs, "127.0.0.1"); err != nil {
		return "", "", err
	}
	policies := filepath.Join(dir, "policies")
	if err := os.Mkdir(policies, 0o700); err != nil {
		return "", "", err
	}
	policy, err := repo.Path("manifests", "policies", "deerflow.yaml")
	if err != nil {
		return "", "", err
	}
	if err := os.CopyFS(policies, os.DirFS(filepath.Dir(policy))); err != nil {
		return "", "", err
	}
	// As the kubelet leaves them, for everybody to read.
	if said, err := exec.Command("chmod", "-R", "a+rX", certs, policies).CombinedOutput(); err != nil {
		return "", "", fmt.Errorf("chmod: %w: %s", err, said)
	}

	root := filepath.Join(dir, "rootfs")
	if err := os.Mkdir(root, 0o755); err != nil { //nolint:gosec // it is to be read by the user of the image
		return "", "", err
	}
	if err := os.WriteFile(filepath.Join(root, programPath), i.program, 0o755); err != nil { //nolint:gosec // as is the program
		return "", "", err
	}
	ports := [2]int{}
	for n := range ports {
		if ports[n], err = cleanup.FreePort(); err != nil {
			return "", "", err
		}
	}
	address, healthAddress = fmt.Sprintf("127.0.0.1:%d", ports[0]), fmt.Sprintf("127.0.0.1:%d", ports[1])
	args := append(slices.Clone(i.config.Entrypoint), "webhook", "--policy", "/policies/"+filepath.Base(policy), "--cert-dir", "/certs",
		"--listen", address, "--listen-health", healthAddress, "--drain-delay", "0s")
	spec, err := json.Marshal(restricted(i, args, certs, policies))
	if err != nil {
		return "", "", err
	}
	return address, healthAddress, os.WriteFile(filepath.Join(dir, "config.json"), spec, 0o600)
}

// restricted is the container that a kubelet makes of a Pod that Pod Security's restricted standard
// admits and whose root is read-only, but that it has the host's network: it is called on loopback.
func restricted(i *image, args []string, certs, policies string) specs.Spec {
	var user specs.User
	// check says it when the user is none such.
	_, _ = fmt.Sscanf(i.config.User, "%d:%d", &user.UID, &user.GID)
	volume := func(source, destination string) specs.Mount {
		return specs.Mount{Type: "bind", Source: source, Destination: destination, Options: []string{"bind", "ro", "nosuid", "nodev", "noexec"}}
	}
	return specs.Spec{
		Version: "1.0.2",
		Root:    &specs.Root{Path: "rootfs", Readonly: true},
		Process: &specs.Process{
			User: user, Args: args, Env: i.config.Env, Cwd: "/",
			Capabilities: &specs.LinuxCapabilities{}, NoNewPrivileges: true,
		},
		Mounts: []specs.Mount{
			{Type: "proc", Source: "proc", Destination: "/proc"},
			{Type: "tmpfs", Source: "tmpfs", Destination: "/dev", Options: []string{"nosuid", "mode=755"}},
			volume(certs, "/certs"), volume(policies, "/policies"),
		},
		Linux: &specs.Linux{
			Namespaces: []specs.LinuxNamespace{
				{Type: specs.PIDNamespace}, {Type: specs.IPCNamespace}, {Type: specs.UTSNamespace}, {Type: specs.MountNamespace},
			},
			MaskedPaths:   []string{"/proc/kcore", "/proc/keys"},
			ReadonlyPaths: []string{"/proc/sys"},
		},
	}
}
