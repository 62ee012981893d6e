package controlplane

import (
	"context"
	"fmt"

	"k8s.io/client-go/kubernetes"

	"userscope.dev/userscope/test/kit/cleanup"
	"userscope.dev/userscope/test/kit/pki"
)

// Files in the control plane's directory beside those of package pki.
const (
	tokenFile         = "tokens.csv"
	serviceAccountKey = "service-account.key"
	etcdData          = "etcd"
)

// etcd is reached through sockets in the control plane's directory, in which every process of
// it runs: no port to be taken by another, and no way in for other users of the machine. (A
// URL needs a host and a port; the socket is the file localhost:1.)
const (
	etcdClients = "unix://localhost:1"
	etcdPeers   = "unix://localhost:2"
)

func (c *ControlPlane) startEtcd() (err error) {
	c.etcd, err = cleanup.Start(c.Dir, c.binaries.etcd,
		"--data-dir="+etcdData,
		"--listen-client-urls="+etcdClients,
		"--advertise-client-urls="+etcdClients,
		"--listen-peer-urls="+etcdPeers,
		"--initial-advertise-peer-urls="+etcdPeers,
		"--initial-cluster=default="+etcdPeers,
		"--unsafe-no-fsync",
	)
	return err
}

func (c *ControlPlane) startAPIServer(ctx context.Context) error {
	port, err := cleanup.FreePort()
	if err != nil {
		return err
	}
	c.server = fmt.Sprintf("https://127.0.0.1:%d", port)
	if err := c.writeKubeconfigs(); err != nil {
		return err
	}
	args := []string{
		"--etcd-servers=" + etcdClients,
		"--bind-address=127.0.0.1",
		fmt.Sprintf("--secure-port=%d", port),
		"--advertise-address=127.0.0.1",
		"--endpoint-reconciler-type=none", // the others refuse a loopback address
		"--cert-dir=.",
		"--tls-cert-file=" + pki.CertFile,
		"--tls-private-key-file=" + pki.KeyFile,
		"--token-auth-file=" + tokenFile,
		"--authorization-mode=RBAC",
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + serviceAccountKey,
		"--service-account-signing-key-file=" + serviceAccountKey,
		"--service-cluster-ip-range=" + c.options.ServiceCIDR,
		"--allow-privileged", // as real clusters have it: what they accept must be refused by us
	}
	if !c.options.ServiceAccountAdmission {
		args = append(args, "--disable-admission-plugins=ServiceAccount")
	}
	c.apiServer, err = cleanup.Start(c.Dir, c.binaries.apiServer, append(args, c.options.APIServerArgs...)...)
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(c.Config(Admin))
	if err != nil {
		return err
	}
	return cleanup.AwaitReady(ctx, func(ctx context.Context) error {
		return client.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error()
	}, c.apiServer, c.etcd)
}
