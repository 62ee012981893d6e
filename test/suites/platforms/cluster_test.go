package platforms

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"

	"userscope.dev/userscope/test/kit/controlplane"
	"userscope.dev/userscope/test/kit/webhookprocess"
	"userscope.dev/userscope/test/pods/oracle"
	"userscope.dev/userscope/test/suites/backstop"
)

// elsewhere is a namespace that no policy speaks of.
const elsewhere = "elsewhere"

// cluster is a control plane with all sites, each in a namespace of its name, the webhook and the backstop.
type cluster struct {
	*controlplane.ControlPlane
	admin   kubernetes.Interface
	webhook *webhookprocess.Webhook
}

// startCluster starts a control plane with the policies of the sites.
func startCluster(t *testing.T, sites []*site) *cluster {
	t.Helper()
	var file []byte
	for _, s := range sites {
		var spec map[string]any
		if err := json.Unmarshal(s.spec, &spec); err != nil {
			t.Fatal(err)
		}
		spec["namespaces"] = []string{s.name}
		patched, err := json.Marshal(spec)
		if err != nil {
			t.Fatal(err)
		}
		file = append(append(file, "---\n"...), append(s.document(t, patched), '\n')...)
	}
	policies := filepath.Join(t.TempDir(), "policies.yaml")
	if err := os.WriteFile(policies, file, 0o600); err != nil {
		t.Fatal(err)
	}
	started, err := controlplane.Start(t.Context(), controlplane.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stopped(t, started.Stop()) })
	c := &cluster{ControlPlane: started}
	if c.admin, err = kubernetes.NewForConfig(c.Config(controlplane.Admin)); err != nil {
		t.Fatal(err)
	}
	c.furnish(t, sites)
	if c.webhook, err = webhookprocess.Start(t.Context(), webhookprocess.Options{Policy: policies}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stopped(t, c.webhook.Stop()) })
	c.install(t, policies)
	c.await(t, sites[0], "admission webhook")
	return c
}

func stopped(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}

// furnish makes the namespaces, in which everybody may do everything that admission does not forbid.
func (c *cluster) furnish(t *testing.T, sites []*site) {
	t.Helper()
	names := []string{elsewhere}
	for _, s := range sites {
		names = append(names, s.name)
	}
	for _, name := range names {
		namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
		if _, err := c.admin.CoreV1().Namespaces().Create(t.Context(), namespace, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	everybody := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "everybody"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: "system:authenticated"}},
	}
	if _, err := c.admin.RbacV1().ClusterRoleBindings().Create(t.Context(), everybody, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}

// install installs what the chart renders for the policies.
func (c *cluster) install(t *testing.T, policies string) {
	t.Helper()
	values, err := backstop.ReadPolicies(policies)
	if err != nil {
		t.Fatal(err)
	}
	objects, err := backstop.Render(t.Context(), values)
	if err != nil {
		t.Fatal(err)
	}
	objects.Call(func(path string) admissionregistrationv1.WebhookClientConfig {
		return admissionregistrationv1.WebhookClientConfig{URL: ptr.To("https://" + c.webhook.Address + path), CABundle: c.webhook.CA}
	})
	if err := objects.InstallWebhooks(t.Context(), c.admin); err != nil {
		t.Fatal(err)
	}
	if err := objects.InstallPolicies(t.Context(), c.admin); err != nil {
		t.Fatal(err)
	}
}

// removeWebhooks deletes the webhook configurations, and returns when the backstop alone answers.
func (c *cluster) removeWebhooks(t *testing.T, s *site) {
	t.Helper()
	api := c.admin.AdmissionregistrationV1()
	err := errors.Join(
		api.MutatingWebhookConfigurations().DeleteCollection(t.Context(), metav1.DeleteOptions{}, metav1.ListOptions{}),
		api.ValidatingWebhookConfigurations().DeleteCollection(t.Context(), metav1.DeleteOptions{}, metav1.ListOptions{}),
	)
	if err != nil {
		t.Fatal(err)
	}
	c.await(t, s, "ValidatingAdmissionPolicy")
}

// await waits until the first refused Pod of a site is refused by whom the refusal names.
func (c *cluster) await(t *testing.T, s *site, by string) {
	t.Helper()
	i := slices.IndexFunc(s.cases, func(c sandboxCase) bool { return c.Want.Verdict == "refused" })
	if i < 0 {
		t.Fatalf("%s has no Pod that is refused", s.name)
	}
	last := error(nil)
	err := wait.PollUntilContextTimeout(t.Context(), 20*time.Millisecond, 60*time.Second, true, func(context.Context) (bool, error) {
		_, last = c.create(t, s, s.cases[i], s.cases[i].Pod, metav1.DryRunAll)
		return last != nil && strings.Contains(last.Error(), by), nil
	})
	if err != nil {
		t.Fatalf("await a refusal by %s: %v: %v", by, err, last)
	}
}

// pods is the API for the Pods of a case, as its creator.
func (c *cluster) pods(t *testing.T, s *site, sent sandboxCase) typedcorev1.PodInterface {
	t.Helper()
	request := sent.request(&oracle.Policy{Namespaces: []string{s.name}, Provisioners: s.read(t).Provisioners})
	config := c.Config(controlplane.Admin)
	config.Impersonate = rest.ImpersonationConfig{UserName: request.Username, Groups: []string{"system:authenticated"}}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return client.CoreV1().Pods(request.Namespace)
}

// create has the creator of a case create a Pod, for good or for a try.
func (c *cluster) create(t *testing.T, s *site, sent sandboxCase, raw []byte, dryRun ...string) (*corev1.Pod, error) {
	t.Helper()
	var pod corev1.Pod
	if err := json.Unmarshal(raw, &pod); err != nil {
		t.Fatal(err)
	}
	return c.pods(t, s, sent).Create(t.Context(), &pod, metav1.CreateOptions{DryRun: dryRun})
}

// remove deletes a Pod at once.
func (c *cluster) remove(t *testing.T, pod *corev1.Pod) {
	t.Helper()
	now := metav1.DeleteOptions{GracePeriodSeconds: ptr.To[int64](0)}
	if err := c.admin.CoreV1().Pods(pod.Namespace).Delete(t.Context(), pod.Name, now); err != nil {
		t.Error(err)
	}
}

// ruleName finds the rules in a refusal of the backstop, each of which begins a sentence.
var ruleName = regexp.MustCompile(`(?:userscope: |; )([a-z-]+): `)

// rulesOf are the rules of a refusal.
func rulesOf(err error) []string {
	var rules []string
	var status apierrors.APIStatus
	if backstop.Refuses(err) || !errors.As(err, &status) || status.Status().Details == nil {
		for _, named := range ruleName.FindAllStringSubmatch(err.Error(), -1) {
			rules = append(rules, named[1])
		}
		return rules
	}
	for _, cause := range status.Status().Details.Causes {
		rules = append(rules, string(cause.Type))
	}
	return rules
}

// unserved is a stored Pod as somebody sends it again.
func unserved(t *testing.T, pod *corev1.Pod) []byte {
	t.Helper()
	again := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
		Name: pod.Name, Labels: pod.Labels, Annotations: pod.Annotations, OwnerReferences: pod.OwnerReferences,
	}, Spec: pod.Spec}
	raw, err := json.Marshal(again)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// forged is the Pod of a case as somebody would send it who knows the stamps and the marker.
func forged(t *testing.T, s *site, sent sandboxCase) []byte {
	t.Helper()
	var pod corev1.Pod
	if err := json.Unmarshal(sent.Pod, &pod); err != nil {
		t.Fatal(err)
	}
	if pod.Annotations == nil {
		pod.Annotations = map[string]string{}
	}
	pod.Annotations["userscope.dev/policies"] = s.name
	user, thread := identity(sent.Want.Stamp)
	for key, id := range map[string]string{"userscope.dev/user": user, "userscope.dev/thread": thread} {
		if id == "" {
			continue
		}
		pod.Annotations[key] = id
		if len(validation.IsValidLabelValue(id)) == 0 {
			pod.Labels[key] = id
		}
	}
	raw, err := json.Marshal(&pod)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}
