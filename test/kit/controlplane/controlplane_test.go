package controlplane

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// start starts a control plane that ends with the test.
func start(t *testing.T, options Options) *ControlPlane {
	t.Helper()
	c, err := Start(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// as returns a client of one of the users.
func as(t *testing.T, c *ControlPlane, user string) kubernetes.Interface {
	t.Helper()
	client, err := kubernetes.NewForConfig(c.Config(user))
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func pod() *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "pod-"},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: "none"}}},
	}
}

func TestRights(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: []User{{Name: "nobody"}}})
	for _, test := range []struct {
		user, verb, resource, subresource, namespace string
		want                                         bool
	}{
		{Provisioner, "create", "pods", "", Namespace, true},
		{Provisioner, "delete", "pods", "", Namespace, true},
		{Provisioner, "get", "pods", "", Namespace, true},
		{Provisioner, "create", "services", "", Namespace, true},
		{Provisioner, "delete", "services", "", Namespace, true},
		{Provisioner, "list", "services", "", Namespace, true},
		{Provisioner, "update", "pods", "", Namespace, false},
		{Provisioner, "patch", "pods", "", Namespace, false},
		{Provisioner, "deletecollection", "pods", "", Namespace, false},
		{Provisioner, "create", "pods", "exec", Namespace, false},
		{Provisioner, "update", "pods", "ephemeralcontainers", Namespace, false},
		{Provisioner, "get", "secrets", "", Namespace, false},
		{Provisioner, "create", "pods", "", "default", false},
		{"nobody", "create", "pods", "", Namespace, false},
		{Admin, "update", "pods", "ephemeralcontainers", "default", true},
	} {
		t.Run(strings.Join([]string{test.user, test.verb, test.resource, test.subresource, test.namespace}, " "), func(t *testing.T) {
			review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
				ResourceAttributes: &authorizationv1.ResourceAttributes{
					Namespace: test.namespace, Verb: test.verb, Resource: test.resource, Subresource: test.subresource,
				},
			}}
			answer, err := as(t, c, test.user).AuthorizationV1().SelfSubjectAccessReviews().Create(t.Context(), review, metav1.CreateOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if answer.Status.Allowed != test.want {
				t.Errorf("allowed: %v, want %v", answer.Status.Allowed, test.want)
			}
		})
	}
}

func TestKubectl(t *testing.T) {
	t.Parallel()
	c := start(t, Options{})
	for _, test := range []struct {
		name, user string
		arguments  []string
		want       string
	}{
		{"names the provisioner", Provisioner, []string{"auth", "whoami"}, Provisioner},
		{"names its groups", Provisioner, []string{"auth", "whoami"}, "system:serviceaccounts:deer-flow"},
		{"can compare the versions", Admin, []string{"version"}, "Server Version: v1.37"},
		{"works in DeerFlow's namespace", Provisioner, []string{"get", "pods"}, "No resources found in deer-flow namespace."},
	} {
		t.Run(test.name, func(t *testing.T) {
			out, err := exec.CommandContext(t.Context(), c.Kubectl(),
				append([]string{"--kubeconfig", c.Kubeconfig(test.user)}, test.arguments...)...).CombinedOutput()
			if err != nil || !strings.Contains(string(out), test.want) {
				t.Errorf("kubectl %v: %v, %q is missing in:\n%s", test.arguments, err, test.want, out)
			}
		})
	}
}

func TestTwoAtOnce(t *testing.T) {
	t.Parallel()
	first, second := start(t, Options{}), start(t, Options{ServiceAccountAdmission: true})

	created, err := as(t, first, Provisioner).CoreV1().Pods(Namespace).Create(t.Context(), pod(), metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := as(t, second, Admin).CoreV1().Pods(Namespace).Get(t.Context(), created.Name, metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("the second control plane knows the first one's Pod: %v", err)
	}
	_, err = as(t, second, Provisioner).CoreV1().Pods(Namespace).Create(t.Context(), pod(), metav1.CreateOptions{})
	if !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), "service account") {
		t.Errorf("with ServiceAccount admission, a Pod without its ServiceAccount: %v", err)
	}
}

func TestStopLeavesNothing(t *testing.T) {
	t.Parallel()
	c := start(t, Options{})
	if got := processesIn(t, c.Dir); got != 2 {
		t.Fatalf("%d processes run in %s, want etcd and kube-apiserver", got, c.Dir)
	}
	for range 2 {
		if err := c.Stop(); err != nil {
			t.Fatal(err)
		}
	}
	awaitGone(t, c.Dir)
}

// TestFailureIsExplained runs alone: it counts what is left in a directory of its own.
func TestFailureIsExplained(t *testing.T) {
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)

	t.Run("an API server that cannot start shows its log and leaves nothing", func(t *testing.T) {
		_, err := Start(t.Context(), Options{APIServerArgs: []string{"--no-such-flag"}})
		if err == nil || !strings.Contains(err.Error(), "unknown flag: --no-such-flag") {
			t.Errorf("got: %v", err)
		}
	})
	t.Run("a start that is cancelled says so and leaves nothing", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := Start(ctx, Options{})
		if err == nil || !strings.Contains(err.Error(), "kube-apiserver is not ready: context canceled") {
			t.Errorf("got: %v", err)
		}
	})
	t.Run("a user of a taken name is named", func(t *testing.T) {
		_, err := Start(t.Context(), Options{Users: []User{{Name: Admin}}})
		if err == nil || !strings.Contains(err.Error(), `Options.Users: two users have the name "admin"`) {
			t.Errorf("got: %v", err)
		}
	})
	t.Run("missing programs are named with the remedy", func(t *testing.T) {
		empty := t.TempDir()
		t.Setenv(assetsVariable, empty)
		_, err := Start(t.Context(), Options{})
		want := "no executable " + filepath.Join(empty, "etcd") + ": correct or unset " + assetsVariable
		if err == nil || err.Error() != want {
			t.Errorf("got: %v\nwant: %s", err, want)
		}
	})
	if left, err := filepath.Glob(filepath.Join(temporary, "userscope-*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

// TestMain is the parent of TestDeath when that test starts this program anew.
func TestMain(m *testing.M) {
	if os.Getenv(parentVariable) != "" {
		parent()
	}
	os.Exit(m.Run())
}
