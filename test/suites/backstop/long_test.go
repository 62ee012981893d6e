package backstop

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Conditions that are rendered are not too long for an API server, which would refuse the second of the
// configurations when it has the first.
func TestLongConditions(t *testing.T) {
	exempting := func(length int) (*Objects, error) {
		return Render(t.Context(), []Policy{{Name: "x", Spec: object{
			"namespaces": []string{"x"}, "claim": "x", "selector": object{"app": "x"}, "layout": object{"userData": "{user}"},
			"exemptCreators": object{"users": []string{strings.Repeat("x", length)}},
		}}})
	}
	longest := func(objects *Objects) (length int) {
		for _, webhook := range objects.Validating.Webhooks {
			for _, condition := range webhook.MatchConditions {
				length = max(length, len(condition.Expression))
			}
		}
		return length
	}
	const most = 100_000
	const some = 50_000
	shorter, err := exempting(some)
	if err != nil {
		t.Fatal(err)
	}
	length := some + most - longest(shorter)
	objects, err := exempting(length)
	if err != nil {
		t.Fatal(err)
	}
	if got := longest(objects); got != most {
		t.Errorf("the longest condition has %d characters, want %d", got, most)
	}
	objects.Validating.Name = "long"
	create := admin.AdmissionregistrationV1().ValidatingWebhookConfigurations().Create
	dryRun := metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}}
	if _, err := create(t.Context(), &objects.Validating, dryRun); err != nil {
		t.Errorf("%.400v", err)
	}
	for i := range objects.Validating.Webhooks[0].MatchConditions {
		expression := &objects.Validating.Webhooks[0].MatchConditions[i].Expression
		*expression = strings.Replace(*expression, `"x"`, `"xx"`, 1)
	}
	if _, err := create(t.Context(), &objects.Validating, dryRun); err == nil {
		t.Errorf("API servers take more than %d characters", most)
	}
	if _, err := exempting(length + 1); err == nil || !strings.Contains(err.Error(), "would have 100001 bytes, and API servers take 100000") {
		t.Errorf("%.400v", err)
	}
}
