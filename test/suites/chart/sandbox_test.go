package chart

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/utils/ptr"

	"userscope.dev/userscope/test/kit/controlplane"
)

// Where the user data of alice's sandbox lies, as the provisioner says and as Userscope does.
const (
	unscoped = "threads/research-7/user-data"
	scoped   = "deer-flow/users/alice/threads/research-7/user-data"
)

// createSandbox creates alice's sandbox, as DeerFlow's provisioner once did: mounted by thread alone.
func (c cluster) createSandbox(t *testing.T) (*corev1.Pod, error) {
	t.Helper()
	pod := otherPod()
	pod.GenerateName = "sandbox-"
	pod.Labels = map[string]string{"app": "deer-flow-sandbox", "sandbox-id": "cc9ec59e", "user-id": "alice", "thread-id": "research-7"}
	pod.Spec.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "user-data", MountPath: "/mnt/user-data", SubPath: unscoped}}
	pod.Spec.Volumes = []corev1.Volume{{Name: "user-data", VolumeSource: corev1.VolumeSource{
		PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "deer-flow-home"},
	}}}
	return c.client(t, controlplane.Provisioner).CoreV1().Pods(controlplane.Namespace).Create(t.Context(), pod, metav1.CreateOptions{})
}

// createSandboxAt is createSandbox where the user data must come to lie at a path.
func (c cluster) createSandboxAt(t *testing.T, want string) (*corev1.Pod, error) {
	t.Helper()
	pod, err := c.createSandbox(t)
	if err != nil {
		return nil, err
	}
	if got := pod.Spec.Containers[0].VolumeMounts[0].SubPath; got != want {
		return nil, fmt.Errorf("the sandbox mounts %q, want %q", got, want)
	}
	return pod, nil
}

func (c cluster) checkScoped(t *testing.T) {
	t.Helper()
	c.await(t, "a sandbox", func() error {
		pod, err := c.createSandbox(t)
		if err == nil && pod.Spec.Containers[0].VolumeMounts[0].SubPath != scoped {
			t.Errorf("the sandbox mounts %q, want %q", pod.Spec.Containers[0].VolumeMounts[0].SubPath, scoped)
		}
		return err
	})
}

// otherPod is a Pod that is none of Userscope's business.
func otherPod() *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "other-"},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: "none"}}},
	}
}

// useOtherPod creates, changes and deletes a Pod in the sandboxes' namespace that is none.
func (c cluster) useOtherPod(t *testing.T) error {
	t.Helper()
	pods := c.client(t, controlplane.Admin).CoreV1().Pods(controlplane.Namespace)
	pod, err := pods.Create(t.Context(), otherPod(), metav1.CreateOptions{})
	if err != nil {
		return err
	}
	pod.Labels = map[string]string{"changed": "true"}
	_, err = pods.Update(t.Context(), pod, metav1.UpdateOptions{})
	return errors.Join(err, pods.Delete(t.Context(), pod.Name, metav1.DeleteOptions{GracePeriodSeconds: ptr.To[int64](0)}))
}

// awaitFreedom waits until nothing refuses sandboxes any more, nor changes them.
func (c cluster) awaitFreedom(t *testing.T) {
	t.Helper()
	c.await(t, "a sandbox as it is sent", func() error {
		_, err := c.createSandboxAt(t, unscoped)
		return err
	})
}

// await repeats a trial: an API server follows configurations with some delay, and on a machine that
// has much else to do a call may take longer than its five seconds.
func (c cluster) await(t *testing.T, what string, trial func() error) {
	t.Helper()
	var last error
	err := wait.PollUntilContextTimeout(t.Context(), 20*time.Millisecond, 30*time.Second, true, func(context.Context) (bool, error) {
		last = trial()
		return last == nil, nil
	})
	if err != nil {
		t.Fatalf("await %s: %v (last answer: %v)", what, err, last)
	}
}
