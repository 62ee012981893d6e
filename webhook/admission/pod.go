package admission

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"userscope.dev/userscope/webhook/scope"
)

// DecodePod reads a Pod from JSON as the API server does: names of fields match case by case,
// and fields that this build does not know are no error, since a newer API server may send
// them; those inside volumes and volumeMounts are returned. An object of another kind is an
// error, one of no kind is taken for a Pod; one without containers is not a Pod that could ever
// run.
func DecodePod(raw []byte) (*corev1.Pod, []scope.UnknownField, error) {
	pod, unknown, err := scope.ParsePod(raw)
	if err != nil {
		return nil, nil, fmt.Errorf("is not a Pod: %w", err)
	}
	if (pod.Kind != "" || pod.APIVersion != "") && (pod.Kind != "Pod" || pod.APIVersion != "v1") {
		return nil, nil, fmt.Errorf("apiVersion %q, kind %q: a v1 Pod is expected", pod.APIVersion, pod.Kind)
	}
	if len(pod.Spec.Containers) == 0 {
		return nil, nil, fmt.Errorf("spec.containers: is empty: a Pod needs at least one container")
	}
	return pod, unknown, nil
}
