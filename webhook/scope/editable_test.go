package scope

import (
	"reflect"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
)

// Whatever an edit may touch is the copy's own.
func TestEditable(t *testing.T) {
	shown := []corev1.VolumeMount{{Name: "a", MountPath: "/a", SubPath: "a"}}
	sent := sandbox(annotation("a", "b"), addVolume(hostPathVolume("h", "/h")), addVolume(claimVolume("c", "c")), addVolume(hostPathVolume("i", "/i")))
	sent.Spec.SecurityContext = &corev1.PodSecurityContext{FSGroupChangePolicy: ptr.To(corev1.FSGroupChangeAlways)}
	sent.Spec.InitContainers = []corev1.Container{{VolumeMounts: shown}}
	sent.Spec.EphemeralContainers = []corev1.EphemeralContainer{{EphemeralContainerCommon: corev1.EphemeralContainerCommon{VolumeMounts: shown}}}
	before := sent.DeepCopy()

	pod := editable(sent, nil)
	if !reflect.DeepEqual(pod, sent) {
		t.Fatalf("got: %+v\nwant: %+v", pod, sent)
	}
	pod.Labels["x"], pod.Annotations["x"] = "x", "x"
	*pod.Spec.SecurityContext.FSGroupChangePolicy = "x"
	for i := range pod.Spec.Volumes {
		volume := &pod.Spec.Volumes[i]
		if volume.HostPath != nil {
			volume.HostPath.Path += "x"
		}
		if volume.PersistentVolumeClaim != nil {
			volume.PersistentVolumeClaim.ClaimName += "x"
		}
		volume.Name += "x"
	}
	for _, m := range mounts(pod) {
		m.SubPath, m.MountPath, m.SubPathExpr, m.ReadOnly = "x", "x", "x", true
	}
	if !reflect.DeepEqual(sent, before) {
		t.Errorf("the Pod that was sent is now\n%+v\nand was\n%+v", sent, before)
	}
	for i, volume := range pod.Spec.Volumes {
		if want := before.Spec.Volumes[i]; want.HostPath != nil && volume.HostPath.Path != want.HostPath.Path+"x" ||
			want.PersistentVolumeClaim != nil && volume.PersistentVolumeClaim.ClaimName != want.PersistentVolumeClaim.ClaimName+"x" {
			t.Errorf("volumes share what they are: %+v", volume)
		}
	}
}
