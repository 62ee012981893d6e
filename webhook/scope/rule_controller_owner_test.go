package scope

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestOrigin(t *testing.T) {
	owner := func(controller *bool) func(*corev1.Pod) {
		return func(pod *corev1.Pod) {
			pod.OwnerReferences = []metav1.OwnerReference{{Kind: "Node", Name: "n"}, {APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "gateway", Controller: controller}}
		}
	}
	custom := func(apiVersion, kind string) func(*corev1.Pod) {
		return func(pod *corev1.Pod) {
			pod.OwnerReferences = []metav1.OwnerReference{{APIVersion: apiVersion, Kind: kind, Name: "task-7", Controller: new(true)}}
		}
	}
	boxes := deerflow()
	boxes.Allow.ControllerOwners = []string{"Box.example.com"}
	refused := func(index, value, message string) []Violation {
		return []Violation{{RuleControllerOwner, "metadata.ownerReferences[" + index + "]", value, message}}
	}
	runCreate(t, []createTest{
		{name: "a controller", pod: sandbox(owner(new(true))), verdict: Refused, violations: refused("1", "ReplicaSet.apps", saysOwnedByWorkload)},
		{name: "a controller of the core group", pod: sandbox(custom("v1", "Node")), verdict: Refused, violations: refused("0", "Node.core", saysOwnedByWorkload)},
		{name: "a controller that could be listed", pod: sandbox(custom("example.com/v1", "Box")), verdict: Refused, violations: refused("0", "Box.example.com", saysOwned)},
		{name: "a listed controller", policy: boxes, pod: sandbox(custom("example.com/v1", "Box")), verdict: Allowed},
		{name: "a listed controller of another version", policy: boxes, pod: sandbox(custom("example.com/v2beta1", "Box")), verdict: Allowed},
		{name: "a listed kind of another group", policy: boxes, pod: sandbox(custom("example.org/v1", "Box")), verdict: Refused, violations: refused("0", "Box.example.org", saysOwned)},
		{name: "another kind of a listed group", policy: boxes, pod: sandbox(custom("example.com/v1", "Job")), verdict: Refused, violations: refused("0", "Job.example.com", saysOwnedByWorkload)},
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
