package attack

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"userscope.dev/userscope/test/pods/oracle"
)

// limitedRequests are the requests among what Userscope does not hold. That they succeed is shown
// here so that nobody relies on the contrary, and so that the page is corrected once they do not.
var limitedRequests = []attack{
	{
		Name: "a scheduler", How: "the binding of a sandbox to its node carries the label `user-id: alice`, and bypasses every webhook for Pods (needs `create` on `pods/binding`)",
		Without: "I5", With: "I5", request: binding, noTry: true,
	},
	{
		Name: "who writes the status", How: "`PATCH` of `pods/status` changes the label `user-id` to `alice` (needs `patch` on `pods/status`)",
		Without: "I5", With: "I5", request: updating(bobs(nil), types.MergePatchType, `{"metadata": {"labels": {"user-id": "alice"}}}`, "status"),
	},
	{
		Name: "eviction", How: "the gateway's Pod is evicted instead of deleted (needs `create` on `pods/eviction`)",
		Without: "I4", With: "I4", request: evicting,
	},
	{
		Name: "another program in the gateway", How: "`PATCH` of the gateway's Pod changes its `image` (needs `patch` on `pods`)",
		Without: asSent, With: asSent, request: updating(gateways, types.StrategicMergePatchType, `{"spec": {"containers": [{"name": "gateway", "image": "evil:latest"}]}}`),
	},
	{
		Name: "a debugger with all capabilities", How: "an ephemeral container of a sandbox with the capability `ALL` (needs `patch` on `pods/ephemeralcontainers`)",
		Without: asSent, With: asSent, request: debugging(bobs(nil), `{"securityContext": {"capabilities": {"add": ["ALL"]}}}`),
	},
	{
		Name: "a person's debugger beside the gateway", How: "an ephemeral container without any mount, with `targetContainerName: gateway`, of a person who is no provisioner: it sees the gateway's files in `/proc/1/root` (needs the same)",
		Without: asSent, With: asSent, request: debuggingAs(developer, gateways, `{"targetContainerName": "gateway"}`),
	},
	{
		Name: "a Job", How: "a Pod with the whole claim that the Job controller creates, for whoever may create Jobs in the namespace",
		Without: asSent, With: asSent, request: creating(jobs, object{"persistentVolumeClaim": object{"claimName": "deer-flow-home"}}),
	},
	{
		Name: "a copy of the claim", How: "a Pod of a person with a claim of another name, for whoever may create PersistentVolumeClaims from `deer-flow-home`",
		Without: asSent, With: asSent, request: creating(developer, object{"persistentVolumeClaim": object{"claimName": "copy-of-home"}}),
	},
	{
		Name: "a person's hostPath", How: "`hostPath: /` in a Pod of a person who is no provisioner, without the sandboxes' labels",
		Without: asSent, With: asSent, request: creating(developer, object{"hostPath": object{"path": "/"}}),
	},
}

// binding binds bob's sandbox to a node as a scheduler does.
func binding(t *testing.T, s site, dryRun bool) outcome {
	return s.change(t, provisioner, bobs(nil), dryRun, oracle.JudgeUpdate, func(name string) (any, error) {
		return nil, typed[scheduler].CoreV1().Pods(s.namespace).Bind(t.Context(), &corev1.Binding{
			ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"user-id": "alice"}},
			Target:     corev1.ObjectReference{Kind: "Node", Name: "node-1"},
		}, metav1.CreateOptions{DryRun: dry(dryRun)})
	})
}

// evicting evicts the gateway's Pod.
func evicting(t *testing.T, s site, dryRun bool) outcome {
	return s.deletion(t, gateways, dryRun, func(name string) error {
		return typed[provisioner].CoreV1().Pods(s.namespace).EvictV1(t.Context(), &policyv1.Eviction{
			ObjectMeta:    metav1.ObjectMeta{Name: name},
			DeleteOptions: &metav1.DeleteOptions{DryRun: dry(dryRun)},
		})
	})
}

// stamped creates a Pod that does not look like a sandbox, with all of a volume, the marker and bob's stamps.
func stamped(user string, source object) func(*testing.T, site, bool) outcome {
	return creatingWith(user, source, object{marker: "deer-flow", "userscope.dev/user": "bob", "userscope.dev/thread": "thread-1"})
}

// creating creates a Pod that does not look like a sandbox, with all of a volume.
func creating(user string, source object) func(*testing.T, site, bool) outcome {
	return creatingWith(user, source, nil)
}

func creatingWith(user string, source, annotations object) func(*testing.T, site, bool) outcome {
	return func(t *testing.T, s site, dryRun bool) outcome {
		volume := copied(source)
		volume["name"] = "all"
		return s.create(t, user, object{
			"apiVersion": "v1", "kind": "Pod",
			"metadata": object{"name": podName(), "annotations": annotations},
			"spec": object{
				"containers": []any{object{"name": "main", "image": "main:latest", "volumeMounts": []any{object{"name": "all", "mountPath": "/all"}}}},
				"volumes":    []any{volume},
			},
		}, dryRun)
	}
}
