package podjson

import (
	"strconv"
	"testing"
)

// TestUnknownFieldsBehindMany hides a field behind more unknown ones than the decoder reports.
func TestUnknownFieldsBehindMany(t *testing.T) {
	raw := []byte(`{"metadata": {}, "spec": {`)
	for i := range 1000 {
		raw = append(raw, []byte(`"future`+strconv.Itoa(i)+`": 1, `)...)
	}
	raw = append(raw, []byte(`"volumes": [{"name": "v", "emptyDir": {}, "hidden": {}}]}}`)...)
	_, unknown, err := Parse(raw)
	if err != nil || len(unknown) != 1 || unknown[0].At.String() != "spec.volumes[0].hidden" {
		t.Errorf("got %v, %v", unknown, err)
	}
}

func TestParseErrors(t *testing.T) {
	for _, raw := range []string{``, `{`, `[]`, `{"spec": {"volumes": {}}}`, `{"spec": {"containers": [{"volumeMounts": [1]}]}}`, `{"spec": {"future": 1, "volumes": 1}}`,
		`{}`, `{"metadata": null}`, `{"metadata": {"name": "x"}, "spec": {"volumes": [{"emptyDir": {"sizeLimit": "x"}}]}}`,
		`{"metadata": {}, "kind": "Service"}`, `{"metadata": {}, "apiVersion": "v2", "kind": "Pod"}`, `{"metadata": {}, "kind": "Pod"}`, `{"metadata": {}, "apiVersion": "v1", "kind": "Service"}`} {
		if pod, _, err := Parse([]byte(raw)); err == nil {
			t.Errorf("%s: read as %v", raw, pod)
		}
	}
	for _, raw := range []string{`{"metadata": {}}`, `{"metadata": {}, "apiVersion": "v1", "kind": "Pod"}`, `{"metadata": {"future": 1}}`} {
		if _, _, err := Parse([]byte(raw)); err != nil {
			t.Errorf("%s: %v", raw, err)
		}
	}
}

// Kubernetes 1.30 has the names of resource claims one level lower than later versions.
func TestResourceClaimsOf130(t *testing.T) {
	for _, test := range []struct{ claim, name, template string }{
		{`{"name": "x", "resourceClaimName": "a"}`, "a", ""},
		{`{"name": "x", "source": {"resourceClaimName": "a"}}`, "a", ""},
		{`{"name": "x", "source": {"resourceClaimTemplateName": "b"}}`, "", "b"},
		{`{"name": "x", "resourceClaimName": "a", "source": {"resourceClaimName": "c", "resourceClaimTemplateName": "b"}}`, "a", "b"},
		{`{"name": "x", "source": null}`, "", ""},
	} {
		pod, _, err := Parse([]byte(`{"metadata": {}, "spec": {"resourceClaims": [` + test.claim + `]}}`))
		if err != nil {
			t.Errorf("%s: %v", test.claim, err)
			continue
		}
		text := func(s *string) string {
			if s == nil {
				return ""
			}
			return *s
		}
		got := pod.Spec.ResourceClaims[0]
		if text(got.ResourceClaimName) != test.name || text(got.ResourceClaimTemplateName) != test.template {
			t.Errorf("%s: names %q and %q", test.claim, text(got.ResourceClaimName), text(got.ResourceClaimTemplateName))
		}
	}
}
