package rotation

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"userscope.dev/userscope/test/kit/controlplane"
)

// clients is how many create Pods at once.
const clients = 8

// traffic is what becomes of Pods that are created, changed and deleted without a pause worth the name.
type traffic struct {
	mu sync.Mutex
	// created is how many Pods were, and scoped how many of them were stored as they have to be.
	created, scoped int
	// failed are the requests that were not admitted, or were not answered.
	failed []string
	stop   func()
}

// startTraffic starts the clients. They go on until the test ends or stop is called.
func startTraffic(t *testing.T) *traffic {
	t.Helper()
	traffic := &traffic{}
	var stops []func()
	for client := range clients {
		pods := 0
		stops = append(stops, beside(t, 150*time.Millisecond, func(ctx context.Context) {
			pods++
			// What has begun is finished, whenever the test ends.
			traffic.pod(context.WithoutCancel(ctx), fmt.Sprintf("user-%d", client), fmt.Sprintf("thread-%d", pods))
		}))
	}
	traffic.stop = func() {
		for _, stop := range stops {
			stop()
		}
	}
	return traffic
}

// pod is the life of a sandbox: the provisioner creates it, somebody labels it, and the provisioner
// deletes it.
func (f *traffic) pod(ctx context.Context, user, thread string) {
	pod, err := provisioner.CoreV1().Pods(controlplane.Namespace).Create(ctx, sandbox(user, thread), metav1.CreateOptions{})
	f.note(err)
	if err != nil {
		return
	}
	// The answer to the change is what is stored.
	pod, err = admin.CoreV1().Pods(pod.Namespace).Patch(ctx, pod.Name, types.MergePatchType,
		[]byte(`{"metadata": {"labels": {"seen": "true"}}}`), metav1.PatchOptions{})
	f.note(err)
	if err != nil {
		return
	}
	f.mu.Lock()
	f.created++
	if pod.Spec.Containers[0].VolumeMounts[0].SubPath == "deer-flow/users/"+user+"/threads/"+thread+"/user-data" {
		f.scoped++
	}
	f.mu.Unlock()
	f.note(provisioner.CoreV1().Pods(pod.Namespace).Delete(ctx, pod.Name, metav1.DeleteOptions{GracePeriodSeconds: ptr.To[int64](0)}))
}

func (f *traffic) note(err error) {
	if err == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failed = append(f.failed, time.Now().Format(time.TimeOnly+".000 ")+err.Error())
}

// result returns how many Pods were created and how many of them as they have to be, and what failed.
func (f *traffic) result() (created, scoped int, failed []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.created, f.scoped, f.failed
}

// sandbox is one that is mounted by thread alone, which nobody but the webhook puts right.
func sandbox(user, thread string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			GenerateName: user + "-",
			Labels:       map[string]string{"app": "deer-flow-sandbox", "user-id": user, "thread-id": thread},
		},
		Spec: corev1.PodSpec{
			Containers: []corev1.Container{{
				Name: "sandbox", Image: "none",
				VolumeMounts: []corev1.VolumeMount{{Name: "user-data", MountPath: "/mnt/user-data", SubPath: "threads/" + thread + "/user-data"}},
			}},
			Volumes: []corev1.Volume{{
				Name: "user-data",
				VolumeSource: corev1.VolumeSource{
					PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "deer-flow-home"},
				},
			}},
		},
	}
}
