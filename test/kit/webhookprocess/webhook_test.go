package webhookprocess

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"userscope.dev/userscope/test/kit/controlplane"
)

func TestInstall(t *testing.T) {
	cluster, err := StartCluster(t.Context(), controlplane.Options{}, Options{Args: []string{"--log-level", "debug"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cluster.ControlPlane.Stop(); err != nil {
			t.Error(err)
		}
	})
	webhook := cluster.Webhook
	client, err := kubernetes.NewForConfig(cluster.Config(controlplane.Provisioner))
	if err != nil {
		t.Fatal(err)
	}
	create := func() error {
		_, err := client.CoreV1().Pods(controlplane.Namespace).Create(t.Context(), nobodysSandbox(), metav1.CreateOptions{})
		return err
	}

	if err := create(); err == nil || !refusedBy(err, WebhookName) {
		t.Errorf("while the webhook runs, nobody's sandbox is not refused by it: %v", err)
	}
	if log, err := os.ReadFile(webhook.LogFile); err != nil || !strings.Contains(string(log), "refused") {
		t.Errorf("the refusal is not in its log: %v\n%s", err, log)
	}
	if err := webhook.Stop(); err != nil {
		t.Error(err)
	}
	if err := create(); !apierrors.IsInternalError(err) || refusedBy(err, WebhookName) {
		t.Errorf("once the webhook is gone, a sandbox is not held up for that: %v", err)
	}
	if _, err := os.Stat(webhook.Dir); !os.IsNotExist(err) {
		t.Errorf("its directory is still there: %v", err)
	}
}

func TestStartFailureIsExplained(t *testing.T) {
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	policy := filepath.Join(t.TempDir(), "policy.yaml")
	if err := os.WriteFile(policy, []byte("kind: Pancake\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Start(t.Context(), Options{Policy: policy}); err == nil || !strings.Contains(err.Error(), "Pancake") {
		t.Errorf("a policy that cannot be: %v", err)
	}
	t.Setenv(binaryVariable, filepath.Join(temporary, "none"))
	if _, err := Start(t.Context(), Options{}); err == nil || !strings.Contains(err.Error(), "start none") {
		t.Errorf("a program that is not there: %v", err)
	}
	if left, err := filepath.Glob(filepath.Join(temporary, "userscope-*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}
