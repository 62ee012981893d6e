package admission_test

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"
)

// What comes after the creation of a Pod is judged too, and never patched.
func TestLaterOperationsAreAnswered(t *testing.T) {
	gateway := func() object { return with(sandbox(object{}), object{"app": "gateway"}, "metadata", "labels") }
	bobs := func() object {
		return with(alices(), "bob", "metadata", "labels", "user-id")
	}
	debugged := func() object {
		return with(alices(), []any{object{"name": "debug", "volumeMounts": []any{object{"name": "user-data", "mountPath": "/d"}}}}, "spec", "ephemeralContainers")
	}
	subresource := func(review object) object { return with(review, "ephemeralcontainers", "request", "subResource") }
	deletion := func(old object) object { return with(change("DELETE", old, nil), nil, "request", "object") }
	tests := []struct {
		name    string
		given   object
		allowed bool
		audit   string
		message string
	}{
		{"an update of nothing that matters", change("UPDATE", alices(), with(alices(), []any{"x/y"}, "metadata", "finalizers")), true, "allowed", ""},
		{"an update of the gateway", change("UPDATE", gateway(), gateway()), true, "ungoverned", ""},
		{"a sandbox made another user's", change("UPDATE", alices(), bobs()), false, "refused",
			`userscope: immutable-field: metadata.labels[user-id]: "bob": marks the Pod as the sandbox of its user, and cannot be added, changed or removed: create a new Pod instead`},
		{"an ephemeral container", subresource(change("UPDATE", alices(), alices())), true, "allowed", ""},
		{"an ephemeral container with the claim", subresource(change("UPDATE", alices(), debugged())), false, "refused",
			`userscope: ephemeral-container: spec.ephemeralContainers[0].volumeMounts[0].name: "user-data": shows all of persistentVolumeClaim deer-flow-home: debug without it`},
		{"a deletion of a sandbox", deletion(alices()), true, "allowed", ""},
		{"a deletion of the gateway", deletion(gateway()), false, "refused",
			`userscope: delete-not-sandbox: metadata.labels: "app=gateway": are not a sandbox's (app=deer-flow-sandbox), and a provisioner deletes nothing else: use another user`},
	}
	webhook := newDeerflowWebhook(t)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := ask(t, webhook, test.given)
			if got.Allowed != test.allowed || got.AuditAnnotations["decision"] != test.audit || got.Result.Message != test.message {
				t.Errorf("allowed %t, %s, message\n%s\nwant %t, %s\n%s", got.Allowed, got.AuditAnnotations["decision"], got.Result.Message, test.allowed, test.audit, test.message)
			}
			if got.Patch != nil {
				t.Errorf("patched by %s", got.Patch)
			}
		})
	}
}

// stored is alice's sandbox as it is stored.
func stored() object {
	pod := alices()
	firstContainer(pod)["volumeMounts"].([]any)[0].(object)["subPath"] = "deer-flow/users/alice/threads/t1/user-data"
	return pod
}

func firstContainer(pod object) object {
	return pod["spec"].(object)["containers"].([]any)[0].(object)
}

// Versions of Kubernetes that let Pods grow ask about such updates; none of today does.
func TestNothingIsAddedToASandbox(t *testing.T) {
	add := func(key string, entry object) func(o object) {
		return func(o object) {
			entries, _ := o[key].([]any)
			o[key] = append(entries, entry)
		}
	}
	spec := func(change func(object)) func(object) { return func(pod object) { change(pod["spec"].(object)) } }
	container := func(change func(object)) func(object) { return func(pod object) { change(firstContainer(pod)) } }
	set := func(value any, path ...string) func(object) { return func(o object) { with(o, value, path...) } }
	const remedy = ": cannot be added to a sandbox: create a new sandbox instead"
	webhook := newDeerflowWebhook(t)
	for _, test := range []struct {
		name   string
		change func(pod object)
		want   string
	}{
		{"volume", spec(add("volumes", object{"name": "scratch", "emptyDir": object{}})), `immutable-field: spec.volumes[1].name: "scratch"` + remedy},
		{"mount", container(add("volumeMounts", object{"name": "user-data", "mountPath": "/again", "subPath": "deer-flow/users/alice/threads/t1/user-data"})),
			`immutable-field: spec.containers[0].volumeMounts[1].mountPath: "/again"` + remedy},
		{"container", spec(add("containers", object{"name": "more", "image": "more"})), `immutable-field: spec.containers[1].name: "more"` + remedy},
		{"init container", spec(add("initContainers", object{"name": "more", "image": "more"})), `immutable-field: spec.initContainers[0].name: "more"` + remedy},
		{"device", container(add("volumeDevices", object{"name": "user-data", "devicePath": "/dev/x"})),
			`immutable-field: spec.containers[0].volumeDevices[0].devicePath: "/dev/x"` + remedy},
		{"variable", container(add("env", object{"name": "X", "value": "1"})), `immutable-field: spec.containers[0].env[0].name: "X"` + remedy},
		{"source of variables", container(add("envFrom", object{"configMapRef": object{"name": "x"}})),
			`immutable-field: spec.containers[0].envFrom[0]: "configMapRef x"` + remedy},
		{"privilege", container(set(object{"privileged": true}, "securityContext")), "pod-security: "},
		{"another's data", container(func(c object) {
			c["volumeMounts"].([]any)[0].(object)["subPath"] = "deer-flow/users/bob/threads/t1/user-data"
		}),
			`"deer-flow/users/bob/threads/t1/user-data" is now`},
		{"less privilege", container(set(object{"runAsNonRoot": true}, "securityContext")), ""},
		{"another image", container(set("other", "image")), ""},
	} {
		for _, subresource := range []string{"", "dynamic"} {
			t.Run(test.name+"/"+subresource, func(t *testing.T) {
				pod := stored()
				test.change(pod)
				got := ask(t, webhook, with(change("UPDATE", stored(), pod), subresource, "request", "subResource"))
				if got.Allowed != (test.want == "") || !strings.Contains(got.Result.Message, test.want) || got.Patch != nil {
					t.Errorf("allowed %t: %s, want %q", got.Allowed, got.Result.Message, test.want)
				}
			})
		}
	}
}

// What people, kubelets and controllers change of stored Pods is never refused.
func TestHarmlessUpdatesAreAllowed(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same updates each time
	changes := []func(pod object, n int){
		func(pod object, n int) { with(pod, "red", "metadata", "labels", "team-"+strconv.Itoa(n%7)) },
		func(pod object, n int) { with(pod, strconv.Itoa(n), "metadata", "annotations", "note") },
		func(pod object, _ int) { with(pod, []any{"example.com/hold"}, "metadata", "finalizers") },
		func(pod object, n int) {
			with(with(pod, time.Unix(int64(n), 0).UTC().Format(time.RFC3339), "metadata", "deletionTimestamp"), 30, "metadata", "deletionGracePeriodSeconds")
		},
		func(pod object, n int) { firstContainer(pod)["image"] = "sandbox:" + strconv.Itoa(n) },
		func(pod object, n int) { with(pod, n+1, "spec", "activeDeadlineSeconds") },
		func(pod object, _ int) {
			with(pod, []any{object{"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}}, "spec", "tolerations")
		},
		func(pod object, n int) {
			pod["status"] = object{"phase": "Running", "podIP": "10.0.0." + strconv.Itoa(n%256)}
		},
	}
	webhook := newDeerflowWebhook(t)
	for n := range 10_000 {
		pod := stored()
		for range 1 + random.IntN(3) {
			changes[random.IntN(len(changes))](pod, n)
		}
		asked := change("UPDATE", stored(), pod)
		asked["request"].(object)["userInfo"].(object)["username"] = []string{"dana", "system:node:a", "system:kube-scheduler"}[random.IntN(3)]
		if got := ask(t, webhook, asked); !got.Allowed {
			t.Fatalf("update %d is refused: %s\n%s", n, got.Result.Message, text(t, pod))
		}
	}
}
