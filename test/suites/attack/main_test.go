package attack

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	nodev1 "k8s.io/api/node/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"

	"userscope.dev/userscope/test/kit/cleanup"
	"userscope.dev/userscope/test/kit/controlplane"
	"userscope.dev/userscope/test/kit/otherwebhook"
	"userscope.dev/userscope/test/kit/webhookprocess"
	"userscope.dev/userscope/test/pods/differential"
	"userscope.dev/userscope/test/pods/oracle"
)

// Who acts. The provisioner and the developer are the attackers.
const (
	admin       = controlplane.Admin
	provisioner = controlplane.Provisioner
	developer   = "dana@example.com"
	scheduler   = "system:kube-scheduler"
	replicaSets = "system:serviceaccount:kube-system:replicaset-controller"
	jobs        = "system:serviceaccount:kube-system:job-controller"
)

// What all tests share, set once.
var (
	cluster  *controlplane.ControlPlane
	clients  = map[string]dynamic.Interface{}
	typed    = map[string]kubernetes.Interface{}
	groupsOf = map[string][]string{}
	deerFlow []oracle.Policy
)

func TestMain(m *testing.M) { os.Exit(cleanup.RunTests(m, start)) }

// start starts a control plane with both sites, and Userscope, after some Pods.
func start(ctx context.Context) (stop func() error, err error) {
	var stops []func() error
	stop = func() error {
		var errs []error
		for _, stop := range stops {
			errs = append(errs, stop())
		}
		return errors.Join(errs...)
	}
	installation, err := differential.DeerFlow()
	if err != nil {
		return stop, err
	}
	deerFlow = installation.Oracle

	users := []controlplane.User{
		{Name: developer},
		{Name: scheduler},
		controlplane.ServiceAccount("kube-system", "replicaset-controller"),
		controlplane.ServiceAccount("kube-system", "job-controller"),
	}
	// The plugin that gives every Pod its token is on, as in every real cluster.
	cluster, err = controlplane.Start(ctx, controlplane.Options{Users: users, ServiceAccountAdmission: true})
	if err != nil {
		return stop, err
	}
	stops = append(stops, cluster.Stop)
	users = append(users, controlplane.User{Name: admin, Groups: []string{"system:masters"}},
		controlplane.ServiceAccount(controlplane.Namespace, "deer-flow-provisioner"))
	for _, user := range users {
		if err := meet(user); err != nil {
			return stop, err
		}
	}
	if err := furnish(ctx); err != nil {
		return stop, err
	}
	if err := storeOlder(ctx); err != nil {
		return stop, err
	}

	webhook, err := webhookprocess.Start(ctx, webhookprocess.Options{})
	if err != nil {
		return stop, err
	}
	stops = append([]func() error{webhook.Stop}, stops...)
	if err := webhook.Install(ctx, cluster); err != nil {
		return stop, err
	}
	if err := installBackstop(ctx, guarded, backed); err != nil {
		return stop, err
	}
	recorder := otherwebhook.Hook{
		Name: "a-recorder", Reinvocation: admissionregistrationv1.NeverReinvocationPolicy, Namespaces: everywhere, Patch: received.record,
	}
	server, err := recorder.Install(ctx, typed[admin])
	if err != nil {
		return stop, err
	}
	stops = append(stops, func() error { server.Close(); return nil })
	return stop, awaitRecords(ctx)
}

// meet prepares to act as a user.
func meet(user controlplane.User) error {
	config := cluster.Config(user.Name)
	var err error
	if clients[user.Name], err = dynamic.NewForConfig(config); err != nil {
		return err
	}
	if typed[user.Name], err = kubernetes.NewForConfig(config); err != nil {
		return err
	}
	groupsOf[user.Name] = append([]string{"system:authenticated"}, user.Groups...)
	return nil
}

// furnish makes the sites alike, and gives the attackers more rights than they have in a real
// cluster, for the attacks that say so.
func furnish(ctx context.Context) error {
	client := typed[admin]
	for _, s := range []site{unguarded, backed} {
		_, err := client.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: s.namespace}}, metav1.CreateOptions{})
		if err != nil {
			return err
		}
		if err := cluster.AllowProvisioner(ctx, s.namespace); err != nil {
			return err
		}
	}
	class := &nodev1.RuntimeClass{ObjectMeta: metav1.ObjectMeta{Name: "unconfined"}, Handler: "unconfined"}
	if _, err := client.NodeV1().RuntimeClasses().Create(ctx, class, metav1.CreateOptions{}); err != nil {
		return err
	}
	for _, class := range []*schedulingv1.PriorityClass{
		{ObjectMeta: metav1.ObjectMeta{Name: "urgent"}, Value: 1000},
		{ObjectMeta: metav1.ObjectMeta{Name: "ordinary"}, GlobalDefault: true}, // which every Pod gets that names none
	} {
		if _, err := client.SchedulingV1().PriorityClasses().Create(ctx, class, metav1.CreateOptions{}); err != nil {
			return err
		}
	}
	for _, s := range []site{guarded, unguarded, backed} {
		for _, name := range []string{"default", "deer-flow-gateway", "deer-flow-provisioner"} {
			account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: name}}
			if _, err := client.CoreV1().ServiceAccounts(s.namespace).Create(ctx, account, metav1.CreateOptions{}); err != nil {
				return err
			}
		}
		err := errors.Join(
			s.allow(ctx, provisioner, "", []string{"pods"}, "update", "patch", "deletecollection"),
			s.allow(ctx, provisioner, "", []string{"pods/ephemeralcontainers", "pods/status"}, "update", "patch"),
			s.allow(ctx, provisioner, "", []string{"pods/eviction"}, "create"),
			s.allow(ctx, developer, "", []string{"pods"}, "create", "get", "list", "update", "patch", "delete"),
			s.allow(ctx, developer, "", []string{"pods/ephemeralcontainers"}, "patch"),
			s.allow(ctx, developer, "apps", []string{"deployments"}, "create"),
			s.allow(ctx, developer, "batch", []string{"jobs"}, "create"),
		)
		if err != nil {
			return err
		}
	}
	return nil
}

// allow gives a user rights in the site, and returns when they are in force.
func (s site) allow(ctx context.Context, user, group string, resources []string, verbs ...string) error {
	rbac := typed[admin].RbacV1()
	role, err := rbac.Roles(s.namespace).Create(ctx, &rbacv1.Role{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "more-"},
		Rules:      []rbacv1.PolicyRule{{APIGroups: []string{group}, Resources: resources, Verbs: verbs}},
	}, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	_, err = rbac.RoleBindings(s.namespace).Create(ctx, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: role.Name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: role.Name},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: user}},
	}, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	resource, subresource, _ := strings.Cut(resources[0], "/")
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User: user,
		ResourceAttributes: &authorizationv1.ResourceAttributes{
			Namespace: s.namespace, Verb: verbs[len(verbs)-1], Group: group, Resource: resource, Subresource: subresource,
		},
	}}
	return await(ctx, func(ctx context.Context) (bool, error) {
		answer, err := typed[admin].AuthorizationV1().SubjectAccessReviews().Create(ctx, review, metav1.CreateOptions{})
		return err == nil && answer.Status.Allowed, err
	})
}

// await waits for a condition.
func await(ctx context.Context, condition wait.ConditionWithContextFunc) error {
	return wait.PollUntilContextTimeout(ctx, 10*time.Millisecond, 30*time.Second, true, condition)
}

// records are the Pods of creations as Userscope receives them.
type records struct {
	sync.Mutex
	pods map[string][]byte
}

var received = records{pods: map[string][]byte{}}

// record keeps the Pod of a request. It is called before Userscope is.
func (r *records) record(request *admissionv1.AdmissionRequest) []byte {
	r.Lock()
	defer r.Unlock()
	r.pods[request.Namespace+"/"+request.Name] = request.Object.Raw
	return nil
}

// take returns the Pod that was last received by a name.
func (r *records) take(t *testing.T, namespace, name string) object {
	t.Helper()
	r.Lock()
	defer r.Unlock()
	raw, ok := r.pods[namespace+"/"+name]
	if !ok {
		t.Fatalf("no webhook was called for %s/%s", namespace, name)
	}
	delete(r.pods, namespace+"/"+name)
	pod, err := differential.Object(raw)
	if err != nil {
		t.Fatal(err)
	}
	return pod
}

// awaitRecords waits until the API server calls the recorder.
func awaitRecords(ctx context.Context) error {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "probe"},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: "none"}}},
	}
	return await(ctx, func(ctx context.Context) (bool, error) {
		_, err := typed[admin].CoreV1().Pods(unguarded.namespace).Create(ctx, pod, metav1.CreateOptions{DryRun: dry(true)})
		received.Lock()
		defer received.Unlock()
		return len(received.pods) > 0, err
	})
}
