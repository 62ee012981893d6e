package admission

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/json"
)

// DecodePod reads a Pod from JSON as the API server does: names of fields match case by case,
// and fields that this build does not know are left aside, since a newer API server may send
// them. An object of another kind is an error, one of no kind is taken for a Pod; one without
// containers is not a Pod that could ever run.
func DecodePod(raw []byte) (*corev1.Pod, error) {
	var pod corev1.Pod
	if err := json.Unmarshal(raw, &pod); err != nil {
		return nil, fmt.Errorf("is not a Pod: %w", err)
	}
	if (pod.Kind != "" || pod.APIVersion != "") && (pod.Kind != "Pod" || pod.APIVersion != "v1") {
		return nil, fmt.Errorf("apiVersion %q, kind %q: a v1 Pod is expected", pod.APIVersion, pod.Kind)
	}
	if len(pod.Spec.Containers) == 0 {
		return nil, fmt.Errorf("spec.containers: is empty: a Pod needs at least one container")
	}
	return &pod, nil
}
