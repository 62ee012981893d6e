package scope

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestOrigin(t *testing.T) {
	owner := func(controller *bool) func(*corev1.Pod) {
		return func(pod *corev1.Pod) {
			pod.OwnerReferences = []metav1.OwnerReference{{Kind: "Node", Name: "n"}, {Kind: "ReplicaSet", Name: "gateway", Controller: controller}}
		}
	}
	runCreate(t, []createTest{
		{name: "a controller", pod: sandbox(owner(new(true))), verdict: Refused, violations: []Violation{{RuleControllerOwner, "metadata.ownerReferences[1]", "ReplicaSet/gateway",
			"would make the sandbox a controller's Pod: drop the reference, or set controller: false"}}},
		{name: "a controller, by somebody else", creator: &Creator{Username: replicaSets}, pod: sandbox(owner(new(true))), verdict: Allowed},
		{name: "an owner that does not control", pod: sandbox(owner(new(false))), verdict: Allowed},
		{name: "an owner that says nothing", pod: sandbox(owner(nil)), verdict: Allowed},
		{name: "a mirror Pod", pod: sandbox(annotation("kubernetes.io/config.mirror", "x"), annotation("kubernetes.io/config.hash", "y")), verdict: Refused,
			violations: []Violation{
				{RuleStaticPod, "metadata.annotations[kubernetes.io/config.hash]", "y", "marks a Pod of the kubelet's own: drop it"},
				{RuleStaticPod, "metadata.annotations[kubernetes.io/config.mirror]", "x", "marks a Pod of the kubelet's own: drop it"}}},
		{name: "a mirror Pod, by somebody else", creator: &Creator{Username: "system:node:n"}, pod: sandbox(annotation("kubernetes.io/config.mirror", "x")), verdict: Allowed},
		{name: "an annotation that would break a line", pod: sandbox(annotation("kubernetes.io/config.x\nall is well\u200b", "y")), verdict: Refused,
			violations: []Violation{{RuleStaticPod, `metadata.annotations[kubernetes.io/config.x\nall is well\u200b]`, "y", "marks a Pod of the kubelet's own: drop it"}}},
		{name: "another annotation of Kubernetes", pod: sandbox(annotation("kubernetes.io/configured", "x")), verdict: Allowed},
	})
}
