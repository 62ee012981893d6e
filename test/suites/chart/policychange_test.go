package chart

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"userscope.dev/userscope/test/kit/controlplane"
)

// policyChange are the commands that docs/install.md gives for a change that refuses nothing.
var policyChange = struct{ rest, render, apply, restart string }{
	rest:    "delete validatingadmissionpolicybinding userscope-backstop-create-deer-flow",
	render:  "--show-only templates/policy.yaml",
	apply:   "apply --server-side --force-conflicts --field-manager=helm -f -",
	restart: "rollout restart -n userscope-system deployment/userscope-webhook",
}

// By these commands a policy gets another name and another root, by which what the webhook makes and
// what the backstop wants are never the same in both, and no sandbox is refused. Without them one is.
func TestPolicyChange(t *testing.T) {
	page := read(t, "docs", "install.md")
	for _, command := range []string{policyChange.rest, policyChange.apply, policyChange.restart} {
		if !strings.Contains(page, " kubectl "+command+"\n") {
			t.Errorf("docs/install.md does not give the command: kubectl %s", command)
		}
	}
	if !strings.Contains(page, " "+policyChange.render+" |\n") {
		t.Errorf("docs/install.md does not render with %s", policyChange.render)
	}

	c := startCluster(t)
	chart := path(t, "manifests", "chart")
	c.mustHelm(t, "install", "userscope", chart, "--create-namespace")
	issuer := c.run(t, "userscope-issuer", "--kubeconfig", c.Kubeconfig(issuer.Name))
	c.awaitIssued(t)
	issuer.Kill()
	webhook := c.run(t, "userscope-webhook")
	c.awaitInForce(t, webhook)

	values := strings.NewReplacer("name: deer-flow\n", "name: renamed\n", "root: deer-flow\n", "root: moved\n").Replace(read(t, "manifests", "chart", "values.yaml"))
	file := filepath.Join(t.TempDir(), "userscope.yaml")
	if err := os.WriteFile(file, []byte(values), 0o600); err != nil {
		t.Fatal(err)
	}
	moved := strings.Replace(scoped, "deer-flow/", "moved/", 1)

	c.mustKubectl(t, "", strings.Fields(policyChange.rest)...)
	c.checkPasses(t, scoped)
	policy, problem, err := template(t, values, strings.Fields(policyChange.render)...)
	if err != nil {
		t.Fatalf("%v\n%s", err, problem)
	}
	c.mustKubectl(t, policy, strings.Fields(policyChange.apply)...)
	c.checkPasses(t, scoped)
	c.mustKubectl(t, "", strings.Fields(policyChange.restart)...)
	webhook.Kill()
	c.run(t, "userscope-webhook")
	// An API server lets go of a binding within a second, which a rollout takes, and this does not.
	c.await(t, "a sandbox at "+moved, func() error {
		_, err := c.createSandboxAt(t, moved)
		return err
	})
	c.mustHelm(t, "upgrade", "userscope", chart, "-f", file)
	c.awaitGuard(t, "renamed")
	c.checkPasses(t, moved)

	c.mustHelm(t, "upgrade", "userscope", chart, "--reset-values")
	c.await(t, "the refusal of a sandbox that the webhook makes by the other policy", func() error {
		_, err := c.createSandbox(t)
		if err == nil || !strings.Contains(err.Error(), "does not name deer-flow") {
			return errors.Join(errors.New("it is not refused so"), err)
		}
		return nil
	})
}

// What kubectl leaves of a policy that is no more, docs/install.md names whole.
func TestLeftBackstop(t *testing.T) {
	names := map[string][]string{}
	for _, object := range parse(t, render(t, "")) {
		if strings.HasSuffix(object.GetName(), "-deer-flow") {
			names[object.GetKind()] = append(names[object.GetKind()], object.GetName())
		}
	}
	policies, bindings := names["ValidatingAdmissionPolicy"], names["ValidatingAdmissionPolicyBinding"]
	if len(names) != 2 || len(policies) == 0 || !slices.Equal(policies, bindings) {
		t.Fatalf("named after the policy are %v", names)
	}
	command := "    kubectl delete validatingadmissionpolicybinding,validatingadmissionpolicy " + strings.Join(policies, " ")
	if !strings.Contains(read(t, "docs", "install.md"), "\n"+command+"\n") {
		t.Errorf("docs/install.md does not give the command: %s", command)
	}
}

// checkPasses creates a sandbox whose user data must come to lie at a path. An API server that had no
// answer in time may try again, and one whose backstop refuses may not.
func (c cluster) checkPasses(t *testing.T, want string) {
	t.Helper()
	c.await(t, "a sandbox at "+want, func() error {
		_, err := c.createSandboxAt(t, want)
		if err != nil && strings.Contains(err.Error(), "ValidatingAdmissionPolicy") {
			t.Fatal(err)
		}
		return err
	})
}

// awaitGuard waits until the backstop of a policy is in force: for stored Pods, which comes after the
// one for new Pods.
func (c cluster) awaitGuard(t *testing.T, policy string) {
	t.Helper()
	other, err := c.client(t, controlplane.Admin).CoreV1().Pods(controlplane.Namespace).Create(t.Context(), otherPod(), metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	c.await(t, "the backstop of "+policy, func() error {
		err := c.deleteAsProvisioner(t, other)
		if err == nil || !strings.Contains(err.Error(), "userscope-backstop-stored-"+policy) {
			return errors.Join(errors.New("it does not refuse a deletion"), err)
		}
		return nil
	})
}

// deleteAsProvisioner tries to delete a Pod.
func (c cluster) deleteAsProvisioner(t *testing.T, pod *corev1.Pod) error {
	t.Helper()
	return c.client(t, controlplane.Provisioner).CoreV1().Pods(controlplane.Namespace).
		Delete(t.Context(), pod.Name, metav1.DeleteOptions{DryRun: []string{metav1.DryRunAll}})
}
