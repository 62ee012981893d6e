package backstop

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"

	"userscope.dev/userscope/test/pods/oracle"
)

// What a policy says comes to the API server as it is, whatever it means in YAML or in CEL.
func TestStrangeValues(t *testing.T) {
	const (
		name    = "strange"
		strange = `a: "b" #c \d\n 'é' <&> ${x} {{ y }} %s`
	)
	provisioners := []string{strange, ",", `a",`, `","`}
	policy := Policy{Name: name, Spec: object{
		"namespaces":        []string{name},
		"claim":             "claim",
		"selector":          object{"app": name, "empty": ""},
		"provisioners":      provisioners,
		"exemptCreators":    object{"users": []string{strange + "\n"}},
		"userPattern":       `[a-z]+\-?"?[^"#]*`,
		"userDataMountPath": `/data/a "b" #c`,
		"layout": object{
			"root": `a: "b" #c \d 'é' <&>`, "userData": `{user}/a: "b" #c`,
			"directories": []any{object{"path": `shared/"x": #y`, "access": "ReadOnly"}},
		},
		"hostPathBases": []string{`/a: "b" #c`},
		"allow":         object{"hostPaths": []string{"/" + strange}, "secrets": []string{strange}},
	}}
	objects, err := Render(t.Context(), []Policy{policy})
	if err != nil {
		t.Fatal(err)
	}
	// That for Services is there already.
	objects.Policies = slices.DeleteFunc(objects.Policies, func(p admissionregistrationv1.ValidatingAdmissionPolicy) bool { return p.Name == "userscope-services" })
	objects.Bindings = slices.DeleteFunc(objects.Bindings, func(b admissionregistrationv1.ValidatingAdmissionPolicyBinding) bool {
		return b.Name == "userscope-services"
	})
	if err := furnishNamespace(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	if err := objects.InstallPolicies(t.Context(), admin); err != nil {
		t.Fatal(err)
	}

	const root = `a: "b" #c \d 'é' <&>`
	sandbox := func(subPath, hostPath string) object {
		return object{
			"metadata": object{
				"generateName": "strange-", "labels": object{"app": name, "empty": ""},
				"annotations": object{"userscope.dev/policies": name, "userscope.dev/user": "a-", "user-id": "a-"},
			},
			"spec": object{
				"containers": []any{object{"name": "main", "image": "image", "volumeMounts": []any{
					object{"name": "user-data", "mountPath": `/data/a "b" #c`, "subPath": subPath},
					object{"name": "user-data", "mountPath": "/shared", "subPath": root + `/shared/"x": #y`, "readOnly": true},
					object{"name": "node", "mountPath": "/node", "readOnly": true},
				}}},
				"volumes": []any{
					object{"name": "user-data", "persistentVolumeClaim": object{"claimName": "claim"}},
					object{"name": "node", "hostPath": object{"path": hostPath}},
				},
			},
		}
	}
	who := oracle.Request{Namespace: name, Username: strange}
	for _, test := range []struct{ subPath, hostPath, want string }{
		{root + `/a-/a: "b" #c`, "/" + strange, ""},
		{root + `/a-/a: "b" #c`, `/a: "b" #c/a-/a: "b" #c`, ""},
		{root + `/b-/a: "b" #c`, "/" + strange, "claim-mount: "},
		{root + `/a-/a: "b" `, "/" + strange, "claim-mount: "},
		{root + `/a-/a: "b" #c`, "/" + strange + "/x", "host-path: "},
	} {
		_, err := ask(t.Context(), who, http.MethodPost, "pods", encoded(t, sandbox(test.subPath, test.hostPath)))
		if (err != nil) != (test.want != "") || err != nil && (!Refuses(err) || failsToJudge(err) || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s, %s: %v, want %q", test.subPath, test.hostPath, err, test.want)
		}
	}
	for _, username := range provisioners {
		_, err := ask(t.Context(), oracle.Request{Namespace: name, Username: username}, http.MethodPost, "pods", encoded(t, bystander(object{"app": "web"})))
		if !Refuses(err) || failsToJudge(err) {
			t.Errorf("a Pod of the provisioner %s that is no sandbox: %v", username, err)
		}
	}
}
