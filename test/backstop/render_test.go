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
	want := "!(k in [" + strings.Join(fields, ", ") + "])"
	objects, err := Render(t.Context(), []Policy{{Name: "x", Spec: object{
		"namespaces": []string{"x"}, "claim": "x", "selector": object{"app": "x"}, "layout": object{"userData": "{user}"},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, policy := range objects.Policies {
		if policy.Name != "userscope-backstop-create-x" {
			continue
		}
		if !slices.ContainsFunc(policy.Spec.Variables, func(v admissionregistrationv1.Variable) bool { return strings.Contains(v.Expression, want) }) {
			t.Errorf("no variable of %s has %s", policy.Name, want)
		}
	}
}
