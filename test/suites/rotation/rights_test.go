package rotation

import (
	"fmt"
	"slices"
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"userscope.dev/userscope/test/kit/controlplane"
)

// The issuer may get and update two Secrets, get and patch two configurations, and nothing else.
func TestRights(t *testing.T) {
	install(t)
	client, err := kubernetes.NewForConfig(cluster.Config(issuerUser))
	if err != nil {
		t.Fatal(err)
	}
	const configurations = "[get patch] [mutatingwebhookconfigurations validatingwebhookconfigurations] [zz-userscope]"
	for in, want := range map[string][]string{
		namespace:              {configurations, "[get update] [secrets] [userscope-tls userscope-issuer-ca]"},
		controlplane.Namespace: {configurations},
	} {
		everybodys := rights(t, nobody, in)
		got := slices.DeleteFunc(rights(t, issuerUser, in), func(right string) bool { return slices.Contains(everybodys, right) })
		if !slices.Equal(got, want) {
			t.Errorf("in the namespace %s the issuer may %q beyond what everybody may, want %q", in, got, want)
		}
	}

	// The same, tried.
	var (
		ctx         = t.Context()
		secrets     = client.CoreV1().Secrets(namespace)
		elsewhere   = client.CoreV1().Secrets(controlplane.Namespace)
		mutators    = client.AdmissionregistrationV1().MutatingWebhookConfigurations()
		judges      = client.AdmissionregistrationV1().ValidatingWebhookConfigurations()
		dry         = []string{metav1.DryRunAll}
		secret      = &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: servingName}}
		authorities = &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: authoritiesName}}
		other       = &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "another"}}
		empty       = []byte("{}")
	)
	for _, test := range []struct {
		what    string
		allowed bool
		try     func() error
	}{
		{"get its Secret", true, func() error { _, err := secrets.Get(ctx, servingName, metav1.GetOptions{}); return err }},
		{"get the CA's Secret", true, func() error { _, err := secrets.Get(ctx, authoritiesName, metav1.GetOptions{}); return err }},
		{"update the CA's Secret", true, func() error {
			_, err := secrets.Update(ctx, authorities, metav1.UpdateOptions{DryRun: dry})
			return err
		}},
		{"patch the CA's Secret", false, func() error {
			_, err := secrets.Patch(ctx, authoritiesName, types.MergePatchType, empty, metav1.PatchOptions{DryRun: dry})
			return err
		}},
		{"create the CA's Secret", false, func() error {
			_, err := secrets.Create(ctx, authorities, metav1.CreateOptions{DryRun: dry})
			return err
		}},
		{"delete the CA's Secret", false, func() error { return secrets.Delete(ctx, authoritiesName, metav1.DeleteOptions{DryRun: dry}) }},
		{"update its Secret", true, func() error {
			_, err := secrets.Update(ctx, secret, metav1.UpdateOptions{DryRun: dry})
			return err
		}},
		{"patch its Secret", false, func() error {
			_, err := secrets.Patch(ctx, servingName, types.MergePatchType, empty, metav1.PatchOptions{DryRun: dry})
			return err
		}},
		{"create its Secret", false, func() error {
			_, err := secrets.Create(ctx, secret, metav1.CreateOptions{DryRun: dry})
			return err
		}},
		{"delete its Secret", false, func() error { return secrets.Delete(ctx, servingName, metav1.DeleteOptions{DryRun: dry}) }},
		{"list Secrets", false, func() error { _, err := secrets.List(ctx, metav1.ListOptions{}); return err }},
		{"list its Secret", false, func() error {
			_, err := secrets.List(ctx, metav1.ListOptions{FieldSelector: "metadata.name=another"})
			return err
		}},
		{"get another Secret", false, func() error { _, err := secrets.Get(ctx, "another", metav1.GetOptions{}); return err }},
		{"update another Secret", false, func() error {
			_, err := secrets.Update(ctx, other, metav1.UpdateOptions{DryRun: dry})
			return err
		}},
		{"get a Secret of its name elsewhere", false, func() error { _, err := elsewhere.Get(ctx, servingName, metav1.GetOptions{}); return err }},
		{"get the mutating configuration", true, func() error { _, err := mutators.Get(ctx, configurationName, metav1.GetOptions{}); return err }},
		{"get the validating configuration", true, func() error { _, err := judges.Get(ctx, configurationName, metav1.GetOptions{}); return err }},
		{"patch the mutating configuration", true, func() error {
			_, err := mutators.Patch(ctx, configurationName, types.MergePatchType, empty, metav1.PatchOptions{DryRun: dry})
			return err
		}},
		{"patch the validating configuration", true, func() error {
			_, err := judges.Patch(ctx, configurationName, types.MergePatchType, empty, metav1.PatchOptions{DryRun: dry})
			return err
		}},
		{"get another configuration", false, func() error { _, err := mutators.Get(ctx, "another", metav1.GetOptions{}); return err }},
		{"patch another configuration", false, func() error {
			_, err := judges.Patch(ctx, "another", types.MergePatchType, empty, metav1.PatchOptions{DryRun: dry})
			return err
		}},
		{"update a configuration", false, func() error {
			configuration := &admissionregistrationv1.MutatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: configurationName}}
			_, err := mutators.Update(ctx, configuration, metav1.UpdateOptions{DryRun: dry})
			return err
		}},
		{"create a configuration by applying it", false, func() error {
			_, err := judges.Patch(ctx, "another", types.ApplyPatchType,
				[]byte(`{"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration"}`),
				metav1.PatchOptions{DryRun: dry, FieldManager: "issuer"})
			return err
		}},
		{"delete the mutating configuration", false, func() error {
			return mutators.Delete(ctx, configurationName, metav1.DeleteOptions{DryRun: dry})
		}},
		{"delete the validating configuration", false, func() error { return judges.Delete(ctx, configurationName, metav1.DeleteOptions{DryRun: dry}) }},
		{"list configurations", false, func() error { _, err := mutators.List(ctx, metav1.ListOptions{}); return err }},
		{"list Pods", false, func() error {
			_, err := client.CoreV1().Pods(controlplane.Namespace).List(ctx, metav1.ListOptions{})
			return err
		}},
	} {
		switch err := test.try(); {
		case test.allowed && err != nil:
			t.Errorf("%s: %v", test.what, err)
		case !test.allowed && !apierrors.IsForbidden(err):
			t.Errorf("%s: %v, want it to be forbidden", test.what, err)
		}
	}
}

// rights are a user's in a namespace.
func rights(t *testing.T, user, in string) []string {
	t.Helper()
	client, err := kubernetes.NewForConfig(cluster.Config(user))
	if err != nil {
		t.Fatal(err)
	}
	review := &authorizationv1.SelfSubjectRulesReview{Spec: authorizationv1.SelfSubjectRulesReviewSpec{Namespace: in}}
	answer, err := client.AuthorizationV1().SelfSubjectRulesReviews().Create(t.Context(), review, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, rule := range answer.Status.ResourceRules {
		all = append(all, fmt.Sprintf("%s %s %s", rule.Verbs, rule.Resources, rule.ResourceNames))
	}
	slices.Sort(all)
	return all
}
