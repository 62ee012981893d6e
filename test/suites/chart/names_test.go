package chart

import (
	"encoding/json"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// A name is a text, whatever YAML would take it for: a number, true, or text and a comment.
func TestNamesAreTexts(t *testing.T) {
	const values = `
policies:
- name: "the-policy"
  spec:
    namespaces: ["the-namespace"]
    claim: "the-claim"
    selector: {app: "the-label"}
    proof: Always
    keyFile: "/the-path"
    layout: {root: "the-root", userData: "users/{user}/threads/{thread}/user-data"}
keys: [{secretName: "the-keys", mountPath: "/the-path"}]
imagePullSecrets: [{name: "the-registry"}]
priorityClassName: "the-priority"
podLabels: {team: "the-team"}
certificates: {mode: MODE, existingSecret: {name: "the-certificate", caBundle: ` + certificate + `}}
createNamespace: true
migration: {enabled: true, legacy: "the-old", owners: {file: "the-owners"}}
monitoring: {podMonitor: {enabled: true}, serviceMonitor: {enabled: true}, prometheusRule: {enabled: true}, dashboard: {enabled: true}}
`
	odd := strings.NewReplacer(
		"the-policy", "1e2", "the-namespace", "true", "the-claim", "0x10", "the-label", "1.0", "the-path", "path #1", "the-root", "a #1: x",
		"the-keys", "007", "the-registry", "null", "the-priority", "1e3", "the-team", "no", "the-certificate", "1.5", "the-old", "b #1: x", "the-owners", "c: #1",
		"the-release", "12", "userscope-namespace", "42",
	)
	texts := func(values, release, namespace string) string {
		out, problem, err := helm(t, values, "template", release, path(t, "manifests", "chart"), "--namespace", namespace, "--values", "-")
		if err != nil {
			t.Fatalf("%v\n%s", err, problem)
		}
		var documents []any
		for _, object := range parse(t, out) {
			if data, ok := object.Object["data"].(map[string]any); ok {
				for name, text := range data { // the policy, which is YAML too
					var document any
					if err := yaml.Unmarshal([]byte(text.(string)), &document); err != nil {
						t.Fatal(err)
					}
					data[name] = document
				}
			}
			documents = append(documents, object.Object)
		}
		all, err := json.MarshalIndent(documents, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		return string(all)
	}
	for _, mode := range []string{"issuer", "certManager", "existingSecret"} {
		values := strings.Replace(values, "MODE", mode, 1)
		got := strings.Split(texts(odd.Replace(values), odd.Replace("the-release"), odd.Replace("userscope-namespace")), "\n")
		want := strings.Split(odd.Replace(texts(values, "the-release", "userscope-namespace")), "\n")
		if len(got) != len(want) {
			t.Fatalf("%s: %d lines, want %d", mode, len(got), len(want))
		}
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("%s: is %s, want %s", mode, got[i], want[i])
			}
		}
	}
}
