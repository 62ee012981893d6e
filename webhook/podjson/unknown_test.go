package podjson

import (
	"slices"
	"testing"
)

// unknown is an unknown field as a test names it.
type unknown struct{ at, value string }

func TestUnknownFields(t *testing.T) {
	for _, test := range []struct {
		name string
		spec string // JSON of the spec's fields
		want []unknown
	}{
		{"none", `"volumes": [{"name": "v", "emptyDir": {}}]`, nil},
		{"outside volumes and mounts", `"future": 1, "containers": [{"name": "c", "future": {"subPath": "x"}}]`, nil},
		{"in a volume", `"future": 1, "volumes": [{"name": "v", "emptyDir": {"future": 1}}]`,
			[]unknown{{"spec.volumes[0].emptyDir.future", "1"}}},
		{"in a list, with text for a value", `"volumes": [{"projected": {"sources": [{"configMap": {}}, {"configMap": {"future": "a"}}]}}]`,
			[]unknown{{"spec.volumes[0].projected.sources[1].configMap.future", "a"}}},
		{"with a dot in its name", `"volumes": [{"emptyDir": {"a.b": 1}}]`, []unknown{{"spec.volumes[0].emptyDir.a.b", "1"}}},
		{"with an index in its name that a list beside it has not", `"volumes": [{"emptyDir": {"a": [1], "a[-1]": 2, "a[1]": 3, "a[x]": 4}}]`,
			[]unknown{{"spec.volumes[0].emptyDir.a", "[1]"}, {"spec.volumes[0].emptyDir.a[-1]", "2"}, {"spec.volumes[0].emptyDir.a[1]", "3"}, {"spec.volumes[0].emptyDir.a[x]", "4"}}},
		{"with dots and brackets in its name, beside others", `"volumes": [{"emptyDir": {"a": {"b": 1}, "a[0]": 2, "a.b[0].c": 3}}]`,
			[]unknown{{"spec.volumes[0].emptyDir.a", `{"b":1}`}, {"spec.volumes[0].emptyDir.a[0]", "2"}, {"spec.volumes[0].emptyDir.a.b[0].c", "3"}}},
		{"a whole source", `"volumes": [{"name": "v", "future": {}}]`, []unknown{{"spec.volumes[0].future", "{}"}}},
		{"in mounts of every kind of container", `"initContainers": [{}, {"volumeMounts": [{"a": 1}]}], "containers": [{"volumeMounts": [{}, {"b": 1}]}],
			"ephemeralContainers": [{"volumeMounts": [{"c": 1}]}]`,
			[]unknown{{"spec.initContainers[1].volumeMounts[0].a", "1"}, {"spec.containers[0].volumeMounts[1].b", "1"}, {"spec.ephemeralContainers[0].volumeMounts[0].c", "1"}}},
		{"a known field in another case", `"containers": [{"volumeMounts": [{"name": "v", "subpath": "x"}]}]`,
			[]unknown{{"spec.containers[0].volumeMounts[0].subpath", "x"}}},
		{"a field twice", `"containers": [{"volumeMounts": [{"subPath": "a", "subPath": "b"}]}]`,
			[]unknown{{"spec.containers[0].volumeMounts[0].subPath", "b"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, fields, err := Parse([]byte(`{"metadata": {"name": "p"}, "spec": {` + test.spec + `}}`))
			var got []unknown
			for _, field := range fields {
				got = append(got, unknown{field.At.String(), field.Value})
			}
			if err != nil || !slices.Equal(got, test.want) {
				t.Errorf("got  %+v, %v\nwant %+v", got, err, test.want)
			}
		})
	}
}

func TestUnknownSources(t *testing.T) {
	for _, test := range []struct {
		at     Location
		volume int
		in     bool // a volume
		source bool // the volume's own
	}{
		{Location{"spec", "volumes", 3, "future"}, 3, true, true},
		{Location{"spec", "volumes", 0, "other"}, 0, true, false},
		{Location{"spec", "volumes", 1, "emptyDir", "future"}, 1, true, false},
		{Location{"spec", "volumes", 2}, 2, true, false},
		{Location{"spec", "volumes", 2, MapKey("future")}, 2, true, false},
		{Location{"spec", "containers", 1, "future"}, 1, false, false},
		{Location{"spec", "containers", 1, "volumeMounts", 0, "future"}, 1, false, false},
	} {
		field := UnknownField{At: test.at}
		if volume, in := field.Volume(); in != test.in || in && volume != test.volume {
			t.Errorf("%s: in volume %d, %t", test.at, volume, in)
		}
		if got := field.IsSource([]string{"x", "future"}); got != test.source {
			t.Errorf("%s: is a source: %t", test.at, got)
		}
	}
}
