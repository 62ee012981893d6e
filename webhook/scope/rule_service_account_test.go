package scope

import (
	"testing"

	corev1 "k8s.io/api/core/v1"

	"userscope.dev/userscope/webhook/policy"
)

func TestServiceAccounts(t *testing.T) {
	account := func(name string) func(*corev1.Pod) {
		return spec(func(s *corev1.PodSpec) { s.ServiceAccountName = name })
	}
	refused := func(field string) Violation {
		return Violation{RuleServiceAccount, "spec." + field, "gateway", "is a ServiceAccount that sandboxes may not run as: leave it out, or have the policy list it in allow.serviceAccounts"}
	}
	token := func(volume, audience, path string, seconds *int64) func(*corev1.Pod) {
		return addVolume(corev1.Volume{Name: volume, VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{
			{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{Audience: audience, Path: path, ExpirationSeconds: seconds}}}}}})
	}
	noToken := func(audience string) []Violation {
		problem := "is missing, and no policy may list the API server's own: drop it, a Pod has its own"
		if audience != "" {
			problem = "is not listed: drop it, or have the policy list it in allow.tokenAudiences"
		}
		return []Violation{{RuleServiceAccountToken, "spec.volumes[1].projected.sources[0].serviceAccountToken.audience", audience, problem}}
	}
	runCreate(t, []createTest{
		{name: "default", pod: sandbox(account("default")), verdict: Allowed},
		{name: "another", pod: sandbox(account("gateway")), verdict: Refused, violations: []Violation{refused("serviceAccountName")}},
		{name: "another, in the old spelling", pod: sandbox(spec(func(s *corev1.PodSpec) { s.DeprecatedServiceAccount = "gateway" })), verdict: Refused,
			violations: []Violation{refused("serviceAccount")}},
		{name: "another, listed", policy: allowing(func(a *policy.Allow) { a.ServiceAccounts = []string{"gateway"} }), pod: sandbox(account("gateway")), verdict: Allowed},
		{name: "the API server's own token", pod: sandbox(token("kube-api-access-x7k2p", "", "token", new(int64(3607)))), verdict: Allowed},
		{name: "a token of another volume name", pod: sandbox(token("mine", "", "token", new(int64(3607)))), verdict: Refused, violations: noToken("")},
		{name: "a token for another audience", pod: sandbox(token("kube-api-access-x7k2p", "vault", "token", new(int64(3607)))), verdict: Refused, violations: noToken("vault")},
		{name: "a token at another path", pod: sandbox(token("kube-api-access-x7k2p", "", "t", new(int64(3607)))), verdict: Refused, violations: noToken("")},
		{name: "a token of another lifetime", pod: sandbox(token("kube-api-access-x7k2p", "", "token", new(int64(99999)))), verdict: Refused, violations: noToken("")},
		{name: "a token without a lifetime", pod: sandbox(token("kube-api-access-x7k2p", "", "token", nil)), verdict: Refused, violations: noToken("")},
		{name: "a token for a listed audience", policy: allowing(func(a *policy.Allow) { a.TokenAudiences = []string{"vault"} }), pod: sandbox(token("t", "vault", "t", nil)), verdict: Allowed},
	})
}
