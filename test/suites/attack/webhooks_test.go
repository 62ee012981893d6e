package attack

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"userscope.dev/userscope/test/kit/otherwebhook"
	"userscope.dev/userscope/test/suites/backstop"
)

// laterWebhook creates bob's sandbox while another mutating webhook, which is called after
// Userscope, makes its user data alice's whenever it sees it.
func laterWebhook(reinvocation admissionregistrationv1.ReinvocationPolicyType) func(*testing.T, site, bool) outcome {
	return func(t *testing.T, s site, dryRun bool) outcome {
		labels := map[string]string{"sandbox-id": podName()}
		var calls atomic.Int64
		later := otherwebhook.Hook{
			Name: "zz-later-" + labels["sandbox-id"], Reinvocation: reinvocation, Namespaces: everywhere, Labels: labels,
		}
		later.Patch = func(*admissionv1.AdmissionRequest) []byte {
			calls.Add(1)
			return []byte(`[{"op": "add", "path": "/spec/containers/0/volumeMounts/0/subPath", "value": "deer-flow/users/alice/threads/thread-1/user-data"}]`)
		}
		server, err := later.Install(t.Context(), typed[admin])
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			ctx := context.WithoutCancel(t.Context())
			if err := typed[admin].AdmissionregistrationV1().MutatingWebhookConfigurations().Delete(ctx, later.Name, metav1.DeleteOptions{}); err != nil {
				t.Error(err)
			}
			server.Close()
		})

		tweak := fmt.Appendf(nil, `[
			{"op": "add", "path": "/metadata/labels/sandbox-id", "value": %q},
			{"op": "replace", "path": "/spec/containers/0/volumeMounts/0/subPath", "value": "threads/thread-1/user-data"}
		]`, labels["sandbox-id"])
		sandbox := func() object { return readTable(t).sandbox(t, podName(), tweak) }
		err = await(t.Context(), func(ctx context.Context) (bool, error) {
			_, err := s.pods(provisioner).Create(ctx, manifest(t, s.forged(sandbox())), metav1.CreateOptions{DryRun: dry(true)})
			if backstop.Refuses(err) {
				err = nil
			}
			return calls.Load() > 0, err
		})
		if err != nil {
			t.Fatal(err)
		}
		calls.Store(0)
		result := s.create(t, provisioner, sandbox(), dryRun)
		if calls.Load() == 0 {
			t.Error("the later webhook was not called")
		}
		return result
	}
}
