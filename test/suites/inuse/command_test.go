package inuse

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"userscope.dev/userscope/test/kit/controlplane"
	"userscope.dev/userscope/test/kit/repo"
	"userscope.dev/userscope/test/kit/webhookprocess"
)

// The commands look before they move anything, and as whom the kubeconfig says.
func TestCommand(t *testing.T) {
	p := newPlace(t)
	p.pod("gateway", claim("deer-flow-home"), corev1.PodRunning)
	policy := p.write("policy.yaml", strings.ReplaceAll(p.read("manifests", "policies", "deerflow.yaml"), "- deer-flow\n", "- "+p.namespace+"\n"))
	owners := p.write("owners.json", `{"t1": "alice"}`)
	root := t.TempDir()
	from := filepath.Join(root, "threads", "t1", "user-data")
	if err := os.MkdirAll(from, 0o700); err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(root, "users", "alice", "threads", "t1", "user-data")

	const inUse = `Pod NS/gateway (Running, nothing controls it): its volume "data" is the claim deer-flow-home: delete it, and wait until the Pod is gone`
	admin := cluster.Kubeconfig(controlplane.Admin)
	apply := []string{"apply", "--root", root, "--owners", owners, "--policy", policy, "--check-pods", "--kubeconfig"}
	undo := []string{"undo", "--root", root, "--policy", policy, "--check-pods", "--kubeconfig"}
	for _, step := range []struct {
		name  string
		args  []string
		own   string
		code  int
		want  string // on stderr
		where string // the thread is then
	}{
		{"apply while a Pod runs", append(apply, admin), "", 1, "migrate apply: --check-pods: has not started:\nuserscope migrate apply: " + inUse, from},
		{"apply without the right to look", append(apply, cluster.Kubeconfig(looker)), "", 1, `list pods in the namespace NS: pods is forbidden: User "looker"`, from},
		{"apply in the one Pod that runs", append(apply, admin), "gateway", 0, "", to},
		{"undo while a Pod runs", append(undo, admin), "", 1, "migrate undo: --check-pods: has not started:\nuserscope migrate undo: " + inUse, to},
		{"undo in the one Pod that runs", append(undo, admin), "gateway", 0, "", from},
	} {
		code, stderr := p.run(step.own, step.args...)
		if code != step.code || !strings.Contains(stderr, step.want) {
			t.Errorf("%s: got %d, %s; want %d, %s", step.name, code, stderr, step.code, step.want)
		}
		if _, err := os.Stat(step.where); err != nil {
			t.Errorf("%s: %v", step.name, err)
		}
	}
	err := p.client.CoreV1().Pods(p.namespace).Delete(t.Context(), "gateway", metav1.DeleteOptions{GracePeriodSeconds: ptr.To[int64](0)})
	if err != nil {
		t.Fatal(err)
	}
	if code, stderr := p.run("", append(apply, admin)...); code != 0 {
		t.Errorf("once the Pod is gone: got %d, %s", code, stderr)
	}
}

// run runs userscope migrate, maybe as a Pod of the place, and returns what it says on stderr,
// without the namespace's name.
func (p *place) run(own string, args ...string) (code int, stderr string) {
	p.Helper()
	program, err := webhookprocess.Binary()
	if err != nil {
		p.Fatal(err)
	}
	var errs strings.Builder
	command := exec.Command(program, append([]string{"migrate"}, args...)...)
	command.Stderr = &errs
	command.Env = append(os.Environ(), "POD_NAMESPACE="+p.namespace, "POD_NAME="+own)
	_ = command.Run() // the exit code says it
	return command.ProcessState.ExitCode(), strings.ReplaceAll(errs.String(), p.namespace, "NS")
}

func (p *place) read(elements ...string) string {
	p.Helper()
	file, err := repo.Path(elements...)
	if err != nil {
		p.Fatal(err)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		p.Fatal(err)
	}
	return string(data)
}

func (p *place) write(name, content string) (file string) {
	p.Helper()
	file = filepath.Join(p.TempDir(), name)
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		p.Fatal(err)
	}
	return file
}
