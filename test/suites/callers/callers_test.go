// Package callers shows that real API servers present the client certificates that docs/install.md tells them to,
// and that nobody else is answered.
package callers

import (
	"crypto/tls"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/ptr"

	"userscope.dev/userscope/test/kit/controlplane"
	"userscope.dev/userscope/test/kit/pki"
	"userscope.dev/userscope/test/kit/repo"
	"userscope.dev/userscope/test/kit/webhookprocess"
)

// The Service's address, on which the webhook listens, and its port, of which docs/install.md speaks.
const (
	clusterIP = "127.20.8.10"
	port      = 10250
)

// patience is how long the test waits for what must happen.
const patience = 30 * time.Second

// documented writes the files of docs/install.md that API servers get, for another directory than the page says,
// and returns the path of the AdmissionConfiguration.
func documented(t *testing.T, dir string) string {
	t.Helper()
	page, err := repo.Path("docs", "install.md")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range []struct{ begin, name string }{
		{"apiVersion: apiserver.config.k8s.io/v1\nkind: AdmissionConfiguration\n", "admission.yaml"},
		{"apiVersion: v1\nkind: Config\n", "webhooks.kubeconfig"},
	} {
		_, block, found := strings.Cut(string(text), "```yaml\n"+file.begin)
		block, _, closed := strings.Cut(block, "```\n")
		if !found || !closed {
			t.Fatalf("docs/install.md has no block that begins with %q", file.begin)
		}
		block = strings.ReplaceAll(file.begin+block, "/etc/kubernetes/userscope", dir)
		if err := os.WriteFile(filepath.Join(dir, file.name), []byte(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "admission.yaml")
}

// install has the control plane call the webhook by its Service, and returns when it does.
func install(t *testing.T, cluster *webhookprocess.Cluster) {
	t.Helper()
	client, err := kubernetes.NewForConfig(cluster.Config(controlplane.Admin))
	if err != nil {
		t.Fatal(err)
	}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: webhookprocess.ServiceNamespace}}
	if _, err := client.CoreV1().Namespaces().Create(t.Context(), namespace, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	service := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: webhookprocess.ServiceName},
		Spec:       corev1.ServiceSpec{ClusterIP: clusterIP, Ports: []corev1.ServicePort{{Port: port}}},
	}
	if _, err := client.CoreV1().Services(namespace.Name).Create(t.Context(), service, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	mutating := cluster.Webhook.Configuration(controlplane.Namespace)
	validating := cluster.Webhook.ValidatingConfiguration(controlplane.Namespace)
	mutating.Webhooks[0].ClientConfig = byService(cluster.Webhook, "/mutate")
	validating.Webhooks[0].ClientConfig = byService(cluster.Webhook, "/validate")
	mutating.Webhooks[0].TimeoutSeconds, validating.Webhooks[0].TimeoutSeconds = ptr.To[int32](30), ptr.To[int32](30)
	configurations := client.AdmissionregistrationV1()
	if _, err := configurations.MutatingWebhookConfigurations().Create(t.Context(), mutating, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := configurations.ValidatingWebhookConfigurations().Create(t.Context(), validating, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := webhookprocess.AwaitInForce(t.Context(), cluster.ControlPlane); err != nil {
		t.Fatal(err)
	}
}

func byService(webhook *webhookprocess.Webhook, path string) admissionregistrationv1.WebhookClientConfig {
	return admissionregistrationv1.WebhookClientConfig{CABundle: webhook.CA, Service: &admissionregistrationv1.ServiceReference{
		Name: webhookprocess.ServiceName, Namespace: webhookprocess.ServiceNamespace, Path: &path, Port: ptr.To[int32](port),
	}}
}

// TestAPIServersPresentCertificates installs as the page says, takes the CA away and brings it back.
func TestAPIServersPresentCertificates(t *testing.T) {
	clients := t.TempDir()
	if err := pki.WriteClients(clients, "kube-apiserver", "system-node-a"); err != nil {
		t.Fatal(err)
	}
	ca := filepath.Join(clients, pki.CAFile)
	var cluster webhookprocess.Cluster
	t.Cleanup(func() {
		if err := cluster.Stop(); err != nil {
			t.Error(err)
		}
	})
	var err error
	cluster.Webhook, err = webhookprocess.Start(t.Context(), webhookprocess.Options{
		Args: []string{"--listen", "127.20.8.10:10250", "--client-ca", ca, "--client-names", "kube-apiserver"},
	})
	if err != nil {
		t.Fatal(err)
	}
	cluster.ControlPlane, err = controlplane.Start(t.Context(), controlplane.Options{
		ServiceCIDR: "127.20.8.0/24", APIServerArgs: []string{"--admission-control-config-file", documented(t, clients)},
	})
	if err != nil {
		t.Fatal(err)
	}
	install(t, &cluster) // which waits for refusals of the webhook

	before := decisions(t, cluster.Webhook)
	for _, test := range []struct{ name, certificate, want string }{
		{"nobody", "", "userscope: no client certificate: "},
		{"a kubelet of the same CA", "system-node-a", `userscope: the client certificate of "system-node-a": is for none of --client-names`},
	} {
		if got := ask(t, clients, test.certificate); !strings.HasPrefix(got, test.want) {
			t.Errorf("%s is answered %q, want %q", test.name, got, test.want)
		}
	}
	if after := decisions(t, cluster.Webhook); after != before {
		t.Errorf("what no API server has sent is counted among decisions:\n%s\nbefore:\n%s", after, before)
	}

	trusted, err := os.ReadFile(ca)
	if err != nil {
		t.Fatal(err)
	}
	other := t.TempDir()
	if err := pki.WriteClients(other); err != nil {
		t.Fatal(err)
	}
	foreign, err := os.ReadFile(filepath.Join(other, pki.CAFile))
	if err != nil {
		t.Fatal(err)
	}
	replace(t, ca, foreign)
	awaitAnswer(t, &cluster, `userscope: the client certificate of "kube-apiserver": x509: certificate signed by unknown authority`)
	replace(t, ca, trusted)
	awaitAnswer(t, &cluster, "denied the request")
}

// replace changes a file as a whole.
func replace(t *testing.T, file string, text []byte) {
	t.Helper()
	if err := os.WriteFile(file+".half", text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(file+".half", file); err != nil {
		t.Fatal(err)
	}
}

// awaitAnswer creates nobody's sandbox until the API server's answer has a text.
func awaitAnswer(t *testing.T, cluster *webhookprocess.Cluster, want string) {
	t.Helper()
	client, err := kubernetes.NewForConfig(cluster.Config(controlplane.Provisioner))
	if err != nil {
		t.Fatal(err)
	}
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "sandbox-", Labels: map[string]string{"app": "deer-flow-sandbox", "user-id": "a.b", "thread-id": "t"}},
		Spec: corev1.PodSpec{
			Containers: []corev1.Container{{Name: "sandbox", Image: "none", VolumeMounts: []corev1.VolumeMount{{Name: "user-data", MountPath: "/mnt/user-data"}}}},
			Volumes: []corev1.Volume{{Name: "user-data", VolumeSource: corev1.VolumeSource{
				PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "deer-flow-home"},
			}}},
		},
	}
	ticks := time.NewTicker(100 * time.Millisecond)
	defer ticks.Stop()
	for deadline := time.Now().Add(patience); ; <-ticks.C {
		_, err := client.CoreV1().Pods(controlplane.Namespace).Create(t.Context(), pod, metav1.CreateOptions{})
		if err == nil {
			t.Fatal("nobody's sandbox was created")
		}
		if strings.Contains(err.Error(), want) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the API server says %v, want %q", err, want)
		}
	}
}

// ask asks the webhook with a certificate of the CA, or none, and returns the answer.
func ask(t *testing.T, clients, name string) string {
	t.Helper()
	config := &tls.Config{InsecureSkipVerify: true} //nolint:gosec // the test knows whom it calls
	if name != "" {
		certificate, err := tls.LoadX509KeyPair(filepath.Join(clients, name+".crt"), filepath.Join(clients, name+".key"))
		if err != nil {
			t.Fatal(err)
		}
		config.Certificates = []tls.Certificate{certificate}
	}
	transport := &http.Transport{TLSClientConfig: config}
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport}).Post("https://127.20.8.10:10250/mutate", "application/json", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	return body(t, response)
}

// decisions are the lines of the metrics that count decisions.
func decisions(t *testing.T, webhook *webhookprocess.Webhook) string {
	t.Helper()
	response, err := http.Get("http://" + webhook.HealthAddress + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(body(t, response)) {
		if strings.HasPrefix(line, "userscope_decisions_total") || strings.HasPrefix(line, "controller_runtime_webhook_requests_total") {
			lines = append(lines, line)
		}
	}
	if len(lines) == 0 {
		t.Fatal("no decisions are counted")
	}
	return strings.Join(lines, "")
}

func body(t *testing.T, response *http.Response) string {
	t.Helper()
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
