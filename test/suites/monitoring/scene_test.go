package monitoring

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"

	"userscope.dev/userscope/test/kit/cleanup"
	"userscope.dev/userscope/test/kit/controlplane"
	"userscope.dev/userscope/test/kit/pki"
	"userscope.dev/userscope/test/kit/webhookprocess"
)

// scene is what was to be seen when all had happened.
type scene struct {
	webhook, issuer, apiServer scrape
	// certificate is what the webhook serves, as PEM.
	certificate []byte
}

// patience is how long one thing may take to happen.
const patience = time.Minute

// policyNames are the names that the chart gives the policies on new Pods, on stored ones and on Services.
var policyNames = []string{"userscope-backstop-create-deer-flow", "userscope-backstop-stored-deer-flow", "userscope-services"}

var stage = sync.OnceValues(func() (*scene, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	return play(ctx)
})

// staged returns the scene, which all tests share.
func staged(t *testing.T) *scene {
	t.Helper()
	s, err := stage()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// play lets happen what the alerts are about.
func play(ctx context.Context) (s *scene, err error) {
	cluster, err := webhookprocess.StartCluster(ctx, controlplane.Options{}, webhookprocess.Options{})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, cluster.Stop()) }()
	config := cluster.Config(controlplane.Admin)
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}

	s = &scene{}
	if s.certificate, err = os.ReadFile(filepath.Join(cluster.Webhook.Dir, pki.CertFile)); err != nil {
		return nil, err
	}
	if s.webhook, err = get(ctx, http.DefaultClient, "http://"+cluster.Webhook.HealthAddress+"/metrics"); err != nil {
		return nil, err
	}
	if s.issuer, err = issue(ctx, cluster, client); err != nil {
		return nil, fmt.Errorf("the issuer: %w", err)
	}
	for _, name := range policyNames {
		if err := firePolicy(ctx, client, name); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	if err := loseWebhook(ctx, client); err != nil {
		return nil, fmt.Errorf("a webhook that is away: %w", err)
	}
	admin, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, err
	}
	s.apiServer, err = get(ctx, admin, config.Host+"/metrics")
	return s, err
}

// issue runs an issuer until it has issued, and returns its metrics.
func issue(ctx context.Context, cluster *webhookprocess.Cluster, client kubernetes.Interface) (metrics scrape, err error) {
	const namespace, certificates, authorities, configuration = "userscope-system", "userscope-tls", "userscope-issuer-ca", "zz-userscope"
	_, err = client.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}, metav1.CreateOptions{})
	if err != nil {
		return nil, err
	}
	for _, name := range []string{certificates, authorities} {
		_, err = client.CoreV1().Secrets(namespace).Create(ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
		if err != nil {
			return nil, err
		}
	}
	// Of no Pods: those go to the webhook of the cluster.
	mutating, validating := cluster.Webhook.Configuration("none"), cluster.Webhook.ValidatingConfiguration("none")
	mutating.Name, validating.Name = configuration, configuration
	mutating.Webhooks[0].ClientConfig.CABundle, validating.Webhooks[0].ClientConfig.CABundle = nil, nil
	admission := client.AdmissionregistrationV1()
	if _, err := admission.MutatingWebhookConfigurations().Create(ctx, mutating, metav1.CreateOptions{}); err != nil {
		return nil, err
	}
	if _, err := admission.ValidatingWebhookConfigurations().Create(ctx, validating, metav1.CreateOptions{}); err != nil {
		return nil, err
	}

	program, err := webhookprocess.Binary()
	if err != nil {
		return nil, err
	}
	dir, err := cleanup.MkdirTemp("userscope-issuer-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, dir.Remove()) }()
	port, err := cleanup.FreePort()
	if err != nil {
		return nil, err
	}
	health := fmt.Sprintf("127.0.0.1:%d", port)
	process, err := cleanup.Start(dir.Path, program, "certs", "run", "--kubeconfig", cluster.Kubeconfig(controlplane.Admin),
		"--service-namespace", namespace, "--secret-name", certificates, "--ca-secret-name", authorities, "--configuration", configuration, "--listen-health", health)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, process.Stop(patience)) }()
	err = cleanup.AwaitReady(ctx, func(ctx context.Context) error {
		if metrics, err = get(ctx, http.DefaultClient, "http://"+health+"/metrics"); err != nil {
			return err
		}
		// One of the CA, and then one of the serving certificate.
		if issued := metrics["userscope_issuer_certificate_not_after_seconds"]; len(issued.GetMetric()) < 2 {
			return errors.New("not all is issued yet")
		}
		return nil
	}, process)
	return metrics, err
}

// sandbox is a Pod that Userscope lets pass.
func sandbox() *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "sandbox-", Labels: map[string]string{"app": "deer-flow-sandbox"}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: "none"}}},
	}
}

// createUntil tries to create a sandbox until what comes of it is as wanted. The error is nil while
// it is created.
func createUntil(ctx context.Context, client kubernetes.Interface, wanted func(error) bool) error {
	var last error
	err := wait.PollUntilContextTimeout(ctx, 20*time.Millisecond, patience, true, func(ctx context.Context) (bool, error) {
		_, last = client.CoreV1().Pods(controlplane.Namespace).Create(ctx, sandbox(), metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		return wanted(last), nil
	})
	if err != nil {
		return fmt.Errorf("%w; the last Pod: %w", err, last)
	}
	return nil
}

func refused(how string) func(error) bool {
	return func(err error) bool { return err != nil && strings.Contains(err.Error(), how) }
}

// firePolicy has a policy of that name refuse what the webhook let pass.
func firePolicy(ctx context.Context, client kubernetes.Interface, name string) error {
	policy := &admissionregistrationv1.ValidatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: admissionregistrationv1.ValidatingAdmissionPolicySpec{
			FailurePolicy: ptr.To(admissionregistrationv1.Fail),
			MatchConstraints: &admissionregistrationv1.MatchResources{ResourceRules: []admissionregistrationv1.NamedRuleWithOperations{{
				RuleWithOperations: admissionregistrationv1.RuleWithOperations{
					Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create},
					Rule:       admissionregistrationv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"pods"}},
				},
			}}},
			Validations: []admissionregistrationv1.Validation{{Expression: "false", Message: "nothing passes"}},
		},
	}
	binding := &admissionregistrationv1.ValidatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: admissionregistrationv1.ValidatingAdmissionPolicyBindingSpec{
			PolicyName: name, ValidationActions: []admissionregistrationv1.ValidationAction{admissionregistrationv1.Deny},
		},
	}
	policies, bindings := client.AdmissionregistrationV1().ValidatingAdmissionPolicies(), client.AdmissionregistrationV1().ValidatingAdmissionPolicyBindings()
	if _, err := policies.Create(ctx, policy, metav1.CreateOptions{}); err != nil {
		return err
	}
	if _, err := bindings.Create(ctx, binding, metav1.CreateOptions{}); err != nil {
		return err
	}
	if err := createUntil(ctx, client, refused(name)); err != nil {
		return err
	}
	if err := bindings.Delete(ctx, name, metav1.DeleteOptions{}); err != nil {
		return err
	}
	return createUntil(ctx, client, func(err error) bool { return err == nil })
}

// loseWebhook sends API servers to where no webhook is, first as Userscope's configuration does, and
// then as one does that fails open.
func loseWebhook(ctx context.Context, client kubernetes.Interface) error {
	configurations := client.AdmissionregistrationV1().MutatingWebhookConfigurations()
	configuration, err := configurations.Get(ctx, webhookprocess.ConfigurationName, metav1.GetOptions{})
	if err != nil {
		return err
	}
	port, err := cleanup.FreePort()
	if err != nil {
		return err
	}
	configuration.Webhooks[0].ClientConfig.URL = ptr.To(fmt.Sprintf("https://127.0.0.1:%d/mutate", port))
	if configuration, err = configurations.Update(ctx, configuration, metav1.UpdateOptions{}); err != nil {
		return err
	}
	if err := createUntil(ctx, client, refused("failed calling webhook")); err != nil {
		return err
	}
	configuration.Webhooks[0].FailurePolicy = ptr.To(admissionregistrationv1.Ignore)
	if _, err = configurations.Update(ctx, configuration, metav1.UpdateOptions{}); err != nil {
		return err
	}
	return createUntil(ctx, client, func(err error) bool { return err == nil })
}
