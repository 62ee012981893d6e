package chart

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"userscope.dev/userscope/test/kit/controlplane"
)

// Who Pods and controllers are to the API server.
var (
	issuer        = controlplane.ServiceAccount(namespace, "userscope-issuer")
	migrator      = controlplane.ServiceAccount(controlplane.Namespace, "userscope-migrate")
	jobController = controlplane.ServiceAccount("kube-system", "job-controller")
)

// cluster is a control plane on which the chart is tried.
type cluster struct{ *controlplane.ControlPlane }

// startCluster starts a control plane that ends with the test.
func startCluster(t *testing.T) cluster {
	t.Helper()
	c, err := controlplane.Start(t.Context(), controlplane.Options{
		Users: []controlplane.User{issuer, migrator, jobController},
		// Of its own, as what listens on these addresses is of this package.
		ServiceCIDR: "127.20.6.0/24",
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
	})
	return cluster{c}
}

// client returns a client of one of the users.
func (c cluster) client(t *testing.T, user string) kubernetes.Interface {
	t.Helper()
	client, err := kubernetes.NewForConfig(c.Config(user))
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// kubectl runs kubectl as the admin.
func (c cluster) kubectl(t *testing.T, stdin string, args ...string) (string, error) {
	t.Helper()
	command := exec.CommandContext(t.Context(), c.Kubectl(), append([]string{"--kubeconfig", c.Kubeconfig(controlplane.Admin)}, args...)...)
	command.Stdin = strings.NewReader(stdin)
	out, err := command.CombinedOutput()
	return string(out), err
}

// mustKubectl is kubectl where that must succeed.
func (c cluster) mustKubectl(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	out, err := c.kubectl(t, stdin, args...)
	if err != nil {
		t.Fatalf("kubectl %v: %v\n%s", args, err, out)
	}
	return out
}

// helm runs a command of helm on the cluster.
func (c cluster) helm(t *testing.T, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	return helm(t, "", append(args, "--kubeconfig", c.Kubeconfig(controlplane.Admin), "--namespace", namespace)...)
}

// mustHelm is helm where that must succeed.
func (c cluster) mustHelm(t *testing.T, args ...string) {
	t.Helper()
	if out, problem, err := c.helm(t, args...); err != nil {
		t.Fatalf("helm %v: %v\n%s%s", args, err, out, problem)
	}
}

// restricted is a namespace that takes only Pods of that Pod Security level.
const restricted = "restricted"

// trial is the control plane of the tests that store nothing in it. It knows the kinds of
// cert-manager and of the Prometheus operator.
var trial struct {
	cluster
	start sync.Once
	err   error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if trial.ControlPlane != nil {
		if err := trial.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// trialCluster starts trial once.
func trialCluster(t *testing.T) cluster {
	t.Helper()
	trial.start.Do(func() { trial.err = startTrial(t) })
	if trial.err != nil {
		t.Fatal(trial.err)
	}
	return trial.cluster
}

func startTrial(t *testing.T) (err error) {
	t.Helper()
	if trial.ControlPlane, err = controlplane.Start(t.Context(), controlplane.Options{}); err != nil {
		return err
	}
	for _, namespace := range []*corev1.Namespace{
		{ObjectMeta: metav1.ObjectMeta{Name: namespace}},
		// Of the policies that are tried: the migration's Jobs are made in theirs.
		{ObjectMeta: metav1.ObjectMeta{Name: "hub"}},
		{ObjectMeta: metav1.ObjectMeta{Name: "lab"}},
		{ObjectMeta: metav1.ObjectMeta{Name: "keyed"}},
		{ObjectMeta: metav1.ObjectMeta{Name: restricted, Labels: map[string]string{"pod-security.kubernetes.io/enforce": "restricted"}}},
	} {
		if _, err := trial.client(t, controlplane.Admin).CoreV1().Namespaces().Create(t.Context(), namespace, metav1.CreateOptions{}); err != nil {
			return err
		}
	}
	definitions, err := definitions(t)
	if err != nil {
		return err
	}
	args := []string{"create"}
	for _, file := range definitions {
		args = append(args, "-f", file)
	}
	for _, args := range [][]string{args, {"wait", "--for=condition=Established", "--timeout=60s", "crd", "--all"}} {
		if out, err := trial.kubectl(t, "", args...); err != nil {
			return fmt.Errorf("kubectl %v: %w\n%s", args, err, out)
		}
	}
	return nil
}

// definitions returns the files of the CustomResourceDefinitions of the chart's optional objects.
func definitions(t *testing.T) ([]string, error) {
	t.Helper()
	const (
		certManager = "github.com/cert-manager/cert-manager"
		prometheus  = "github.com/prometheus-operator/prometheus-operator"
	)
	command := exec.CommandContext(t.Context(), "go", "mod", "download", "-json", certManager, prometheus)
	command.Dir = path(t, "test", "tools", "crds")
	out, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", command, err, out)
	}
	dirs := map[string]string{}
	for decoder := json.NewDecoder(bytes.NewReader(out)); decoder.More(); {
		var module struct{ Path, Dir string }
		if err := decoder.Decode(&module); err != nil {
			return nil, err
		}
		dirs[module.Path] = module.Dir
	}
	ofCertManager := filepath.Join(dirs[certManager], "deploy", "crds")
	ofPrometheus := filepath.Join(dirs[prometheus], "example", "prometheus-operator-crd")
	return []string{
		filepath.Join(ofCertManager, "cert-manager.io_certificates.yaml"),
		filepath.Join(ofCertManager, "cert-manager.io_issuers.yaml"),
		filepath.Join(ofPrometheus, "monitoring.coreos.com_podmonitors.yaml"),
		filepath.Join(ofPrometheus, "monitoring.coreos.com_prometheusrules.yaml"),
		filepath.Join(ofPrometheus, "monitoring.coreos.com_servicemonitors.yaml"),
	}, nil
}
