package expressions

import (
	"os"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/authentication/user"
	"sigs.k8s.io/yaml"

	"userscope.dev/userscope/test/kit/controlplane"
	"userscope.dev/userscope/test/kit/repo"
	userscope "userscope.dev/userscope/webhook/policy"
)

// ordinary is DeerFlow's newest sandbox, with ten mounts, as the decision leaves it and API servers fill it in.
func ordinary(tb testing.TB) *corev1.Pod {
	tb.Helper()
	found, err := repo.Path("test", "cmd", "bench", "sandbox.yaml")
	if err != nil {
		tb.Fatal(err)
	}
	content, err := os.ReadFile(found)
	if err != nil {
		tb.Fatal(err)
	}
	var pod corev1.Pod
	if err := yaml.UnmarshalStrict(content, &pod); err != nil {
		tb.Fatal(err)
	}
	pod.Annotations = map[string]string{userscope.MarkerAnnotation: "deer-flow"}
	for key, id := range map[string]string{
		"user-id": "dora", userscope.UserStamp: "dora",
		"thread-id": "4be1a6b2-93d5-4c1c-8f6e-27d1a0c5e9b7", userscope.ThreadStamp: "4be1a6b2-93d5-4c1c-8f6e-27d1a0c5e9b7",
	} {
		pod.Labels[key], pod.Annotations[key] = id, id
	}
	pod.Spec.ServiceAccountName = "default"
	pod.Spec.SecurityContext = &corev1.PodSecurityContext{}
	return &pod
}

// What API servers compute when a sandbox is created, in the forms of Kubernetes 1.35 and later and of earlier
// versions, but for what they do for any policy.
func BenchmarkCreate(b *testing.B) {
	objects := render(b, readPolicies(b, policyFiles[0]))
	compiled, err := compile(&objects.Policies[0])
	if err != nil {
		b.Fatal(err)
	}
	r := &request{operation: admission.Create, namespace: "deer-flow", pod: ordinary(b), user: user.DefaultInfo{
		Name: controlplane.Provisioner, Groups: []string{"system:serviceaccounts", "system:serviceaccounts:deer-flow", "system:authenticated"},
	}}
	for name, show := range forms {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				refused, err := compiled.refusals(b.Context(), r, show)
				if err != nil || len(refused) > 0 {
					b.Fatal(refused, err)
				}
			}
		})
	}
}
