package backstop

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"userscope.dev/userscope/test/kit/controlplane"
	"userscope.dev/userscope/test/pods/oracle"
	"userscope.dev/userscope/test/pods/random"
)

// Expressions must not cost more than API servers allow: Pods that are as large as they take them pass
// if they are none of Userscope's business, and sandboxes that are as large as the policy's bounds pass as
// well. Larger ones are refused for their size.
func TestLargePods(t *testing.T) {
	large := func(labels object) object {
		pod := bystander(labels)
		fill(pod, 40, 200, func(i int) (source, mount object) {
			return object{"configMap": object{"name": "x"}}, object{"mountPath": fmt.Sprintf("/mnt/%d", i)}
		})
		return pod
	}
	mounted := bobs(nil)
	fill(mounted, 10, 29, func(i int) (source, mount object) {
		return object{"persistentVolumeClaim": object{"claimName": "deer-flow-home"}},
			object{"mountPath": fmt.Sprintf("/mnt/%d", i), "subPath": "deer-flow/integrations/lark-cli/sandbox-cli", "readOnly": true}
	})
	for _, test := range []struct {
		name      string
		namespace string
		pod       object
		want      string
	}{
		{"another Pod, by the webhook's conditions", called[0].Oracle[0].Namespaces[0], large(object{"app": "web"}), ""},
		{"another Pod, by the backstop's conditions", controlplane.Namespace, large(object{"app": "web"}), ""},
		{"a sandbox beyond the bounds", controlplane.Namespace, stamped(large(object{"app": "deer-flow-sandbox"})), "userscope: too-many: "},
		{"a sandbox with as many mounts of the claim as there may be", controlplane.Namespace, stamped(mounted), ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := withName(&random.Sample{Pod: test.pod, Request: oracle.Request{Namespace: test.namespace, Username: "somebody"}})
			t.Logf("%d bytes", len(s.Raw()))
			_, err := ask(t.Context(), s.Request, http.MethodPost, "pods", s.Raw())
			if (err != nil) != (test.want != "") || err != nil && (failsToJudge(err) || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("%v, want %q", err, test.want)
			}
		})
	}
}

// fill has a Pod hold that many containers, each of which mounts that many volumes, and much else.
func fill(pod object, containers, volumes int, volume func(i int) (source, mount object)) {
	labels := pod["metadata"].(object)["labels"].(object)
	for i := range 1000 {
		labels[fmt.Sprintf("example.com/label-%d", i)] = strings.Repeat("x", 63)
	}
	var sources, mounts, variables, all []any
	for i := range volumes {
		source, mount := volume(i)
		source["name"], mount["name"] = fmt.Sprintf("volume-%d", i), fmt.Sprintf("volume-%d", i)
		sources, mounts = append(sources, source), append(mounts, mount)
		variables = append(variables, object{"name": fmt.Sprintf("VARIABLE_%d", i), "valueFrom": object{"configMapKeyRef": object{"name": "x", "key": "y"}}})
	}
	for i := range containers {
		all = append(all, object{
			"name": fmt.Sprintf("container-%d", i), "image": "image", "volumeMounts": mounts, "env": variables,
			"securityContext": object{"capabilities": object{"add": []any{"CHOWN", "KILL"}}},
		})
	}
	pod["spec"] = object{"containers": all, "volumes": sources}
}
