package scope

import (
	"slices"
	"testing"

	"userscope.dev/userscope/webhook/podjson"
	"userscope.dev/userscope/webhook/policy"
)

func TestUnknownFields(t *testing.T) {
	const problem = "is unknown to this version, or there twice: drop it, or upgrade Userscope"
	tests := []struct {
		name   string
		spec   string // JSON of the spec's fields
		policy *policy.Policy
		want   []Violation
	}{
		{name: "none", spec: `"volumes": [{"name": "v", "emptyDir": {}}]`},
		{name: "outside volumes and mounts", spec: `"future": 1, "containers": [{"name": "c", "future": {"subPath": "x"}}]`},
		{name: "in a volume", spec: `"future": 1, "volumes": [{"name": "v", "emptyDir": {"future": 1}}]`,
			want: []Violation{{RuleUnknownField, "spec.volumes[0].emptyDir.future", "1", problem}}},
		{name: "in a list, with text for a value", spec: `"volumes": [{"name": "v", "projected": {"sources": [{"configMap": {}}, {"configMap": {"future": "a"}}]}}]`,
			want: []Violation{{RuleUnknownField, "spec.volumes[0].projected.sources[1].configMap.future", "a", problem}}},
		{name: "with a dot in its name", spec: `"volumes": [{"name": "v", "emptyDir": {"a.b": 1}}]`,
			want: []Violation{{RuleUnknownField, "spec.volumes[0].emptyDir.a.b", "1", problem}}},
		{name: "with an index in its name that a list beside it has not", spec: `"volumes": [{"name": "v", "emptyDir": {"a": [1], "a[-1]": 2, "a[1]": 3, "a[x]": 4}}]`,
			want: []Violation{{RuleUnknownField, "spec.volumes[0].emptyDir.a", "[1]", problem}, {RuleUnknownField, "spec.volumes[0].emptyDir.a[-1]", "2", problem},
				{RuleUnknownField, "spec.volumes[0].emptyDir.a[1]", "3", problem}, {RuleUnknownField, "spec.volumes[0].emptyDir.a[x]", "4", problem}}},
		{name: "with dots and brackets in its name, beside others", spec: `"volumes": [{"name": "v", "emptyDir": {"a": {"b": 1}, "a[0]": 2, "a.b[0].c": 3}}]`,
			want: []Violation{{RuleUnknownField, "spec.volumes[0].emptyDir.a", `{"b":1}`, problem}, {RuleUnknownField, "spec.volumes[0].emptyDir.a[0]", "2", problem},
				{RuleUnknownField, "spec.volumes[0].emptyDir.a.b[0].c", "3", problem}}},
		{name: "a whole source", spec: `"volumes": [{"name": "v", "future": {}}]`,
			want: []Violation{{RuleVolumeType, "spec.volumes[0]", "no known source", "could be anything: use a type of volume that this version of Userscope knows, or upgrade Userscope"},
				{RuleUnknownField, "spec.volumes[0].future", "{}", problem}}},
		{name: "a whole source that the policy lists", spec: `"volumes": [{"name": "v", "future": {}}]`,
			policy: allowing(func(a *policy.Allow) { a.VolumeTypes = []string{"future"} })},
		{name: "a listed name beside a known source", spec: `"volumes": [{"name": "v", "emptyDir": {}, "future": {}}]`,
			policy: allowing(func(a *policy.Allow) { a.VolumeTypes = []string{"future"} })},
		{name: "a listed name in another volume", spec: `"volumes": [{"name": "v", "future": {}}, {"name": "w", "other": {}}, {"name": "x"}, {"name": "y", "hostPath": null}]`,
			policy: allowing(func(a *policy.Allow) { a.VolumeTypes = []string{"future"} }),
			want: []Violation{{RuleVolumeType, "spec.volumes[1]", "no known source", "could be anything: use a type of volume that this version of Userscope knows, or upgrade Userscope"},
				{RuleUnknownField, "spec.volumes[1].other", "{}", problem}}},
		{name: "a listed name, too deep", spec: `"volumes": [{"name": "v", "emptyDir": {"future": {}}}]`,
			policy: allowing(func(a *policy.Allow) { a.VolumeTypes = []string{"future"} }),
			want:   []Violation{{RuleUnknownField, "spec.volumes[0].emptyDir.future", "{}", problem}}},
		{name: "a listed name in a mount", spec: `"containers": [{"volumeMounts": [{"name": "v", "future": {}}]}]`,
			policy: allowing(func(a *policy.Allow) { a.VolumeTypes = []string{"future"} }),
			want:   []Violation{{RuleUnknownField, "spec.containers[0].volumeMounts[0].future", "{}", problem}}},
		{name: "in mounts of every kind of container", spec: `"initContainers": [{}, {"volumeMounts": [{"a": 1}]}], "containers": [{"volumeMounts": [{}, {"b": 1}]}], "ephemeralContainers": [{"volumeMounts": [{"c": 1}]}]`,
			want: []Violation{{RuleUnknownField, "spec.initContainers[1].volumeMounts[0].a", "1", problem},
				{RuleUnknownField, "spec.containers[0].volumeMounts[1].b", "1", problem},
				{RuleUnknownField, "spec.ephemeralContainers[0].volumeMounts[0].c", "1", problem}}},
		{name: "a known field in another case", spec: `"containers": [{"volumeMounts": [{"name": "v", "subpath": "x"}]}]`,
			want: []Violation{{RuleUnknownField, "spec.containers[0].volumeMounts[0].subpath", "x", problem}}},
		{name: "a field twice", spec: `"containers": [{"volumeMounts": [{"subPath": "a", "subPath": "b"}]}]`,
			want: []Violation{{RuleUnknownField, "spec.containers[0].volumeMounts[0].subPath", "b", problem}}},
		{name: "in a user-data volume that is replaced", spec: `"volumes": [{"name": "user-data", "hostPath": {"path": "/x", "future": {}}}, {"name": "v", "emptyDir": {"x": 1}}]`,
			want: []Violation{{RuleUnknownField, "spec.volumes[1].emptyDir.x", "1", problem}}},
		{name: "in a user-data volume that is kept", spec: `"volumes": [{"name": "user-data", "persistentVolumeClaim": {"claimName": "deer-flow-home", "future": {}}}]`,
			want: []Violation{{RuleUnknownField, "spec.volumes[0].persistentVolumeClaim.future", "{}", problem}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			pod, unknown, err := podjson.Parse([]byte(`{"metadata": {"labels": {"app": "deer-flow-sandbox", "user-id": "alice", "thread-id": "t1"}}, "spec": {` + test.spec + `}}`))
			if err != nil {
				t.Fatal(err)
			}
			p := test.policy
			if p == nil {
				p = deerflow()
			}
			got := Create(policy.Policies{p}, Request{Namespace: "deer-flow", Pod: pod, Unknown: unknown})
			if !slices.Equal(got.Violations, test.want) {
				t.Errorf("got  %+v\nwant %+v", got.Violations, test.want)
			}
		})
	}
}
