package webhookprocess

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
	"k8s.io/utils/ptr"

	"userscope.dev/userscope/test/kit/controlplane"
)

// The names of the webhook in the cluster, the second of which the API server puts before every
// refusal.
const (
	ConfigurationName = "userscope"
	WebhookName       = "pods.userscope.dev"
)

// Configuration is the MutatingWebhookConfiguration that sends new Pods of the namespaces to the
// webhook.
func (w *Webhook) Configuration(namespaces ...string) *admissionregistrationv1.MutatingWebhookConfiguration {
	return &admissionregistrationv1.MutatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: ConfigurationName},
		Webhooks: []admissionregistrationv1.MutatingWebhook{{
			Name:                    WebhookName,
			AdmissionReviewVersions: []string{"v1"},
			ClientConfig:            w.clientConfig("/mutate"),
			Rules: []admissionregistrationv1.RuleWithOperations{
				rule("pods", admissionregistrationv1.Create),
			},
			NamespaceSelector:  selector(namespaces),
			FailurePolicy:      ptr.To(admissionregistrationv1.Fail),
			MatchPolicy:        ptr.To(admissionregistrationv1.Equivalent),
			ReinvocationPolicy: ptr.To(admissionregistrationv1.IfNeededReinvocationPolicy),
			SideEffects:        ptr.To(admissionregistrationv1.SideEffectClassNone),
			TimeoutSeconds:     ptr.To[int32](5),
		}},
	}
}

// ValidatingConfiguration is the ValidatingWebhookConfiguration that sends to the webhook what may
// happen to Pods of the namespaces once they are stored.
func (w *Webhook) ValidatingConfiguration(namespaces ...string) *admissionregistrationv1.ValidatingWebhookConfiguration {
	return &admissionregistrationv1.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: ConfigurationName},
		Webhooks: []admissionregistrationv1.ValidatingWebhook{{
			Name:                    WebhookName,
			AdmissionReviewVersions: []string{"v1"},
			ClientConfig:            w.clientConfig("/validate"),
			Rules: []admissionregistrationv1.RuleWithOperations{
				rule("pods", admissionregistrationv1.Update, admissionregistrationv1.Delete),
				rule("pods/ephemeralcontainers", admissionregistrationv1.Update),
			},
			NamespaceSelector: selector(namespaces),
			FailurePolicy:     ptr.To(admissionregistrationv1.Fail),
			MatchPolicy:       ptr.To(admissionregistrationv1.Equivalent),
			SideEffects:       ptr.To(admissionregistrationv1.SideEffectClassNone),
			TimeoutSeconds:    ptr.To[int32](5),
		}},
	}
}

func (w *Webhook) clientConfig(path string) admissionregistrationv1.WebhookClientConfig {
	return admissionregistrationv1.WebhookClientConfig{URL: ptr.To("https://" + w.Address + path), CABundle: w.CA}
}

func rule(resource string, operations ...admissionregistrationv1.OperationType) admissionregistrationv1.RuleWithOperations {
	return admissionregistrationv1.RuleWithOperations{
		Operations: operations,
		Rule: admissionregistrationv1.Rule{
			APIGroups:   []string{corev1.GroupName},
			APIVersions: []string{"v1"},
			Resources:   []string{resource},
			Scope:       ptr.To(admissionregistrationv1.NamespacedScope),
		},
	}
}

func selector(namespaces []string) *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{
		Key: corev1.LabelMetadataName, Operator: metav1.LabelSelectorOpIn, Values: namespaces,
	}}}
}

// Install makes the control plane send what concerns Pods of DeerFlow's namespace to the webhook,
// and returns when it does. With ServiceAccount admission, the namespace's ServiceAccount default
// must exist.
func (w *Webhook) Install(ctx context.Context, cluster *controlplane.ControlPlane) error {
	client, err := kubernetes.NewForConfig(cluster.Config(controlplane.Admin))
	if err != nil {
		return err
	}
	mutating, validating := w.Configuration(controlplane.Namespace), w.ValidatingConfiguration(controlplane.Namespace)
	// Tests keep a machine so busy that a process may not have its turn for seconds.
	mutating.Webhooks[0].TimeoutSeconds = ptr.To[int32](30)
	validating.Webhooks[0].TimeoutSeconds = ptr.To[int32](30)
	_, err = client.AdmissionregistrationV1().MutatingWebhookConfigurations().Create(ctx, mutating, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("create the MutatingWebhookConfiguration: %w", err)
	}
	_, err = client.AdmissionregistrationV1().ValidatingWebhookConfigurations().Create(ctx, validating, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("create the ValidatingWebhookConfiguration: %w", err)
	}
	return AwaitInForce(ctx, cluster)
}

// AwaitInForce tries what a webhook with DeerFlow's policy refuses, as the provisioner, until it is
// WebhookName that refuses it: the API server follows each kind of configuration with a delay of its
// own.
func AwaitInForce(ctx context.Context, cluster *controlplane.ControlPlane) error {
	admin, err := kubernetes.NewForConfig(cluster.Config(controlplane.Admin))
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(cluster.Config(controlplane.Provisioner))
	if err != nil {
		return err
	}
	provisioners, admins := client.CoreV1().Pods(controlplane.Namespace), admin.CoreV1().Pods(controlplane.Namespace)
	dryRun := []string{metav1.DryRunAll}

	err = awaitRefusal(ctx, func(ctx context.Context) error {
		_, err := provisioners.Create(ctx, nobodysSandbox(), metav1.CreateOptions{DryRun: dryRun})
		return err
	})
	if err != nil {
		return fmt.Errorf("await the webhook's first refusal to create a Pod: %w", err)
	}

	stored, err := admins.Create(ctx, noSandbox(), metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("create a Pod that the provisioner may not delete: %w", err)
	}
	err = awaitRefusal(ctx, func(ctx context.Context) error {
		return provisioners.Delete(ctx, stored.Name, metav1.DeleteOptions{DryRun: dryRun})
	})
	if err != nil {
		err = fmt.Errorf("await the webhook's first refusal to delete a Pod: %w", err)
	}
	return errors.Join(err, admins.Delete(ctx, stored.Name, metav1.DeleteOptions{GracePeriodSeconds: ptr.To[int64](0)}))
}

// awaitRefusal repeats a request until the webhook refuses it.
func awaitRefusal(ctx context.Context, try func(context.Context) error) error {
	return wait.PollUntilContextTimeout(ctx, 20*time.Millisecond, 30*time.Second, true, func(ctx context.Context) (bool, error) {
		err := try(ctx)
		if err == nil || refusedBy(err, WebhookName) {
			return err != nil, nil
		}
		return false, err
	})
}

// nobodysSandbox is a Pod of the simplest kind that must be refused: it mounts the claim and does
// not say whose it is.
func nobodysSandbox() *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "probe-", Labels: map[string]string{"app": "deer-flow-sandbox"}},
		Spec: corev1.PodSpec{
			Containers: []corev1.Container{{
				Name: "sandbox", Image: "none",
				VolumeMounts: []corev1.VolumeMount{{Name: "user-data", MountPath: "/mnt/user-data"}},
			}},
			Volumes: []corev1.Volume{{
				Name: "user-data",
				VolumeSource: corev1.VolumeSource{
					PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "deer-flow-home"},
				},
			}},
		},
	}
}

// noSandbox is a Pod that is none of Userscope's business.
func noSandbox() *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "probe-"},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: "none"}}},
	}
}

// refusedBy reports whether an error of the API server is a webhook's refusal, and not, for
// example, a failure to reach it.
func refusedBy(err error, webhook string) bool {
	return strings.Contains(err.Error(), fmt.Sprintf("admission webhook %q denied the request", webhook))
}
