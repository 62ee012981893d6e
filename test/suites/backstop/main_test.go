package backstop

import (
	"context"
	"flag"
	"fmt"
	"os"
	"slices"
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	nodev1 "k8s.io/api/node/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"userscope.dev/userscope/test/kit/cleanup"
	"userscope.dev/userscope/test/kit/controlplane"
	"userscope.dev/userscope/test/kit/otherwebhook"
	"userscope.dev/userscope/test/kit/repo"
	"userscope.dev/userscope/test/pods/differential"
)

// The same installations stand side by side, all of their policies in one chart, twice: in the
// called namespaces a webhook that allows everything notes what it is called for; in the backed ones
// there is no webhook, and the backstop alone. DeerFlow's own namespace has the backstop too, for the
// test that puts Userscope before it.
var (
	called, backed []differential.Installation

	cluster *controlplane.ControlPlane
	admin   *kubernetes.Clientset
)

// elsewhere is a namespace that no policy speaks of.
const elsewhere = "elsewhere"

// drawn is how many requests of each kind are drawn, unless the command line says so. With -short, rapid
// draws a fifth.
const drawn = "1500"

func TestMain(m *testing.M) {
	for name, value := range map[string]string{"rapid.checks": drawn, "rapid.nofailfile": "true"} {
		if err := flag.Set(name, value); err != nil {
			panic(err)
		}
	}
	os.Exit(cleanup.RunTests(m, start))
}

// start starts a control plane and installs what is tested. Pods are stored before the backstop is
// there, which would refuse some of them.
func start(ctx context.Context) (stop func() error, err error) {
	stop = func() error { return nil }
	// The plugin Priority refuses Pods whose priority is not that of their class, before the backstop sees them.
	options := controlplane.Options{ServiceAccountAdmission: true, APIServerArgs: []string{"--disable-admission-plugins=Priority"}}
	if cluster, err = controlplane.Start(ctx, options); err != nil {
		return stop, err
	}
	stop = cluster.Stop
	if admin, err = kubernetes.NewForConfig(cluster.Config(controlplane.Admin)); err != nil {
		return stop, err
	}
	var calledPolicies, backedPolicies []Policy
	if called, calledPolicies, err = installations("called"); err != nil {
		return stop, err
	}
	if backed, backedPolicies, err = installations("backed"); err != nil {
		return stop, err
	}
	if err := furnish(ctx); err != nil {
		return stop, err
	}
	backedPolicies[0].Spec["namespaces"] = append(slices.Clone(backed[0].Oracle[0].Namespaces), controlplane.Namespace)
	if err := storeAll(ctx); err != nil {
		return stop, err
	}

	objects, err := Render(ctx, backedPolicies)
	if err != nil {
		return stop, err
	}
	if err := objects.InstallPolicies(ctx, admin); err != nil {
		return stop, err
	}

	server := otherwebhook.Patch(calls.note).Serve()
	stop = func() error { server.Close(); return cluster.Stop() }
	if objects, err = Render(ctx, calledPolicies); err != nil {
		return stop, err
	}
	objects.Mutating.Name, objects.Validating.Name = "called", "called"
	objects.Call(func(string) admissionregistrationv1.WebhookClientConfig { return otherwebhook.ClientConfig(server) })
	if err := objects.InstallWebhooks(ctx, admin); err != nil {
		return stop, err
	}
	return stop, awaitCalls(ctx)
}

// installations returns the installations of package differential in namespaces of their own, and their
// policies as values of one chart.
func installations(prefix string) ([]differential.Installation, []Policy, error) {
	all, err := differential.Installations()
	if err != nil {
		return nil, nil, err
	}
	var values []Policy
	for i := range all {
		in := &all[i]
		file, err := repo.Path("test", "pods", "differential", "policies", in.Name+".yaml")
		if in.Name == "deer-flow" {
			file, err = repo.Path("manifests", "policies", "deerflow.yaml")
		}
		if err != nil {
			return nil, nil, err
		}
		policies, err := ReadPolicies(file)
		if err != nil {
			return nil, nil, err
		}
		in.Policies, in.Oracle = slices.Clone(in.Policies), slices.Clone(in.Oracle)
		for j := range policies {
			var namespaces []string
			for _, namespace := range in.Oracle[j].Namespaces {
				namespaces = append(namespaces, fmt.Sprintf("%s-%s-%s", prefix, in.Name, namespace))
			}
			policy := *in.Policies[j]
			policy.Namespaces, in.Oracle[j].Namespaces, policies[j].Spec["namespaces"] = namespaces, namespaces, namespaces
			delete(policies[j].Spec, "keyFile") // CEL has no use for it, and the chart wants to mount it
			in.Policies[j] = &policy
		}
		values = append(values, policies...)
	}
	return all, values, nil
}

// furnish makes the namespaces, in which everybody may do everything, and what Pods name.
func furnish(ctx context.Context) error {
	namespaces := map[string]bool{elsewhere: true, controlplane.Namespace: true}
	for _, in := range slices.Concat(called, backed) {
		for _, policy := range in.Policies {
			for _, namespace := range policy.Namespaces {
				namespaces[namespace] = true
			}
		}
	}
	for name := range namespaces {
		if err := furnishNamespace(ctx, name); err != nil {
			return err
		}
	}
	for _, name := range []string{"gvisor", "kata", "runc"} {
		class := &nodev1.RuntimeClass{ObjectMeta: metav1.ObjectMeta{Name: name}, Handler: name}
		if _, err := admin.NodeV1().RuntimeClasses().Create(ctx, class, metav1.CreateOptions{}); err != nil {
			return err
		}
	}
	for name, value := range map[string]int32{"batch-system": -10, "ordinary": 0, "high": 1000, "higher": 1001} {
		class := &schedulingv1.PriorityClass{ObjectMeta: metav1.ObjectMeta{Name: name}, Value: value}
		if _, err := admin.SchedulingV1().PriorityClasses().Create(ctx, class, metav1.CreateOptions{}); err != nil {
			return err
		}
	}
	_, err := admin.RbacV1().ClusterRoleBindings().Create(ctx, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "everybody"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
		Subjects: []rbacv1.Subject{
			{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: "system:authenticated"},
			{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: "system:unauthenticated"},
		},
	}, metav1.CreateOptions{})
	return err
}

// furnishNamespace makes a namespace with ServiceAccounts: the plugin that gives every Pod its token
// is on, as in every real cluster.
func furnishNamespace(ctx context.Context, name string) error {
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	_, err := admin.CoreV1().Namespaces().Create(ctx, namespace, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	for _, account := range []string{"default", "gateway", "lab-worker"} {
		account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: account}}
		if _, err := admin.CoreV1().ServiceAccounts(name).Create(ctx, account, metav1.CreateOptions{}); err != nil {
			return err
		}
	}
	return nil
}
