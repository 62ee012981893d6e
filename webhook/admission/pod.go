package admission

import (
	"errors"

	corev1 "k8s.io/api/core/v1"

	"userscope.dev/userscope/webhook/podjson"
)

// DecodePod reads a Pod from JSON, with podjson.Parse's errors and one more: a Pod without
// containers could never run.
func DecodePod(raw []byte) (*corev1.Pod, []podjson.UnknownField, error) {
	pod, unknown, err := podjson.Parse(raw)
	if err != nil {
		return nil, nil, err
	}
	if len(pod.Spec.Containers) == 0 {
		return nil, nil, errors.New("spec.containers: is empty: a Pod needs at least one container")
	}
	return pod, unknown, nil
}
