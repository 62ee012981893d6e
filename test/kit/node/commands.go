package node

import (
	"path/filepath"

	"userscope.dev/userscope/test/kit/pki"
)

// The node's addresses. Pods have 10.98.0.0/24.
const (
	address = "10.99.0.1"
	// serviceAddress is the ClusterIP of the Service kubernetes, the first of serviceRange.
	serviceAddress = "10.96.0.1"
	serviceRange   = "10.96.0.0/24"
)

// commands are the programs of the node, with what tells them their places.
func (n *Node) commands() []program {
	const etcd = "http://127.0.0.1:2379"
	const etcdPeers = "http://127.0.0.1:2380"
	certificate := func(name string) string { return n.file(filepath.Join("pki", name+".crt")) }
	key := func(name string) string { return n.file(filepath.Join("pki", name+".key")) }
	kubeconfigs := func(name string) []string {
		file := n.file(name + ".kubeconfig")
		return []string{"--kubeconfig=" + file, "--authentication-kubeconfig=" + file, "--authorization-kubeconfig=" + file}
	}
	ca := n.file(filepath.Join("pki", pki.CAFile))
	return []program{
		{"etcd", n.programs.etcd, []string{
			"--data-dir=" + n.file("etcd"),
			"--listen-client-urls=" + etcd, "--advertise-client-urls=" + etcd,
			"--listen-peer-urls=" + etcdPeers, "--initial-advertise-peer-urls=" + etcdPeers, "--initial-cluster=default=" + etcdPeers,
			"--unsafe-no-fsync", // what a killed process has written is there all the same
		}},
		{"kube-apiserver", n.programs.apiServer, []string{
			"--etcd-servers=" + etcd,
			"--bind-address=0.0.0.0", "--secure-port=443", "--advertise-address=" + address,
			"--service-cluster-ip-range=" + serviceRange,
			"--enable-aggregator-routing=true", // it dials the Pods of a webhook's Service: there is no kube-proxy
			"--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction",
			"--allow-privileged", // as real clusters have it: what they accept must be refused by us
			"--client-ca-file=" + ca,
			"--tls-cert-file=" + certificate("kube-apiserver"), "--tls-private-key-file=" + key("kube-apiserver"),
			"--kubelet-client-certificate=" + certificate("admin"), "--kubelet-client-key=" + key("admin"),
			"--kubelet-preferred-address-types=InternalIP",
			"--service-account-issuer=https://kubernetes.default.svc",
			"--service-account-key-file=" + n.file(serviceAccountKey), "--service-account-signing-key-file=" + n.file(serviceAccountKey),
		}},
		{"kube-controller-manager", n.programs.controllerManager, append(kubeconfigs("kube-controller-manager"),
			"--use-service-account-credentials", "--service-account-private-key-file="+n.file(serviceAccountKey), "--root-ca-file="+ca,
			"--leader-elect=false", "--bind-address=127.0.0.1", "--kube-api-qps=1000", "--kube-api-burst=1000",
			"--flex-volume-plugin-dir="+n.file("flexvolumes"),
		)},
		{"kube-scheduler", n.programs.scheduler, append(kubeconfigs("kube-scheduler"), "--leader-elect=false", "--bind-address=127.0.0.1")},
		{"containerd", n.programs.containerd, []string{"--config=" + n.file("containerd.toml")}},
		{"kubelet", n.programs.kubelet, []string{
			"--config=" + n.file("kubelet.yaml"), "--kubeconfig=" + n.file("kubelet.kubeconfig"),
			"--root-dir=" + n.file("kubelet"), "--cert-dir=" + n.file("kubelet/pki"),
			"--hostname-override=" + Name, "--node-ip=" + address, "--v=2",
		}},
	}
}
