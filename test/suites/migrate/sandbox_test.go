package migrate

import (
	"os"
	"path/filepath"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"

	"userscope.dev/userscope/test/kit/controlplane"
	"userscope.dev/userscope/test/kit/webhookprocess"
	"userscope.dev/userscope/webhook/policy"
)

// sandbox is a Pod as a provisioner sends it.
func sandbox(subPath string, labels, annotations map[string]string) *corev1.Pod {
	claim := corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "deer-flow-home"}}
	all := map[string]string{"app": "deer-flow-sandbox"}
	for key, value := range labels {
		all[key] = value
	}
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "sandbox-", Labels: all, Annotations: annotations},
		Spec: corev1.PodSpec{
			Containers: []corev1.Container{{
				Name: "sandbox", Image: "none",
				VolumeMounts: []corev1.VolumeMount{{Name: "user-data", MountPath: "/mnt/user-data", SubPath: subPath}},
			}},
			Volumes: []corev1.Volume{{Name: "user-data", VolumeSource: claim}},
		},
	}
}

// After a migration of what the old provisioner left, each sandbox, also one that asks for the old
// place, mounts exactly the data that its thread had: the subPath that the API server stores leads
// there.
func TestSandboxesMountTheirOldData(t *testing.T) {
	cluster, err := webhookprocess.StartCluster(t.Context(), controlplane.Options{}, webhookprocess.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cluster.Stop(); err != nil {
			t.Error(err)
		}
	})
	client, err := kubernetes.NewForConfig(cluster.Config(controlplane.Provisioner))
	if err != nil {
		t.Fatal(err)
	}
	pods := client.CoreV1().Pods(controlplane.Namespace)

	tree := newTree(t)
	want := map[string]string{} // what each thread's user data is
	for _, thread := range []string{"plain-1", "plain-2", "plain-3", "deep", "links-2", "attributes", "names", "-_-"} {
		want[thread] = identify(t, filepath.Join(tree.Legacy, thread, "user-data"))
	}
	for thread := range want {
		for _, place := range subPaths(t, pods, tree.Owners[thread], thread) {
			if _, err := os.Lstat(filepath.Join(tree.Dir, place)); !os.IsNotExist(err) {
				t.Errorf("before, %s is there: %v", place, err)
			}
		}
	}
	apply := []string{"migrate", "apply", "--root", tree.Root, "--legacy", tree.Legacy, "--owners", tree.writeOwners(t)}
	if done, stderr := runKilled(t, apply, patience); !done {
		t.Fatalf("%v: %s", apply, stderr)
	}
	for thread, data := range want {
		for _, place := range subPaths(t, pods, tree.Owners[thread], thread) {
			if got := identify(t, filepath.Join(tree.Dir, place)); got != data {
				t.Errorf("a sandbox of %s mounts %s, %s, and its data was %s", thread, place, got, data)
			}
		}
	}
}

// subPaths creates a thread's sandboxes, as provisioners of different ages send them, and returns
// what the stored Pods mount as their user data.
func subPaths(t *testing.T, pods typedcorev1.PodInterface, user, thread string) []string {
	t.Helper()
	id := policy.SandboxID(user+":"+thread, nil)[:16]
	var places []string
	for _, pod := range []*corev1.Pod{
		sandbox("threads/"+thread+"/user-data", nil, map[string]string{"user-id": user, "thread-id": thread}),
		sandbox("deer-flow/users/"+user+"/threads/"+thread+"/user-data", map[string]string{"sandbox-id": id}, nil),
	} {
		stored, err := pods.Create(t.Context(), pod, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		places = append(places, stored.Spec.Containers[0].VolumeMounts[0].SubPath)
	}
	return places
}

// identify returns what a directory is, and the marker in it, which no other has.
func identify(t *testing.T, dir string) string {
	t.Helper()
	snapshot, err := Take(dir)
	if err != nil {
		t.Fatal(err)
	}
	if snapshot["marker"] == "" {
		t.Fatalf("%s has no marker", dir)
	}
	marker, err := os.ReadFile(filepath.Join(dir, "marker"))
	if err != nil {
		t.Fatal(err)
	}
	return snapshot["."] + " " + string(marker)
}
