package scope

import (
	"testing"

	corev1 "k8s.io/api/core/v1"

	"userscope.dev/userscope/webhook/policy"
)

func TestHostname(t *testing.T) {
	yes, no, empty, name := true, false, "", "x"
	for field, test := range map[policy.HostnameField]struct {
		value     string
		set, none func(*corev1.PodSpec)
	}{
		policy.Hostname:          {"x", func(s *corev1.PodSpec) { s.Hostname = "x" }, func(*corev1.PodSpec) {}},
		policy.Subdomain:         {"x", func(s *corev1.PodSpec) { s.Subdomain = "x" }, func(*corev1.PodSpec) {}},
		policy.SetHostnameAsFQDN: {"true", func(s *corev1.PodSpec) { s.SetHostnameAsFQDN = &yes }, func(s *corev1.PodSpec) { s.SetHostnameAsFQDN = &no }},
		policy.HostnameOverride:  {"x", func(s *corev1.PodSpec) { s.HostnameOverride = &name }, func(s *corev1.PodSpec) { s.HostnameOverride = &empty }},
	} {
		listing := func(fields ...policy.HostnameField) *policy.Policy {
			return allowing(func(a *policy.Allow) { a.Hostnames = fields })
		}
		var others []policy.HostnameField
		for _, other := range []policy.HostnameField{policy.Hostname, policy.Subdomain, policy.SetHostnameAsFQDN, policy.HostnameOverride} {
			if other != field {
				others = append(others, other)
			}
		}
		refused := []Violation{{RuleHostname, "spec." + string(field), test.value, saysHostname}}
		runCreate(t, []createTest{
			{name: string(field) + " without a name", pod: sandbox(spec(test.none)), verdict: Allowed},
			{name: string(field), pod: sandbox(spec(test.set)), verdict: Refused, violations: refused},
			{name: string(field) + ", others listed", policy: listing(others...), pod: sandbox(spec(test.set)), verdict: Refused, violations: refused},
			{name: string(field) + ", listed", policy: listing(append(others, field)...), pod: sandbox(spec(test.set)), verdict: Allowed},
		})
	}
}
