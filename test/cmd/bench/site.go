package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/ptr"

	"userscope.dev/userscope/test/kit/controlplane"
	"userscope.dev/userscope/test/kit/repo"
	"userscope.dev/userscope/test/kit/webhookprocess"
	"userscope.dev/userscope/test/suites/backstop"
)

// stranger creates Pods that are no sandboxes. Nobody has exempted it.
var stranger = controlplane.ServiceAccount("elsewhere", "deployer")

// governed are the namespaces of the policy.
var governed = []string{namespaceWebhook, namespaceInstalled, namespaceBackstop}

// policyFile is the policy that is measured with, in the control plane's directory.
const policyFile = "policy.yaml"

// site is a control plane with all that is measured, each in a namespace of its own.
type site struct {
	cluster *controlplane.ControlPlane
	webhook *webhookprocess.Webhook
	floor   *floorProcess
	pods    *pods
	targets []target
}

func startSite(ctx context.Context, baselineRevision string) (*site, error) {
	s := &site{}
	if err := s.start(ctx, baselineRevision); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

func (s *site) start(ctx context.Context, baselineRevision string) (err error) {
	if s.pods, err = readPods(); err != nil {
		return err
	}
	if s.cluster, err = controlplane.Start(ctx, controlplane.Options{Users: []controlplane.User{stranger}}); err != nil {
		return err
	}
	if s.floor, err = startFloor(ctx); err != nil {
		return err
	}
	objects, err := s.startWebhook(ctx)
	if err != nil {
		return err
	}
	admin, err := kubernetes.NewForConfig(s.cluster.Config(controlplane.Admin))
	if err != nil {
		return err
	}
	s.targets = s.allTargets(baselineRevision != "")
	if err := s.createNamespaces(ctx, admin); err != nil {
		return err
	}
	if err := s.install(ctx, admin, objects); err != nil {
		return err
	}
	if baselineRevision != "" {
		older, err := renderBaseline(ctx, baselineRevision)
		if err != nil {
			return err
		}
		if err := older.InstallPolicies(ctx, admin); err != nil {
			return fmt.Errorf("install the backstop of -baseline %s: %w", baselineRevision, err)
		}
	}
	return s.await(ctx)
}

// startWebhook starts the program, renders the chart for it, and asks the program for the scoped Pod.
func (s *site) startWebhook(ctx context.Context) (*backstop.Objects, error) {
	manifests, err := repo.Path("manifests")
	if err != nil {
		return nil, err
	}
	file := filepath.Join(s.cluster.Dir, policyFile)
	policies, err := policyFor(manifests, file, governed...)
	if err != nil {
		return nil, err
	}
	if s.webhook, err = webhookprocess.Start(ctx, webhookprocess.Options{Policy: file}); err != nil {
		return nil, err
	}
	answer, err := s.askWebhook(ctx)
	if err != nil {
		return nil, err
	}
	if s.pods.scoped, err = patched(s.pods.sandbox, answer); err != nil {
		return nil, err
	}
	return backstop.Render(ctx, policies)
}

// askWebhook asks the webhook about the sandbox as an API server would.
func (s *site) askWebhook(ctx context.Context) ([]byte, error) {
	body, err := review(s.pods.sandbox, namespaceWebhook)
	if err != nil {
		return nil, err
	}
	client, err := newClient("https://"+s.webhook.Address, "", s.webhook.CA)
	if err != nil {
		return nil, err
	}
	defer client.close()
	status, answer, err := client.post(ctx, "/mutate", body)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("the webhook answers %d: %s", status, answer)
	}
	return answer, err
}

// allTargets lists what can be measured, in the order of the table.
func (s *site) allTargets(withBaseline bool) []target {
	contains := func(body []byte, text string) proof {
		return proof{body, func(status int, answer []byte) bool {
			return status == http.StatusCreated && bytes.Contains(answer, []byte(text))
		}}
	}
	refused := func(policy string) proof {
		return proof{s.pods.sandbox, func(status int, answer []byte) bool {
			return status != http.StatusCreated && bytes.Contains(answer, []byte("ValidatingAdmissionPolicy '"+policy))
		}}
	}
	moved := proof{s.pods.elsewhere, func(status int, answer []byte) bool {
		return status == http.StatusCreated && strings.HasSuffix(subPathOfUserData(answer), "/user-data")
	}}
	const stamp, created = `"userscope.dev/policies":`, `"uid":`
	provisioner := controlplane.Provisioner
	targets := []target{
		{none, "nothing", "", namespaceNone, provisioner, s.pods.sandbox, contains(s.pods.sandbox, created)},
		{floor, "an empty webhook (floor)", none, namespaceFloor, provisioner, s.pods.sandbox, contains(s.pods.sandbox, `"`+floorLabel+`":`)},
		{webhook, "webhook alone", none, namespaceWebhook, provisioner, s.pods.sandbox, contains(s.pods.sandbox, stamp)},
		{installed, "webhook and backstop", none, namespaceInstalled, provisioner, s.pods.sandbox, contains(s.pods.sandbox, stamp)},
		{backstopAlone, "backstop alone", none, namespaceBackstop, provisioner, s.pods.scoped, refused("userscope-")},
		{baseline, "backstop of the baseline", none, namespaceBaseline, provisioner, s.pods.scoped, refused("baseline-userscope-")},
		{mutatingPolicy, "MutatingAdmissionPolicy", none, namespaceMutatingPolicy, provisioner, s.pods.sandbox, moved},
		{unrelatedNone, "unrelated Pod, nothing", "", namespaceNone, stranger.Name, s.pods.unrelated, contains(s.pods.unrelated, created)},
		{unrelated, "unrelated Pod, governed", unrelatedNone, namespaceInstalled, stranger.Name, s.pods.unrelated, contains(s.pods.unrelated, created)},
	}
	return slices.DeleteFunc(targets, func(t target) bool { return t.name == baseline && !withBaseline })
}

// createNamespaces creates the namespaces of the targets, in which whoever creates Pods may do so.
func (s *site) createNamespaces(ctx context.Context, admin kubernetes.Interface) error {
	known := map[string]bool{}
	for _, t := range s.targets {
		if known[t.namespace] {
			continue
		}
		known[t.namespace] = true
		_, err := admin.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: t.namespace}}, metav1.CreateOptions{})
		if err != nil {
			return fmt.Errorf("create the namespace %s: %w", t.namespace, err)
		}
		if err := s.cluster.AllowProvisioner(ctx, t.namespace); err != nil {
			return err
		}
		_, err = admin.RbacV1().RoleBindings(t.namespace).Create(ctx, &rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: "deployer"},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "deer-flow-provisioner"},
			Subjects:   []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: stranger.Name}},
		}, metav1.CreateOptions{})
		if err != nil {
			return fmt.Errorf("create a RoleBinding in the namespace %s: %w", t.namespace, err)
		}
	}
	return nil
}

// install creates what judges Pods, each for its own namespaces.
func (s *site) install(ctx context.Context, admin kubernetes.Interface, objects *backstop.Objects) error {
	objects.Call(func(path string) admissionregistrationv1.WebhookClientConfig {
		return clientConfig(s.webhook.Address, path, s.webhook.CA)
	})
	for i := range objects.Mutating.Webhooks {
		objects.Mutating.Webhooks[i].NamespaceSelector = in(namespaceWebhook, namespaceInstalled)
	}
	for i := range objects.Validating.Webhooks {
		objects.Validating.Webhooks[i].NamespaceSelector = in(namespaceWebhook, namespaceInstalled)
	}
	for i := range objects.Policies {
		objects.Policies[i].Spec.MatchConstraints.NamespaceSelector = in(namespaceInstalled, namespaceBackstop)
	}
	if err := objects.InstallWebhooks(ctx, admin); err != nil {
		return err
	}
	_, err := admin.AdmissionregistrationV1().MutatingWebhookConfigurations().Create(ctx, &admissionregistrationv1.MutatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: floor},
		Webhooks: []admissionregistrationv1.MutatingWebhook{{
			Name:                    "floor.userscope.dev",
			AdmissionReviewVersions: []string{"v1"},
			ClientConfig:            clientConfig(s.floor.address, "/mutate", s.floor.ca),
			Rules:                   objects.Mutating.Webhooks[0].Rules,
			NamespaceSelector:       in(namespaceFloor),
			FailurePolicy:           ptr.To(admissionregistrationv1.Fail),
			SideEffects:             ptr.To(admissionregistrationv1.SideEffectClassNone),
		}},
	}, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	if err := installMutatingPolicy(ctx, admin); err != nil {
		return fmt.Errorf("install the MutatingAdmissionPolicy: %w", err)
	}
	return objects.InstallPolicies(ctx, admin)
}

func clientConfig(address, path string, ca []byte) admissionregistrationv1.WebhookClientConfig {
	return admissionregistrationv1.WebhookClientConfig{URL: ptr.To("https://" + address + path), CABundle: ca}
}

// in selects namespaces by their names.
func in(namespaces ...string) *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{
		Key: corev1.LabelMetadataName, Operator: metav1.LabelSelectorOpIn, Values: namespaces,
	}}}
}

// await returns when every namespace is judged as it should be, and every Pod that is measured is taken.
func (s *site) await(ctx context.Context) error {
	for _, t := range s.targets {
		client, err := s.client(t.user)
		if err != nil {
			return err
		}
		var last string
		err = wait.PollUntilContextTimeout(ctx, 20*time.Millisecond, 30*time.Second, true, func(ctx context.Context) (bool, error) {
			status, answer, err := client.post(ctx, t.path(), t.proof.body)
			if err == nil && t.proof.holds(status, answer) {
				status, answer, err = client.post(ctx, t.path(), t.body)
				if err == nil && status == http.StatusCreated {
					return true, nil
				}
			}
			if err == nil {
				last = fmt.Sprintf("%d: %s", status, answer)
			}
			return false, err
		})
		client.close()
		if err != nil {
			return fmt.Errorf("await the target %s: %w (last answer %.2000s)", t.name, err, last)
		}
	}
	return nil
}

// stop ends everything, as far as it has begun.
func (s *site) stop() error {
	var errs []error
	if s.cluster != nil {
		errs = append(errs, s.cluster.Stop())
	}
	if s.webhook != nil {
		errs = append(errs, s.webhook.Stop())
	}
	if s.floor != nil {
		errs = append(errs, s.floor.stop())
	}
	return errors.Join(errs...)
}
