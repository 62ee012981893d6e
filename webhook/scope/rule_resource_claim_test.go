package scope

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"userscope.dev/userscope/webhook/policy"
)

func TestDevices(t *testing.T) {
	claims := func(claims ...corev1.PodResourceClaim) func(*corev1.Pod) {
		return spec(func(s *corev1.PodSpec) { s.ResourceClaims = claims })
	}
	refused := func(name string) []Violation {
		return []Violation{{RuleResourceClaim, "spec.resourceClaims[0]", name, "is no device for sandboxes: drop it, or have the policy list it in allow.resourceClaims"}}
	}
	listed := allowing(func(a *policy.Allow) { a.ResourceClaims, a.RuntimeClasses = []string{"gpu"}, []string{"gvisor"} })
	resources := func(names ...corev1.ResourceName) func(*corev1.Pod) {
		return first(func(c *corev1.Container) {
			c.Resources = corev1.ResourceRequirements{Limits: corev1.ResourceList{}, Requests: corev1.ResourceList{}}
			for _, name := range names {
				c.Resources.Limits[name], c.Resources.Requests[name] = resource.MustParse("1"), resource.MustParse("1")
			}
		})
	}
	runtimeClass := func(name string) func(*corev1.Pod) {
		return spec(func(s *corev1.PodSpec) { s.RuntimeClassName = &name })
	}
	runCreate(t, []createTest{
		{name: "a block device", pod: sandbox(first(func(c *corev1.Container) {
			c.VolumeDevices = []corev1.VolumeDevice{{Name: "user-data", DevicePath: "/dev/x"}}
		})), verdict: Refused, identity: "alice/t1 label", violations: []Violation{{RuleVolumeDevice, "spec.containers[0].volumeDevices[0].name", "user-data", "is a raw device, which shows all of the volume, and no policy may list it: mount it as a directory"}}},
		{name: "a claimed device", pod: sandbox(claims(corev1.PodResourceClaim{Name: "gpu", ResourceClaimName: new("tpu")})), verdict: Refused, violations: refused("tpu")},
		{name: "a claimed device by template", pod: sandbox(claims(corev1.PodResourceClaim{Name: "gpu", ResourceClaimTemplateName: new("tpu")})), verdict: Refused, violations: refused("tpu")},
		{name: "a claim of nothing", policy: listed, pod: sandbox(claims(corev1.PodResourceClaim{Name: "gpu"})), verdict: Refused, violations: refused("gpu")},
		{name: "two names that make a listed one together", policy: listed, pod: sandbox(claims(corev1.PodResourceClaim{Name: "x", ResourceClaimName: new("gp"), ResourceClaimTemplateName: new("u")})), verdict: Refused, violations: refused("gp")},
		{name: "a listed device and a template", policy: listed, pod: sandbox(claims(corev1.PodResourceClaim{Name: "x", ResourceClaimName: new("gpu"), ResourceClaimTemplateName: new("tpu")})), verdict: Refused, violations: refused("gpu")},
		{name: "a listed device", policy: listed, pod: sandbox(claims(corev1.PodResourceClaim{Name: "x", ResourceClaimName: new("gpu")})), verdict: Allowed},
		{name: "a listed device by template", policy: listed, pod: sandbox(claims(corev1.PodResourceClaim{Name: "x", ResourceClaimTemplateName: new("gpu")})), verdict: Allowed},
		{name: "an extended resource", pod: sandbox(resources("example.com/gpu")), verdict: Refused, violations: []Violation{
			{RuleResourceClaim, "spec.containers[0].resources.limits[example.com/gpu]", "1", "asks for a device: drop it, or have the policy list it in allow.resourceClaims"},
			{RuleResourceClaim, "spec.containers[0].resources.requests[example.com/gpu]", "1", "asks for a device: drop it, or have the policy list it in allow.resourceClaims"}}},
		{name: "a listed extended resource", policy: allowing(func(a *policy.Allow) { a.ResourceClaims = []string{"example.com/gpu"} }), pod: sandbox(resources("example.com/gpu")), verdict: Allowed},
		{name: "CPU and memory", pod: sandbox(resources("cpu", "memory", "ephemeral-storage", "hugepages-2Mi")), verdict: Allowed},
		{name: "a runtime class", pod: sandbox(runtimeClass("gvisor")), verdict: Refused,
			violations: []Violation{{RuleRuntimeClass, "spec.runtimeClassName", "gvisor", "is a runtime that sandboxes may not choose: drop it, or have the policy list it in allow.runtimeClasses"}}},
		{name: "a listed runtime class", policy: listed, pod: sandbox(runtimeClass("gvisor")), verdict: Allowed},
	})
}
