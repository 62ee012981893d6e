package backstop

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
)

// Call has API servers call another webhook than the one in the cluster, and gives it time: tests
// keep a machine so busy that it may not have its turn for seconds.
func (o *Objects) Call(path func(path string) admissionregistrationv1.WebhookClientConfig) {
	const patience = 30
	for i := range o.Mutating.Webhooks {
		webhook := &o.Mutating.Webhooks[i]
		webhook.ClientConfig, *webhook.TimeoutSeconds = path(*webhook.ClientConfig.Service.Path), patience
	}
	for i := range o.Validating.Webhooks {
		webhook := &o.Validating.Webhooks[i]
		webhook.ClientConfig, *webhook.TimeoutSeconds = path(*webhook.ClientConfig.Service.Path), patience
	}
}

// InstallWebhooks creates the webhook configurations. They take effect a little later.
func (o *Objects) InstallWebhooks(ctx context.Context, admin kubernetes.Interface) error {
	api := admin.AdmissionregistrationV1()
	_, err := api.MutatingWebhookConfigurations().Create(ctx, &o.Mutating, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	_, err = api.ValidatingWebhookConfigurations().Create(ctx, &o.Validating, metav1.CreateOptions{})
	return err
}

// InstallPolicies creates the ValidatingAdmissionPolicies with their bindings, and returns when they
// are in force.
func (o *Objects) InstallPolicies(ctx context.Context, admin kubernetes.Interface) error {
	api := admin.AdmissionregistrationV1()
	for i := range o.Policies {
		if _, err := api.ValidatingAdmissionPolicies().Create(ctx, &o.Policies[i], metav1.CreateOptions{}); err != nil {
			return err
		}
	}
	for i := range o.Bindings {
		if _, err := api.ValidatingAdmissionPolicyBindings().Create(ctx, &o.Bindings[i], metav1.CreateOptions{}); err != nil {
			return err
		}
	}
	return awaitPolicies(ctx, admin)
}

// A probe is refused by a policy that is created after all others: an API server follows policies
// and bindings each in the order of their creation.
const probe = "probe-the-backstop"

func awaitPolicies(ctx context.Context, admin kubernetes.Interface) error {
	api := admin.AdmissionregistrationV1()
	_, err := api.ValidatingAdmissionPolicies().Create(ctx, &admissionregistrationv1.ValidatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: probe},
		Spec: admissionregistrationv1.ValidatingAdmissionPolicySpec{
			MatchConstraints: &admissionregistrationv1.MatchResources{
				ResourceRules: []admissionregistrationv1.NamedRuleWithOperations{{RuleWithOperations: admissionregistrationv1.RuleWithOperations{
					Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create},
					Rule:       admissionregistrationv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"configmaps"}},
				}}},
			},
			Validations: []admissionregistrationv1.Validation{{Expression: `object.metadata.name != "` + probe + `"`}},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	_, err = api.ValidatingAdmissionPolicyBindings().Create(ctx, &admissionregistrationv1.ValidatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: probe},
		Spec: admissionregistrationv1.ValidatingAdmissionPolicyBindingSpec{
			PolicyName:        probe,
			ValidationActions: []admissionregistrationv1.ValidationAction{admissionregistrationv1.Deny},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	err = errors.Join(awaitProbe(ctx, admin, true),
		api.ValidatingAdmissionPolicyBindings().Delete(ctx, probe, metav1.DeleteOptions{}),
		api.ValidatingAdmissionPolicies().Delete(ctx, probe, metav1.DeleteOptions{}))
	// The next to await would take this probe for its own.
	return errors.Join(err, awaitProbe(ctx, admin, false))
}

// awaitProbe waits until the probe is refused, or until it no longer is.
func awaitProbe(ctx context.Context, admin kubernetes.Interface, refused bool) error {
	err := wait.PollUntilContextTimeout(ctx, 20*time.Millisecond, 2*time.Minute, true, func(ctx context.Context) (bool, error) {
		_, err := admin.CoreV1().ConfigMaps(corev1.NamespaceDefault).Create(ctx,
			&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: probe}}, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		if !refused {
			return err == nil, nil
		}
		return err != nil && strings.Contains(err.Error(), probe), nil
	})
	if err != nil {
		return fmt.Errorf("await the policies, the probe to be refused: %t: %w", refused, err)
	}
	return nil
}

// Refuses reports whether an error of the API server is a refusal of the backstop, or of the policy
// for Services, and not one of the API server's own.
func Refuses(err error) bool {
	return err != nil && strings.Contains(err.Error(), "ValidatingAdmissionPolicy 'userscope-")
}
