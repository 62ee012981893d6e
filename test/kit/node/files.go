package node

import (
	"bytes"
	"embed"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"syscall"
	"text/template"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"userscope.dev/userscope/test/kit/pki"
)

// serviceAccountKey signs the tokens of ServiceAccounts.
const serviceAccountKey = "service-account.key"

// configuration are the files of programs that take their settings from files.
//
//go:embed configuration
var configuration embed.FS

// writeFiles writes what the node's programs and their clients need.
func (n *Node) writeFiles() error {
	for _, dir := range []string{"pki", "log", "pods", "kubelet", "containerd", "cni"} {
		if err := os.Mkdir(n.file(dir), 0o711); err != nil { //nolint:gosec // containers pass through it
			return err
		}
	}
	if err := os.Mkdir(n.Disk(), 0o755); err != nil { //nolint:gosec // as the root of a volume
		return err
	}
	err := pki.WriteIdentities(n.file("pki"),
		pki.Identity{File: "kube-apiserver", Name: "kube-apiserver", Hosts: []string{
			"127.0.0.1", address, serviceAddress, "kubernetes", "kubernetes.default", "kubernetes.default.svc",
		}},
		pki.Identity{File: "admin", Name: "admin", Groups: []string{"system:masters"}},
		pki.Identity{File: "kubelet", Name: "system:node:" + Name, Groups: []string{"system:nodes"}},
		pki.Identity{File: "kube-controller-manager", Name: "system:kube-controller-manager"},
		pki.Identity{File: "kube-scheduler", Name: "system:kube-scheduler"},
	)
	if err != nil {
		return err
	}
	if err := pki.WriteKey(n.file(serviceAccountKey)); err != nil {
		return err
	}
	for _, user := range []string{"kubelet", "kube-controller-manager", "kube-scheduler"} {
		if err := n.writeKubeconfig(user, serviceAddress+":443"); err != nil {
			return err
		}
	}
	if err := n.writeKubeconfig("admin", n.relay.Addr().String()); err != nil {
		return err
	}
	return n.writeConfiguration()
}

func (n *Node) writeKubeconfig(user, server string) error {
	config := clientcmdapi.NewConfig()
	var files [3][]byte
	for i, name := range []string{pki.CAFile, user + ".crt", user + ".key"} {
		var err error
		if files[i], err = os.ReadFile(n.file(filepath.Join("pki", name))); err != nil {
			return err
		}
	}
	config.Clusters["node"] = &clientcmdapi.Cluster{
		Server: (&url.URL{Scheme: "https", Host: server}).String(), CertificateAuthorityData: files[0],
	}
	config.AuthInfos[user] = &clientcmdapi.AuthInfo{ClientCertificateData: files[1], ClientKeyData: files[2]}
	config.Contexts["node"] = &clientcmdapi.Context{Cluster: "node", AuthInfo: user}
	config.CurrentContext = "node"
	return clientcmd.WriteToFile(*config, n.file(user+".kubeconfig"))
}

// writeConfiguration fills in the node's places.
func (n *Node) writeConfiguration() error {
	snapshotter, err := n.snapshotter()
	if err != nil {
		return err
	}
	templates, err := template.ParseFS(configuration, "configuration/*")
	if err != nil {
		return err
	}
	for from, to := range map[string]string{
		"containerd.toml": "containerd.toml", "kubelet.yaml": "kubelet.yaml", "bridge.conflist": "cni/bridge.conflist",
	} {
		var text bytes.Buffer
		err := templates.ExecuteTemplate(&text, from, map[string]string{
			"Dir": n.Dir, "Address": address, "Plugins": plugins, "Snapshotter": snapshotter, "Pause": pause,
		})
		if err != nil {
			return err
		}
		if err := os.WriteFile(n.file(to), text.Bytes(), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// snapshotter is how containerd lays out images: no overlay can lie upon another one, as in a container.
func (n *Node) snapshotter() (string, error) {
	var filesystem syscall.Statfs_t
	if err := syscall.Statfs(n.Dir, &filesystem); err != nil {
		return "", fmt.Errorf("statfs %s: %w", n.Dir, err)
	}
	const overlay = 0x794c7630 // OVERLAYFS_SUPER_MAGIC of linux/magic.h
	if filesystem.Type == overlay {
		return "native", nil
	}
	return "overlayfs", nil
}
