package backstop

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
)

// The fields that the backstop lets a mount have are those that the decision knows. What a later API
// server would add to them, none of today can show.
func TestKnownFieldsOfMounts(t *testing.T) {
	var fields []string
	for field := range reflect.TypeFor[corev1.VolumeMount]().Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		fields = append(fields, `"`+name+`"`)
	}
	want := `m.all(k, k in [` + strings.Join(fields, ",") + `])`
	for _, policy := range rendered(t).Policies {
		if !strings.HasPrefix(policy.Name, "userscope-backstop-create-") {
			continue
		}
		if breaks := policy.Spec.MatchConditions[0].Expression; !strings.Contains(breaks, want) {
			t.Errorf("%s does not have %s", breaks, want)
		}
		return
	}
	t.Error("no policy for new Pods is rendered")
}

// An expression that cannot be evaluated refuses; and each policy is bound, to deny.
func TestPoliciesFailClosed(t *testing.T) {
	objects := rendered(t)
	bound := map[string]bool{}
	for _, binding := range objects.Bindings {
		if binding.Name != binding.Spec.PolicyName || binding.Spec.MatchResources != nil ||
			!slices.Equal(binding.Spec.ValidationActions, []admissionregistrationv1.ValidationAction{admissionregistrationv1.Deny}) {
			t.Errorf("%s: %+v", binding.Name, binding.Spec)
		}
		bound[binding.Spec.PolicyName] = true
	}
	for _, policy := range objects.Policies {
		if !bound[policy.Name] || *policy.Spec.FailurePolicy != admissionregistrationv1.Fail {
			t.Errorf("%s: bound: %t, failurePolicy: %s", policy.Name, bound[policy.Name], *policy.Spec.FailurePolicy)
		}
	}
	if len(objects.Policies) != 3 || len(objects.Bindings) != 3 {
		t.Errorf("%d policies and %d bindings", len(objects.Policies), len(objects.Bindings))
	}
}

// rendered are the objects of the smallest policy.
func rendered(t *testing.T) *Objects {
	t.Helper()
	objects, err := Render(t.Context(), []Policy{{Name: "x", Spec: object{
		"namespaces": []string{"x"}, "claim": "x", "selector": object{"app": "x"}, "layout": object{"userData": "{user}"},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	return objects
}
