package identity

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"

	"userscope.dev/userscope/test/kit/controlplane"
	"userscope.dev/userscope/test/kit/webhookprocess"
)

// Two keys of a gateway.
const (
	oldKey = "the-gateway's-old-key, 48 bytes long or thereabout"
	newKey = "the-gateway's-new-key, which it is given in its turn"
)

// installation is a webhook with DeerFlow's policy and keys, on a control plane.
type installation struct {
	*webhookprocess.Cluster
	keys        string // the directory
	provisioner typedcorev1.PodInterface
}

// install starts an installation that has the one key.
func install(t *testing.T, key string) *installation {
	t.Helper()
	dir := t.TempDir()
	shipped, err := os.ReadFile(policyFile)
	if err != nil {
		t.Fatal(err)
	}
	policy := strings.Replace(string(shipped), "  proof: Adopted\n", "  proof: Always\n  keyFile: keys\n", 1)
	if policy == string(shipped) {
		t.Fatalf("%s does not set proof as this test expects", policyFile)
	}
	in := &installation{keys: filepath.Join(dir, "keys")}
	if err := os.Mkdir(in.keys, 0o700); err != nil {
		t.Fatal(err)
	}
	in.writeKey(t, "1-old", key)
	if err := os.WriteFile(filepath.Join(dir, "policy.yaml"), []byte(policy), 0o600); err != nil {
		t.Fatal(err)
	}
	in.Cluster, err = webhookprocess.StartCluster(t.Context(), controlplane.Options{}, webhookprocess.Options{Policy: filepath.Join(dir, "policy.yaml")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := in.Stop(); err != nil {
			t.Error(err)
		}
	})
	client, err := kubernetes.NewForConfig(in.Config(controlplane.Provisioner))
	if err != nil {
		t.Fatal(err)
	}
	in.provisioner = client.CoreV1().Pods(controlplane.Namespace)
	return in
}

// writeKey puts a key into the directory in one step.
func (in *installation) writeKey(t *testing.T, name, key string) {
	t.Helper()
	half := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(half, []byte(key+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(half, filepath.Join(in.keys, name)); err != nil {
		t.Fatal(err)
	}
}

func (in *installation) removeKey(t *testing.T, name string) {
	t.Helper()
	if err := os.Remove(filepath.Join(in.keys, name)); err != nil {
		t.Fatal(err)
	}
}

// try sends a Pod as the provisioner, without storing it.
func (in *installation) try(ctx context.Context, pod *corev1.Pod) (*corev1.Pod, error) {
	return in.provisioner.Create(ctx, pod, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
}

// await waits until the webhook, which reads its keys every two seconds, accepts a Pod, or
// refuses it for want of a proof.
func (in *installation) await(t *testing.T, pod *corev1.Pod, accepted bool) {
	t.Helper()
	err := wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, 30*time.Second, true, func(ctx context.Context) (bool, error) {
		_, err := in.try(ctx, pod)
		if err != nil && !refusedFor(err, "identity-unproven") {
			return false, err
		}
		return (err == nil) == accepted, nil
	})
	if err != nil {
		t.Fatalf("await that the sandbox id %s is accepted (%t): %v", pod.Labels["sandbox-id"], accepted, err)
	}
}

// log is all that the webhook has logged.
func (in *installation) log(t *testing.T) string {
	t.Helper()
	content, err := os.ReadFile(in.Webhook.LogFile)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// awaitLog waits until the webhook has logged a text.
func (in *installation) awaitLog(t *testing.T, text string) {
	t.Helper()
	err := wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, 30*time.Second, true, func(context.Context) (bool, error) {
		return strings.Contains(in.log(t), text), nil
	})
	if err != nil {
		t.Fatalf("await %q in the webhook's log: %v", text, err)
	}
}

// refusedFor reports whether the webhook refused a Pod for a rule about its identity.
func refusedFor(err error, rule string) bool {
	return apierrors.IsInvalid(err) && strings.Contains(err.Error(), "userscope: "+rule+": ")
}

// pair is a user and a thread.
type pair struct{ user, thread string }

func (p pair) directory() string {
	return "deer-flow/users/" + p.user + "/threads/" + p.thread + "/user-data"
}

// mint makes all the digits of a sandbox id as a gateway does. No key makes a plain hash.
func mint(key string, p pair) string {
	text := []byte(p.user + ":" + p.thread)
	if key == "" {
		digest := sha256.Sum256(text)
		return hex.EncodeToString(digest[:])
	}
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write(text)
	return hex.EncodeToString(mac.Sum(nil))
}

// mounting is the Pod that DeerFlow's provisioner sends: it has a sandbox id, and mounts a
// directory.
func mounting(sandboxID, directory string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name:        "sandbox-" + strings.ToLower(sandboxID),
			Labels:      map[string]string{"app": "deer-flow-sandbox", "sandbox-id": sandboxID},
			Annotations: map[string]string{},
		},
		Spec: corev1.PodSpec{
			Containers: []corev1.Container{{
				Name: "sandbox", Image: "sandbox:latest",
				VolumeMounts: []corev1.VolumeMount{{Name: "user-data", MountPath: "/mnt/user-data", SubPath: directory}},
			}},
			Volumes: []corev1.Volume{{Name: "user-data", VolumeSource: corev1.VolumeSource{
				PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "deer-flow-home"},
			}}},
		},
	}
}

// identityOf is what a stored Pod's stamps say, if its only mount agrees with them.
func identityOf(t *testing.T, pod *corev1.Pod) pair {
	t.Helper()
	p := pair{pod.Annotations["user-id"], pod.Annotations["thread-id"]}
	if got := pod.Spec.Containers[0].VolumeMounts[0].SubPath; got != p.directory() {
		t.Errorf("%s: stamped %+v, and mounts %s", pod.Name, p, got)
	}
	return p
}
