package expressions

import (
	"fmt"
	"strings"
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/admission"
	plugincel "k8s.io/apiserver/pkg/admission/plugin/cel"
	"k8s.io/apiserver/pkg/admission/plugin/webhook/matchconditions"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/cel/environment"

	"userscope.dev/userscope/test/suites/backstop"
	userscope "userscope.dev/userscope/webhook/policy"
)

// largest is a sandbox as large as DeerFlow's bounds: each mount is one of the claim, the last directory of
// the list.
func largest() *corev1.Pod {
	bounds := userscope.DefaultBounds()
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
		Name: "largest", Labels: map[string]string{"app": "deer-flow-sandbox"},
		Annotations: map[string]string{userscope.MarkerAnnotation: "deer-flow", userscope.UserStamp: "alice", userscope.ThreadStamp: "thread-1"},
	}}
	for i := range bounds.Volumes {
		pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{
			Name: fmt.Sprintf("volume-%d", i), VolumeSource: corev1.VolumeSource{
				PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "deer-flow-home"},
			},
		})
	}
	pod.Spec.Containers = make([]corev1.Container, bounds.Containers)
	for i := range pod.Spec.Containers {
		pod.Spec.Containers[i].Name = fmt.Sprintf("container-%d", i)
	}
	for i := range bounds.Mounts {
		c := &pod.Spec.Containers[i%bounds.Containers]
		c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{
			Name: fmt.Sprintf("volume-%d", i%bounds.Volumes), MountPath: fmt.Sprintf("/mnt/%d", i),
			SubPath: "deer-flow/integrations/lark-cli/sandbox-cli", ReadOnly: true,
		})
	}
	for i := range bounds.Environment {
		c := &pod.Spec.Containers[i%bounds.Containers]
		c.Env = append(c.Env, corev1.EnvVar{Name: fmt.Sprintf("X%d", i), ValueFrom: &corev1.EnvVarSource{
			ConfigMapKeyRef: &corev1.ConfigMapKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: "x"}, Key: "x"},
		}})
	}
	return pod
}

// evaluateAtTheBounds evaluates the condition of new Pods for a sandbox at the bounds, and returns its cost.
func evaluateAtTheBounds(tb testing.TB, list []admissionregistrationv1.MatchCondition, show form) int64 {
	tb.Helper()
	evaluator := plugincel.NewConditionCompiler(oldest).CompileCondition(
		[]plugincel.ExpressionAccessor{(*matchconditions.MatchCondition)(&list[0])}, plugincel.OptionalVariableDeclarations{}, environment.NewExpressions)
	r := &request{operation: admission.Create, namespace: "deer-flow", pod: largest(), user: user.DefaultInfo{Name: "dana"}}
	attributes, err := r.attributes(show)
	if err != nil {
		tb.Fatal(err)
	}
	asked := plugincel.CreateAdmissionRequest(attributes.Attributes, metav1.GroupVersionResource(podResource), metav1.GroupVersionKind(podKind))
	results, left, err := evaluator.ForInput(tb.Context(), attributes, asked, plugincel.OptionalVariableBindings{}, nil, celconfig.RuntimeCELCostBudgetMatchConditions)
	if err != nil || results[0].Error != nil {
		tb.Fatalf("%v, %v", err, results)
	}
	if results[0].EvalResult.Value() == true {
		tb.Fatal("it is refused")
	}
	return celconfig.RuntimeCELCostBudgetMatchConditions - left
}

// A sandbox at the bounds costs at most half of what an API server grants one expression.
func TestCostAtTheBounds(t *testing.T) {
	list := render(t, readPolicies(t, policyFiles[0])).Policies[0].Spec.MatchConditions
	for name, show := range forms {
		cost := evaluateAtTheBounds(t, list, show)
		t.Logf("%s: costs %d of %d", name, cost, celconfig.PerCallLimit)
		if 2*cost > celconfig.PerCallLimit {
			t.Errorf("%s: costs %d, and half of what API servers grant is %d", name, cost, celconfig.PerCallLimit/2)
		}
	}
}

// A policy whose data makes an expression too long or too dear is refused when it is rendered, with the field
// and the number.
func TestDearPoliciesAreNotRendered(t *testing.T) {
	for _, test := range []struct {
		change func(spec map[string]any)
		want   string
	}{
		{func(spec map[string]any) { spec["bounds"] = map[string]any{"volumes": 5} }, "bounds/volumes"},
		{func(spec map[string]any) {
			spec["bounds"] = map[string]any{"mounts": 1024}
			var directories []any
			for i := range 50 {
				directories = append(directories, map[string]any{"path": fmt.Sprintf("shared/%d", i), "access": "ReadOnly"})
			}
			spec["layout"].(map[string]any)["directories"] = directories
		}, "policies[0].spec.bounds.mounts: 1024 mounts"},
		{func(spec map[string]any) {
			var secrets []any
			for i := range 5000 {
				secrets = append(secrets, fmt.Sprintf("secret-with-a-long-name-%d", i))
			}
			spec["allow"] = map[string]any{"secrets": secrets}
		}, "policies[0]: an expression of the backstop would have"},
	} {
		policies := readPolicies(t, policyFiles[0])
		test.change(policies[0].Spec)
		if _, err := backstop.Render(t.Context(), policies); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%.300v, want %s", err, test.want)
		}
	}
}
