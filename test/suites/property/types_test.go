package property

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"userscope.dev/userscope/test/pods/oracle"
)

// Of each type of volume that Kubernetes has, alone or beside a harmless one, no sandbox gets more
// than the oracle lets it. There are too many to leave them to chance.
func TestEveryVolumeType(t *testing.T) {
	types := reflect.TypeFor[corev1.VolumeSource]()
	for _, in := range installations(t) {
		policy := in.Oracle[0]
		request := oracle.Request{Namespace: policy.Namespaces[0], Username: "somebody"}
		for i := range types.NumField() {
			kind, _, _ := strings.Cut(types.Field(i).Tag.Get("json"), ",")
			for _, beside := range []string{"emptyDir", "configMap", kind} {
				raw, err := json.Marshal(map[string]any{
					"metadata": map[string]any{"name": "pod", "labels": oracle.Wear(policy.Selector, oracle.First)},
					"spec": map[string]any{
						"volumes":    []any{map[string]any{"name": "x", beside: map[string]any{}, kind: map[string]any{}}},
						"containers": []any{map[string]any{"name": "main", "image": "image"}},
					},
				})
				if err != nil {
					t.Fatal(err)
				}
				outcome, err := in.Create(request, raw)
				if err != nil {
					t.Fatal(err)
				}
				if len(outcome.Problems) > 0 {
					t.Errorf("%s: %s beside %s:\n%s", in.Name, kind, beside, strings.Join(outcome.Problems, "\n"))
				}
			}
		}
	}
}
