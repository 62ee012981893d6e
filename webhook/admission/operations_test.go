package admission_test

import "testing"

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
