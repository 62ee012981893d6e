package differential

import (
	"reflect"
	"strings"
	"testing"

	"userscope.dev/userscope/test/kit/repo"
	"userscope.dev/userscope/webhook/policy/load"
)

// TestListsHasEveryList wants something on every list of the policy that random Pods draw from.
func TestListsHasEveryList(t *testing.T) {
	file, err := repo.Path("test", "pods", "differential", "policies", "lists.yaml")
	if err != nil {
		t.Fatal(err)
	}
	policies, err := load.File(file)
	if err != nil {
		t.Fatal(err)
	}
	allow := reflect.ValueOf(policies[0].Allow)
	for field, value := range allow.Fields() {
		if value.IsZero() {
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			t.Errorf("test/pods/differential/policies/lists.yaml: spec.allow.%s: is missing, so that no random Pod has what it lists", name)
		}
	}
}
