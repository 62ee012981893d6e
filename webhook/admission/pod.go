package admission

import (
	"errors"

	corev1 "k8s.io/api/core/v1"

	"userscope.dev/userscope/webhook/scope"
)

// DecodePod reads a Pod from JSON, with scope.ParsePod's errors and one more: a Pod without
// containers could never run.
func DecodePod(raw []byte) (*corev1.Pod, []scope.UnknownField, error) {
	pod, unknown, err := scope.Parse(raw)
	if err != nil {
		return nil, nil, err
	}
	if len(pod.Spec.Containers) == 0 {
		return nil, nil, errors.New("spec.containers: is empty: a Pod needs at least one container")
	}
	return pod, unknown, nil
}
