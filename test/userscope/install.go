package userscope

import (
	"context"
	"fmt"
	"strings"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/ptr"

	"userscope.dev/userscope/test/controlplane"
)

// The names of the webhook in the cluster, the second of which the API server puts before every
// refusal.
const (
	ConfigurationName = "userscope"
	WebhookName       = "pods.userscope.dev"
)

// Configuration is the MutatingWebhookConfiguration that sends Pods of the namespaces to the
// webhook.
func (w *Webhook) Configuration(namespaces ...string) *admissionregistrationv1.MutatingWebhookConfiguration {
	return &admissionregistrationv1.MutatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: ConfigurationName},
		Webhooks: []admissionregistrationv1.MutatingWebhook{{
			Name:                    WebhookName,
			AdmissionReviewVersions: []string{"v1"},
			ClientConfig: admissionregistrationv1.WebhookClientConfig{
				URL:      ptr.To("https://" + w.Address + "/mutate"),
				CABundle: w.CA,
			},
			Rules: []admissionregistrationv1.RuleWithOperations{{
				Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create},
				Rule: admissionregistrationv1.Rule{
					APIGroups:   []string{corev1.GroupName},
					APIVersions: []string{"v1"},
					Resources:   []string{"pods"},
					Scope:       ptr.To(admissionregistrationv1.NamespacedScope),
				},
			}},
			NamespaceSelector: &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{
				Key: corev1.LabelMetadataName, Operator: metav1.LabelSelectorOpIn, Values: namespaces,
			}}},
			FailurePolicy:      ptr.To(admissionregistrationv1.Fail),
			MatchPolicy:        ptr.To(admissionregistrationv1.Equivalent),
			ReinvocationPolicy: ptr.To(admissionregistrationv1.IfNeededReinvocationPolicy),
			SideEffects:        ptr.To(admissionregistrationv1.SideEffectClassNone),
			TimeoutSeconds:     ptr.To[int32](5),
		}},
	}
}

// Install makes the control plane send the Pods of DeerFlow's namespace to the webhook, and
// returns when it does.
func (w *Webhook) Install(ctx context.Context, cluster *controlplane.ControlPlane) error {
	client, err := kubernetes.NewForConfig(cluster.Config(controlplane.Admin))
	if err != nil {
		return err
	}
	_, err = client.AdmissionregistrationV1().MutatingWebhookConfigurations().
		Create(ctx, w.Configuration(controlplane.Namespace), metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("create the MutatingWebhookConfiguration: %w", err)
	}
	return w.awaitInForce(ctx, cluster)
}

// awaitInForce tries what the webhook refuses until it is the webhook that refuses it: the API
// server follows its configurations with some delay.
func (w *Webhook) awaitInForce(ctx context.Context, cluster *controlplane.ControlPlane) error {
	client, err := kubernetes.NewForConfig(cluster.Config(controlplane.Provisioner))
	if err != nil {
		return err
	}
	dryRun := metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}}
	err = wait.PollUntilContextTimeout(ctx, 20*time.Millisecond, 30*time.Second, true, func(ctx context.Context) (bool, error) {
		_, err := client.CoreV1().Pods(controlplane.Namespace).Create(ctx, nobodysSandbox(), dryRun)
		if err == nil || refused(err) {
			return err != nil, nil
		}
		return false, err
	})
	if err != nil {
		return fmt.Errorf("await the webhook's first refusal: %w", err)
	}
	return nil
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

// refused reports whether an error of the API server is the webhook's refusal, and not, for
// example, a failure to reach it.
func refused(err error) bool {
	return strings.Contains(err.Error(), fmt.Sprintf("admission webhook %q denied the request", WebhookName))
}
