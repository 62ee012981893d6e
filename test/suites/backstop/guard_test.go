package backstop

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/utils/ptr"

	"userscope.dev/userscope/test/kit/controlplane"
	"userscope.dev/userscope/test/kit/otherwebhook"
	"userscope.dev/userscope/test/kit/repo"
	"userscope.dev/userscope/test/kit/webhookprocess"
	"userscope.dev/userscope/test/pods/oracle"
)

var (
	provisioner = oracle.Request{Namespace: controlplane.Namespace, Username: controlplane.Provisioner}
	developer   = oracle.Request{Namespace: controlplane.Namespace, Username: "dana@example.com"}
)

// Whatever happens to Userscope, nothing unscoped is stored, and what is none of its business goes
// on.
func TestUserscopeAndTheBackstop(t *testing.T) {
	webhook := installUserscope(t)

	t.Run("a sandbox is scoped, and passes the backstop", func(t *testing.T) {
		pod := stores(t, provisioner, bobs(nil))
		mount := pod["spec"].(object)["containers"].([]any)[0].(object)["volumeMounts"].([]any)[0].(object)
		if mount["subPath"] != "deer-flow/users/bob/threads/thread-1/user-data" {
			t.Errorf("it mounts %v", mount)
		}
	})
	t.Run("another webhook undoes it", testUndoing)
	life := newLife(t)
	t.Run("the webhook is there", life.test)
	if err := webhook.Stop(); err != nil {
		t.Fatal(err)
	}
	t.Run("the webhook is down", func(t *testing.T) {
		refuses(t, provisioner, bobs(nil), "failed calling webhook")
		refuses(t, developer, claims(), "failed calling webhook")
		life.test(t)
	})
	api := admin.AdmissionregistrationV1()
	if err := api.MutatingWebhookConfigurations().Delete(t.Context(), "zz-userscope", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := api.ValidatingWebhookConfigurations().Delete(t.Context(), "zz-userscope", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Run("the configurations are deleted", func(t *testing.T) {
		awaitError(t, Refuses, provisioner, bobs(nil))
		refuses(t, provisioner, bobs(nil), "does not name deer-flow")
		refuses(t, provisioner, stamped(bobs(nil)), "userscope: claim-mount: spec.containers[sandbox].volumeMounts[/mnt/user-data].subPath")
		refuses(t, developer, claims(), "does not name deer-flow")
		life.test(t)
	})
}

// installUserscope serves DeerFlow's namespace by the webhook configurations of the chart.
func installUserscope(t *testing.T) *webhookprocess.Webhook {
	t.Helper()
	file, err := repo.Path("manifests", "policies", "deerflow.yaml")
	if err != nil {
		t.Fatal(err)
	}
	policies, err := ReadPolicies(file)
	if err != nil {
		t.Fatal(err)
	}
	objects, err := Render(t.Context(), policies)
	if err != nil {
		t.Fatal(err)
	}
	webhook, err := webhookprocess.Start(t.Context(), webhookprocess.Options{})
	if err != nil {
		t.Fatal(err)
	}
	objects.Call(func(path string) admissionregistrationv1.WebhookClientConfig {
		return admissionregistrationv1.WebhookClientConfig{URL: ptr.To("https://" + webhook.Address + path), CABundle: webhook.CA}
	})
	if err := objects.InstallWebhooks(t.Context(), admin); err != nil {
		t.Fatal(err)
	}
	nobodys := bobs(func(pod object) { delete(pod["metadata"].(object)["labels"].(object), "user-id") })
	awaitError(t, func(err error) bool { return err != nil && strings.Contains(err.Error(), webhookprocess.WebhookName) }, provisioner, nobodys)
	return webhook
}

// awaitError tries to create a Pod until the answer is the wanted one.
func awaitError(t *testing.T, wanted func(error) bool, who oracle.Request, pod object) {
	t.Helper()
	var last error
	err := wait.PollUntilContextTimeout(t.Context(), 20*time.Millisecond, 30*time.Second, true, func(ctx context.Context) (bool, error) {
		_, last = ask(ctx, who, http.MethodPost, "pods", encoded(t, pod))
		return wanted(last), nil
	})
	if err != nil {
		t.Fatalf("%v: %v", err, last)
	}
}

// bobs is bob's sandbox as an old provisioner makes it, with a change.
func bobs(change func(pod object)) object {
	pod := object{
		"metadata": object{
			"generateName": "sandbox-",
			"labels":       object{"app": "deer-flow-sandbox", "user-id": "bob", "thread-id": "thread-1"},
		},
		"spec": object{
			"containers": []any{object{
				"name": "sandbox", "image": "sandbox:latest",
				"volumeMounts": []any{object{"name": "user-data", "mountPath": "/mnt/user-data", "subPath": "threads/thread-1/user-data"}},
			}},
			"volumes": []any{object{"name": "user-data", "persistentVolumeClaim": object{"claimName": "deer-flow-home"}}},
		},
	}
	if change != nil {
		change(pod)
	}
	return pod
}

// stamped is a Pod with stamps that somebody forged.
func stamped(pod object) object {
	pod["metadata"].(object)["annotations"] = object{
		"userscope.dev/policies": "deer-flow", "userscope.dev/user": "bob", "userscope.dev/thread": "thread-1",
		"user-id": "bob", "thread-id": "thread-1",
	}
	return pod
}

// claims is a Pod with the claim that does not look like a sandbox.
func claims() object {
	pod := bobs(nil)
	pod["metadata"].(object)["labels"] = object{"app": "shell"}
	return pod
}

// bystander is a Pod that is none of Userscope's business.
func bystander(labels object) object {
	return object{
		"metadata": object{"generateName": "web-", "labels": labels},
		"spec":     object{"containers": []any{object{"name": "web", "image": "web:latest"}}},
	}
}

func encoded(t *testing.T, pod object) []byte {
	t.Helper()
	raw, err := json.Marshal(pod)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// stores creates a Pod, and removes it in the end.
func stores(t *testing.T, who oracle.Request, pod object) object {
	t.Helper()
	stored, err := do(t.Context(), who, http.MethodPost, "pods", encoded(t, pod))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		err := admin.CoreV1().Pods(who.Namespace).Delete(ctx, nameOf(stored), metav1.DeleteOptions{GracePeriodSeconds: ptr.To[int64](0)})
		if err != nil && !apierrors.IsNotFound(err) {
			t.Error(err)
		}
	})
	return stored
}

// refuses tries to create a Pod, in earnest, and nothing may be stored.
func refuses(t *testing.T, who oracle.Request, pod object, wants ...string) {
	t.Helper()
	pods := admin.CoreV1().Pods(who.Namespace)
	count := func() int {
		list, err := pods.List(t.Context(), metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return len(list.Items)
	}
	before := count()
	_, err := do(t.Context(), who, http.MethodPost, "pods", encoded(t, pod))
	for _, want := range wants {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if after := count(); after != before {
		t.Errorf("%d Pods are stored, and %d were before", after, before)
	}
}

// testUndoing creates Pods that a later webhook changes after Userscope. Of a sandbox it first takes the
// subPath away, which Userscope puts right; called again for that, it has the last word. For a Pod that
// was none of Userscope's business, Userscope is not called again.
func testUndoing(t *testing.T) {
	const strip = `{"op": "remove", "path": "/spec/containers/0/volumeMounts/0/subPath"}`
	const claim = `{"op": "add", "path": "/spec/volumes/-", "value": {"name": "all", "persistentVolumeClaim": {"claimName": "deer-flow-home"}}},
		{"op": "add", "path": "/spec/containers/0/volumeMounts/-", "value": {"name": "all", "mountPath": "/all"}}`
	for i, test := range []struct {
		name  string
		who   oracle.Request
		pod   object
		patch string
		want  string
	}{
		{"strips the subPath", provisioner, bobs(nil), strip, "claim-mount: "},
		{"adds the claim to a sandbox", provisioner, bobs(nil), claim, "claim-mount: "},
		{"adds the claim to another Pod", developer, bystander(object{}), claim, "does not name deer-flow"},
		{"sets an fsGroup", provisioner, bobs(nil), `{"op": "add", "path": "/spec/securityContext", "value": {"fsGroup": 1000}}`, "fs-group: "},
		{"sets privileged", provisioner, bobs(nil), `{"op": "add", "path": "/spec/containers/0/securityContext", "value": {"privileged": true}}`, "pod-security: "},
		{"takes the stamp away", provisioner, bobs(nil), `{"op": "remove", "path": "/metadata/annotations/userscope.dev~1policies"}`, "does not name deer-flow"},
		{"makes it alice's in part", provisioner, bobs(nil), `{"op": "add", "path": "/metadata/annotations/user-id", "value": "alice"}`, "identity-invalid: "},
	} {
		t.Run(test.name, func(t *testing.T) {
			patches := []string{"[" + test.patch + "]"}
			if test.who.Username == provisioner.Username {
				patches = []string{"[" + strip + "]", "[" + test.patch + "]"}
			}
			later := newUndoer(t, fmt.Sprintf("zzz-later-%d", i), patches)
			test.pod["metadata"].(object)["labels"].(object)["sandbox-id"] = later.name
			awaitError(t, func(error) bool { return later.calls.Load() > 0 }, test.who, test.pod)
			refuses(t, test.who, test.pod, "ValidatingAdmissionPolicy 'userscope-backstop-create-deer-flow'", test.want)
			if calls := later.calls.Load(); calls < int64(2*len(patches)) {
				t.Errorf("for two Pods it was called %d times, want %d at the least", calls, 2*len(patches))
			}
		})
	}
}

// undoer is a webhook that is called after Userscope, and again.
type undoer struct {
	name  string
	calls atomic.Int64
}

// newUndoer returns a webhook that answers with one of the patches after the other.
func newUndoer(t *testing.T, name string, patches []string) *undoer {
	t.Helper()
	later := &undoer{name: name}
	webhook := otherwebhook.Hook{
		Name: name, Reinvocation: admissionregistrationv1.IfNeededReinvocationPolicy,
		Namespaces: []string{controlplane.Namespace}, Labels: map[string]string{"sandbox-id": name},
		Patch: func(*admissionv1.AdmissionRequest) []byte {
			turn := int(later.calls.Add(1)-1) % len(patches)
			return []byte(patches[turn])
		},
	}
	server, err := webhook.Install(t.Context(), admin)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		if err := admin.AdmissionregistrationV1().MutatingWebhookConfigurations().Delete(ctx, name, metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
		server.Close()
	})
	return later
}

// life are stored Pods, and what must always be possible with them.
type life struct {
	sandbox, gateway string
}

func newLife(t *testing.T) *life {
	t.Helper()
	gateway := bystander(object{"app": "gateway"})
	gateway["spec"].(object)["volumes"] = []any{object{"name": "home", "persistentVolumeClaim": object{"claimName": "deer-flow-home"}}}
	replicaSets := oracle.Request{Namespace: controlplane.Namespace, Username: "system:serviceaccount:kube-system:replicaset-controller"}
	return &life{nameOf(stores(t, provisioner, bobs(nil))), nameOf(stores(t, replicaSets, gateway))}
}

func (l *life) test(t *testing.T) {
	pods := admin.CoreV1().Pods(controlplane.Namespace)
	other := nameOf(stores(t, developer, bystander(object{"app": "web"})))
	// Keys that say whose a sandbox is say nothing of another Pod.
	relabelling := `{"metadata": {"labels": {"app": "web-2", "user-id": "x"}, "annotations": {"thread-id": "y"}}}`
	if _, err := do(t.Context(), developer, http.MethodPatch, "pods/"+other, []byte(relabelling)); err != nil {
		t.Error(err)
	}
	if _, err := ask(t.Context(), provisioner, http.MethodDelete, "pods/"+l.sandbox, nil); err != nil {
		t.Errorf("the provisioner deletes its sandbox: %v", err)
	}
	if _, err := ask(t.Context(), provisioner, http.MethodDelete, "pods/"+other, nil); !Refuses(err) {
		t.Errorf("the provisioner deletes another Pod: %v", err)
	}
	for _, name := range []string{l.sandbox, l.gateway} {
		for _, patch := range []string{
			`{"metadata": {"labels": {"team": "red"}, "finalizers": ["example.com/hold"]}}`,
			`{"metadata": {"labels": {"team": null}, "finalizers": null}}`,
		} {
			if _, err := do(t.Context(), developer, http.MethodPatch, "pods/"+name, []byte(patch)); err != nil {
				t.Error(err)
			}
		}
		if err := pods.Delete(t.Context(), name, metav1.DeleteOptions{DryRun: []string{metav1.DryRunAll}}); err != nil {
			t.Error(err)
		}
		if _, err := do(t.Context(), developer, http.MethodPatch, "pods/"+name, []byte(`{"metadata": {"annotations": {"userscope.dev/policies": "x"}}}`)); err == nil {
			t.Errorf("%s can be marked", name)
		}
	}
	// A Pod that is being deleted can be let go.
	doomed := nameOf(stores(t, developer, bystander(object{"app": "web"})))
	if _, err := do(t.Context(), developer, http.MethodPatch, "pods/"+doomed, []byte(`{"metadata": {"finalizers": ["example.com/hold"]}}`)); err != nil {
		t.Fatal(err)
	}
	if err := pods.Delete(t.Context(), doomed, metav1.DeleteOptions{GracePeriodSeconds: ptr.To[int64](0)}); err != nil {
		t.Fatal(err)
	}
	if _, err := do(t.Context(), developer, http.MethodPatch, "pods/"+doomed, []byte(`{"metadata": {"finalizers": null}}`)); err != nil {
		t.Error(err)
	}
	if _, err := pods.Get(t.Context(), doomed, metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("it is still there: %v", err)
	}
}
