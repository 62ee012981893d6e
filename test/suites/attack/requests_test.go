package attack

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"userscope.dev/userscope/test/pods/oracle"
)

// requests are the attacks that are not the plain creation of one Pod, in the same form as those.
var requests = []group{
	{
		Title: "Pods that arrive in another way",
		Tries: "A Pod is sent so that no webhook is called for it, or none that understands it.",
		Attacks: []attack{
			{
				Name: "server-side apply", How: "`PATCH` of a Pod that does not exist yet, with the whole claim (needs `patch`, which the provisioner's Role lacks)",
				Without: "I1, I2", With: rewritten, request: applied,
			},
			{
				Name: "protobuf", How: "the whole claim, encoded as `application/vnd.kubernetes.protobuf`",
				Without: "I1, I2", With: rewritten, request: encoded,
			},
			{
				Name: "too large to read", How: "the whole claim, and a variable of 1.3 MB of `<`, each of which is six bytes in the AdmissionReview",
				Without: "I1, I2", With: unread, request: oversized,
			},
		},
	},
	{
		Title: "Stamps that nobody made",
		Tries: "A Pod says of itself that Userscope has judged it, so that people and later requests believe it.",
		Attacks: []attack{
			{
				Name: "a plain Pod as bob's", How: "a person's Pod without volumes has the marker and bob's stamps, for a webhook that adds the claim later",
				Without: "I5", With: rewritten, request: stamped(developer, object{"emptyDir": object{}}),
			},
			{
				Name: "the whole claim, by a controller", How: "a Pod of the ReplicaSet controller, which is exempt, has the whole claim and the marker",
				Without: "I1, I5", With: "identity-missing", request: stamped(replicaSets, object{"persistentVolumeClaim": object{"claimName": "deer-flow-home"}}),
			},
		},
	},
	{
		Title: "Debugging a running Pod",
		Tries: "An ephemeral container, which may not have a `subPath`, joins a Pod that is stored already: `PATCH` of `pods/ephemeralcontainers` as `kubectl debug` does it. The provisioner's Role lacks that right; here it has it.",
		Attacks: []attack{
			{
				Name: "the claim", How: "mounts `user-data` of a sandbox, and so the whole claim",
				Without: "I3", With: "ephemeral-container",
				request: debugging(bobs(nil), `{"volumeMounts": [{"name": "user-data", "mountPath": "/all"}]}`),
			},
			{
				Name: "a part of the claim", How: "the same with the sandbox's own `subPath`",
				Without: byKubernetes, With: byKubernetes,
				request: debugging(bobs(nil), `{"volumeMounts": [{"name": "user-data", "mountPath": "/all", "subPath": "deer-flow/users/bob/threads/thread-1/user-data"}]}`),
			},
			{
				Name: "the claim as a device", How: "`volumeDevices` with `user-data`",
				Without: "I3", With: "ephemeral-container",
				request: debugging(bobs(nil), `{"volumeDevices": [{"name": "user-data", "devicePath": "/dev/xvda"}]}`),
			},
			{
				Name: "a listed claim", How: "mounts `deer-flow-skills` of a sandbox",
				Without: "I3", With: "ephemeral-container",
				request: debugging(bobs([]byte(`[{"op": "add", "path": "/spec/volumes/-", "value": {"name": "skills", "persistentVolumeClaim": {"claimName": "deer-flow-skills", "readOnly": true}}}]`)),
					`{"volumeMounts": [{"name": "skills", "mountPath": "/skills"}]}`),
			},
			{
				Name: "a hostPath", How: "mounts the node's `/skills` of a sandbox, writable",
				Without: "I3", With: "ephemeral-container",
				request: debugging(bobs([]byte(`[{"op": "add", "path": "/spec/volumes/-", "value": {"name": "skills", "hostPath": {"path": "/skills"}}}]`)),
					`{"volumeMounts": [{"name": "skills", "mountPath": "/skills"}]}`),
			},
			{
				Name: "privileged", How: "`privileged: true`, as the profile `sysadmin` of `kubectl debug`",
				Without: "I3", With: "ephemeral-container",
				request: debugging(bobs(nil), `{"securityContext": {"privileged": true}}`),
			},
			{
				Name: "the gateway", How: "mounts the claim of the gateway's Pod",
				Without: "I3", With: "ephemeral-container",
				request: debugging(gateways, `{"volumeMounts": [{"name": "home", "mountPath": "/all"}]}`),
			},
			{
				Name: "beside the gateway's processes", How: "no mount at all, but `targetContainerName: gateway`, whose files stand in `/proc/1/root`",
				Without: "I3", With: "ephemeral-container",
				request: debugging(gateways, `{"targetContainerName": "gateway"}`),
			},
			{
				Name: "a Secret as a variable", How: "`env` with `secretKeyRef: postgres-password`, in a sandbox",
				Without: "I4", With: "secret",
				request: debugging(bobs(nil), `{"env": [{"name": "X", "valueFrom": {"secretKeyRef": {"name": "postgres-password", "key": "password"}}}]}`),
			},
			{
				Name: "a Secret as the environment", How: "`envFrom` with `secretRef: postgres-password`, in a sandbox",
				Without: "I4", With: "secret",
				request: debugging(bobs(nil), `{"envFrom": [{"secretRef": {"name": "postgres-password"}}]}`),
			},
			{
				Name: "a file of the claim in the environment", How: "`env` with a `fileKeyRef` from alice's file in the volume `user-data` of bob's sandbox",
				Without: byKubernetes, With: byKubernetes,
				request: debugging(bobs(nil), `{"env": [{"name": "X", "valueFrom": {"fileKeyRef": {"volumeName": "user-data", "path": "deer-flow/users/alice/threads/thread-1/user-data/.env", "key": "X"}}}]}`),
			},
		},
	},
	{
		Title: "Changing a stored Pod",
		Tries: "A sandbox is made to look like another identity's, or another Pod like a sandbox. The provisioner's Role lacks `update` and `patch`; here it has them.",
		Attacks: []attack{
			{
				Name: "another user", How: "the label `user-id` becomes `alice` (merge patch)",
				Without: "I5", With: "immutable-field",
				request: updating(bobs(nil), types.MergePatchType, `{"metadata": {"labels": {"user-id": "alice"}}}`),
			},
			{
				Name: "no user", How: "the label `user-id` is removed (JSON patch)",
				Without: "I5", With: "immutable-field",
				request: updating(bobs(nil), types.JSONPatchType, `[{"op": "remove", "path": "/metadata/labels/user-id"}]`),
			},
			{
				Name: "a second user", How: "an annotation `user-id: alice` comes beside the label (strategic merge patch)",
				Without: "I5", With: "immutable-field",
				request: updating(bobs(nil), types.StrategicMergePatchType, `{"metadata": {"annotations": {"user-id": "alice"}}}`),
			},
			{
				Name: "another sandbox-id", How: "the label `sandbox-id` changes (server-side apply, forced)",
				Without: "I5", With: "immutable-field",
				request: updating(bobs([]byte(`[{"op": "add", "path": "/metadata/labels/sandbox-id", "value": "01234567"}]`)),
					types.ApplyPatchType, `{"apiVersion": "v1", "kind": "Pod", "metadata": {"labels": {"sandbox-id": "76543210"}}}`),
			},
			{
				Name: "no sandbox", How: "the label `app` is replaced (`PUT`)",
				Without: "I5", With: "immutable-field",
				request: replacing(bobs(nil), func(pod object) { pod["metadata"].(object)["labels"].(object)["app"] = "deer-flow-gateway" }),
			},
			{
				Name: "no marker", How: "Userscope's annotation is removed (merge patch)",
				Without: "I5", With: "immutable-field",
				request: updating(bobs(nil), types.MergePatchType, `{"metadata": {"annotations": {"`+marker+`": null}}}`),
			},
			{
				Name: "the gateway as a sandbox", How: "the gateway's Pod gets the sandboxes' label, so that it may be deleted",
				Without: "I5", With: "immutable-field",
				request: updating(gateways, types.MergePatchType, `{"metadata": {"labels": {"app": "deer-flow-sandbox"}}}`),
			},
			{
				Name: "the gateway with a marker", How: "the gateway's Pod gets Userscope's annotation",
				Without: "I5", With: "immutable-field",
				request: updating(gateways, types.MergePatchType, `{"metadata": {"annotations": {"`+marker+`": "deer-flow"}}}`),
			},
			{
				Name: "another Service's label, later", How: "a sandbox gets the label `app.kubernetes.io/component: gateway`",
				Without: "I4", With: "label",
				request: updating(bobs(nil), types.MergePatchType, `{"metadata": {"labels": {"app.kubernetes.io/component": "gateway"}}}`),
			},
			{
				Name: "the gateway's ReplicaSet, later", How: "a sandbox gets the label `pod-template-hash` (server-side apply)",
				Without: "I4", With: "label",
				request: updating(bobs(nil), types.ApplyPatchType, `{"apiVersion": "v1", "kind": "Pod", "metadata": {"labels": {"pod-template-hash": "5d9c7b6f4d"}}}`),
			},
			{
				Name: "the gateway out of its Service", How: "the gateway's Pod gets another program's label `app`",
				Without: "I4", With: "label",
				request: updating(gateways, types.MergePatchType, `{"metadata": {"labels": {"app": "deer-flow-frontend"}}}`),
			},
			{
				Name: "the gateway first", How: "the gateway's Pod gets a `pod-deletion-cost` by which its ReplicaSet deletes it first",
				Without: "I4", With: "annotation",
				request: updating(gateways, types.MergePatchType, `{"metadata": {"annotations": {"controller.kubernetes.io/pod-deletion-cost": "-2147483648"}}}`),
			},
		},
	},
	{
		Title: "Deleting what is no sandbox",
		Tries: "DeerFlow's Role lets the provisioner delete every Pod of its namespace.",
		Attacks: []attack{
			{
				Name: "the gateway", How: "`DELETE` of the gateway's Pod",
				Without: "I4", With: "delete-not-sandbox", request: deleting(gateways),
			},
			{
				Name: "many at once", How: "`DELETE` of all Pods with the gateway's label (needs `deletecollection`, which the provisioner's Role lacks)",
				Without: "I4", With: "delete-not-sandbox", request: deletingAll(gateways),
			},
		},
	},
	{
		Title: "Another webhook",
		Tries: "Another mutating webhook, which is called after Userscope, undoes its work.",
		Attacks: []attack{
			{
				Name: "called once", How: "makes the user data of every Pod alice's, with `reinvocationPolicy: Never`: Userscope is called again and has the last word",
				Without: "I1, I2", With: rewritten, request: laterWebhook(admissionregistrationv1.NeverReinvocationPolicy),
			},
			{
				Name: "called again", How: "the same with `reinvocationPolicy: IfNeeded`: it is called again after Userscope, and the backstop sees what is to be stored",
				Without: "I1, I2", With: "claim-mount", request: laterWebhook(admissionregistrationv1.IfNeededReinvocationPolicy),
			},
		},
	},
}

// victim stores a Pod that is to be attacked and returns its name.
type victim func(t *testing.T, s site) string

// bobs is bob's sandbox with a tweak.
func bobs(tweak []byte) victim {
	return func(t *testing.T, s site) string {
		return s.store(t, provisioner, readTable(t).sandbox(t, podName(), tweak))
	}
}

// gateways is the gateway's Pod, as its ReplicaSet's controller creates it.
func gateways(t *testing.T, s site) string { return s.store(t, replicaSets, gateway(podName())) }

// gateway is the gateway's Pod, which has the data of everyone.
func gateway(name string) object {
	return object{
		"apiVersion": "v1", "kind": "Pod",
		"metadata": object{
			"name": name, "labels": object{"app": "deer-flow-gateway"},
			"ownerReferences": []any{object{
				"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "deer-flow-gateway-5d9c7b6f4d",
				"uid": "8d6b1f3c-2f50-4f0c-9d0c-2b6f1d9b8a11", "controller": true,
			}},
		},
		"spec": object{
			"serviceAccountName": "deer-flow-gateway",
			"containers": []any{object{
				"name": "gateway", "image": "gateway:latest",
				"env":          []any{object{"name": "PASSWORD", "valueFrom": object{"secretKeyRef": object{"name": "postgres-password", "key": "password"}}}},
				"volumeMounts": []any{object{"name": "home", "mountPath": "/app/backend/.deer-flow", "subPath": "deer-flow"}},
			}},
			"volumes": []any{object{"name": "home", "persistentVolumeClaim": object{"claimName": "deer-flow-home"}}},
		},
	}
}

// wholeClaim is bob's sandbox without a subPath, tweaked further.
func wholeClaim(t *testing.T, name, tweak string) object {
	t.Helper()
	return readTable(t).sandbox(t, name, []byte(`[{"op": "remove", "path": "/spec/containers/0/volumeMounts/0/subPath"}`+tweak+`]`))
}

func applied(t *testing.T, s site, dryRun bool) outcome {
	pod := wholeClaim(t, podName(), "")
	name := pod["metadata"].(object)["name"].(string)
	return s.creation(t, provisioner, name, dryRun, func() (any, error) {
		return s.pods(provisioner).Apply(t.Context(), name, manifest(t, s.forged(pod)), metav1.ApplyOptions{FieldManager: "attack", DryRun: dry(dryRun)})
	})
}

func encoded(t *testing.T, s site, dryRun bool) outcome {
	pod := &corev1.Pod{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(manifest(t, s.forged(wholeClaim(t, podName(), ""))).Object, pod); err != nil {
		t.Fatal(err)
	}
	config := cluster.Config(provisioner)
	config.ContentType = runtime.ContentTypeProtobuf
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return s.creation(t, provisioner, pod.Name, dryRun, func() (any, error) {
		return client.CoreV1().Pods(s.namespace).Create(t.Context(), pod, metav1.CreateOptions{DryRun: dry(dryRun)})
	})
}

func oversized(t *testing.T, s site, dryRun bool) outcome {
	large := fmt.Sprintf(`, {"op": "add", "path": "/spec/containers/0/env", "value": [{"name": "X", "value": %q}]}`, strings.Repeat("<", 1_300_000))
	pod := wholeClaim(t, podName(), large)
	name := pod["metadata"].(object)["name"].(string)
	// As the attacker would: the client's own encoder would write six bytes for each.
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(s.forged(pod)); err != nil {
		t.Fatal(err)
	}
	return s.creation(t, provisioner, name, dryRun, func() (any, error) {
		created := &corev1.Pod{}
		err := typed[provisioner].CoreV1().RESTClient().Post().Namespace(s.namespace).Resource("pods").
			SetHeader("Content-Type", runtime.ContentTypeJSON).
			VersionedParams(&metav1.CreateOptions{DryRun: dry(dryRun)}, metav1.ParameterCodec).
			Body(body.Bytes()).Do(t.Context()).Into(created)
		return created, err
	})
}

// debugging adds, as the provisioner, an ephemeral container with more fields to a Pod.
func debugging(attacked victim, fields string) func(*testing.T, site, bool) outcome {
	return debuggingAs(provisioner, attacked, fields)
}

func debuggingAs(user string, attacked victim, fields string) func(*testing.T, site, bool) outcome {
	return func(t *testing.T, s site, dryRun bool) outcome {
		container := object{"name": "debugger", "image": "debugger:latest"}
		if err := json.Unmarshal([]byte(fields), &container); err != nil {
			t.Fatal(err)
		}
		patch, err := json.Marshal(object{"spec": object{"ephemeralContainers": []any{container}}})
		if err != nil {
			t.Fatal(err)
		}
		return s.change(t, user, attacked, dryRun, oracle.JudgeEphemeralContainers, func(name string) (any, error) {
			return s.pods(user).Patch(t.Context(), name, types.StrategicMergePatchType, patch, metav1.PatchOptions{DryRun: dry(dryRun)}, "ephemeralcontainers")
		})
	}
}

// updating patches a Pod, or a subresource of it.
func updating(attacked victim, kind types.PatchType, patch string, subresources ...string) func(*testing.T, site, bool) outcome {
	return func(t *testing.T, s site, dryRun bool) outcome {
		options := metav1.PatchOptions{DryRun: dry(dryRun), FieldManager: "attack"}
		if kind == types.ApplyPatchType {
			options.Force = new(true)
		}
		return s.change(t, provisioner, attacked, dryRun, oracle.JudgeUpdate, func(name string) (any, error) {
			return s.pods(provisioner).Patch(t.Context(), name, kind, []byte(patch), options, subresources...)
		})
	}
}

// replacing puts another Pod in a Pod's place.
func replacing(attacked victim, change func(pod object)) func(*testing.T, site, bool) outcome {
	return func(t *testing.T, s site, dryRun bool) outcome {
		return s.change(t, provisioner, attacked, dryRun, oracle.JudgeUpdate, func(name string) (any, error) {
			pod := s.get(t, name)
			change(pod)
			return s.pods(provisioner).Update(t.Context(), manifest(t, pod), metav1.UpdateOptions{DryRun: dry(dryRun)})
		})
	}
}

// change judges what becomes of a stored Pod. The request returns the Pod as it is answered, or
// nil.
func (s site) change(
	t *testing.T, user string, attacked victim, dryRun bool,
	findings func([]oracle.Policy, oracle.Request, map[string]any, map[string]any) []string,
	request func(name string) (any, error),
) outcome {
	t.Helper()
	name := attacked(t, s)
	old := s.get(t, name)
	answered, err := request(name)
	if err != nil {
		if !reflect.DeepEqual(s.get(t, name), old) {
			t.Error("the request is refused and changes the Pod all the same")
		}
		return refusal(t, err)
	}
	if !dryRun {
		answered = s.get(t, name)
	}
	return outcome{findings: findings(deerFlow, asked(user), old, plain(t, answered))}
}

func deleting(attacked victim) func(*testing.T, site, bool) outcome {
	return func(t *testing.T, s site, dryRun bool) outcome {
		return s.deletion(t, attacked, dryRun, func(name string) error {
			return s.pods(provisioner).Delete(t.Context(), name, metav1.DeleteOptions{DryRun: dry(dryRun)})
		})
	}
}

func deletingAll(attacked victim) func(*testing.T, site, bool) outcome {
	return func(t *testing.T, s site, dryRun bool) outcome {
		return s.deletion(t, attacked, dryRun, func(string) error {
			return s.pods(provisioner).DeleteCollection(t.Context(), metav1.DeleteOptions{DryRun: dry(dryRun)},
				metav1.ListOptions{LabelSelector: "app=deer-flow-gateway"})
		})
	}
}

// deletion judges a request that is to delete a Pod.
func (s site) deletion(t *testing.T, attacked victim, dryRun bool, request func(name string) error) outcome {
	t.Helper()
	name := attacked(t, s)
	old := s.get(t, name)
	err := request(name)
	_, gone := s.pods(admin).Get(t.Context(), name, metav1.GetOptions{})
	if deleted := err == nil && !dryRun; apierrors.IsNotFound(gone) != deleted {
		t.Errorf("deleted: %t, but: %v", deleted, gone)
	}
	if err != nil {
		return refusal(t, err)
	}
	return outcome{findings: oracle.JudgeDelete(deerFlow, asked(provisioner), old)}
}
