package rotation

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"

	"userscope.dev/userscope/test/kit/cleanup"
	"userscope.dev/userscope/test/kit/controlplane"
	"userscope.dev/userscope/test/kit/repo"
	"userscope.dev/userscope/test/kit/webhookprocess"
)

// The names that the program takes by default, and that its manifests have.
const (
	namespace         = webhookprocess.ServiceNamespace
	host              = webhookprocess.ServiceName + "." + namespace + ".svc"
	servingName       = "userscope-tls"
	authoritiesName   = "userscope-issuer-ca"
	configurationName = "zz-userscope"
	issuerUser        = "system:serviceaccount:" + namespace + ":userscope-issuer"
	// nobody is a ServiceAccount without rights.
	nobody = "system:serviceaccount:" + namespace + ":default"
)

// What all tests share, set once.
var (
	cluster            *controlplane.ControlPlane
	admin, provisioner kubernetes.Interface
	endpoints          *service
)

func TestMain(m *testing.M) { os.Exit(cleanup.RunTests(m, start)) }

// start starts a control plane with what is there before the webhook: the namespace, the Service, and
// the issuer's rights.
func start(ctx context.Context) (stop func() error, err error) {
	stop = func() error { return nil }
	cluster, err = controlplane.Start(ctx, controlplane.Options{
		Users: []controlplane.User{
			controlplane.ServiceAccount(namespace, "userscope-issuer"),
			controlplane.ServiceAccount(namespace, "default"),
		},
		ServiceCIDR: "127.20.1.0/24",
	})
	if err != nil {
		return stop, err
	}
	stop = cluster.Stop
	if admin, err = kubernetes.NewForConfig(cluster.Config(controlplane.Admin)); err != nil {
		return stop, err
	}
	if provisioner, err = kubernetes.NewForConfig(cluster.Config(controlplane.Provisioner)); err != nil {
		return stop, err
	}
	_, err = admin.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}, metav1.CreateOptions{})
	if err != nil {
		return stop, err
	}
	if endpoints, err = newService(ctx, "127.20.1.10"); err != nil {
		return stop, err
	}
	stop = func() error { return errors.Join(endpoints.Close(), cluster.Stop()) }
	if err := applyRights(); err != nil {
		return stop, err
	}
	return stop, awaitRights(ctx)
}

// applyRights gives the issuer what install.yaml gives it, and nothing else of that.
func applyRights() error {
	path, err := repo.Path("manifests", "install.yaml")
	if err != nil {
		return err
	}
	manifests, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var rights []string
	for _, document := range strings.Split(string(manifests), "\n---\n") {
		if strings.Contains(document, "# Source: userscope/templates/issuer-rbac.yaml\n") {
			rights = append(rights, document)
		}
	}
	if len(rights) != 4 {
		return fmt.Errorf("%s: has %d documents of the issuer's rights, want 4", path, len(rights))
	}
	command := kubectlCommand("apply", "-f", "-")
	command.Stdin = strings.NewReader(strings.Join(rights, "\n---\n"))
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}

// kubectl runs it as the admin, and returns all that it prints.
func kubectl(args ...string) ([]byte, error) { return kubectlCommand(args...).CombinedOutput() }

func kubectlCommand(args ...string) *exec.Cmd {
	command := exec.Command(cluster.Kubectl(), args...)
	command.Env = append(os.Environ(), "KUBECONFIG="+cluster.Kubeconfig(controlplane.Admin))
	return command
}

// awaitRights waits until the API server has seen the last of the issuer's bindings.
func awaitRights(ctx context.Context) error {
	client, err := kubernetes.NewForConfig(cluster.Config(issuerUser))
	if err != nil {
		return err
	}
	review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
		ResourceAttributes: &authorizationv1.ResourceAttributes{
			Verb: "patch", Group: "admissionregistration.k8s.io", Resource: "validatingwebhookconfigurations", Name: configurationName,
		},
	}}
	return wait.PollUntilContextTimeout(ctx, 10*time.Millisecond, patience, true, func(ctx context.Context) (bool, error) {
		answer, err := client.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, review, metav1.CreateOptions{})
		return err == nil && answer.Status.Allowed, err
	})
}

// patience is how long is waited for what must happen.
const patience = 2 * time.Minute

// await waits until a condition holds: until there is nothing that keeps it from holding.
func await(t *testing.T, what string, condition func(context.Context) error) {
	t.Helper()
	var last error
	err := wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, patience, true, func(ctx context.Context) (bool, error) {
		last = condition(ctx)
		return last == nil, nil
	})
	if err != nil {
		t.Fatalf("await that %s: %v; last seen: %v", what, err, last)
	}
}

// beside does something beside a test, again and again with a pause, until the test ends or stop is
// called.
func beside(t *testing.T, pause time.Duration, do func(context.Context)) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		wait.UntilWithContext(ctx, do, pause)
	}()
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	return stop
}
