package podjson

import (
	"strings"
	"testing"
)

func TestHasMonster(t *testing.T) {
	const tail = `"a\\\"1e-999", "b", 1, -1.5e-10], "c": "x1e-999", "d": {"e": "1e-999x"}`
	digits := strings.Repeat("1", 100)
	for _, number := range []string{
		`"1e-100"`, `"1E-100"`, `"-1.5e-1000"`, `"+.5e100"`, `"1e+100"`, `" 1e-100 "`, `1e-100`, `-1.5E-100`,
		`"` + digits + `"`, `"0.` + digits + `"`, `"` + digits + `Mi"`, digits, `1e-100 `,
	} {
		for _, raw := range []string{number, `{"a": [` + tail + `, "cpu": ` + number, `[1,` + number + `]`, `["\\",` + number + "\n, " + tail} {
			if !hasMonster([]byte(raw)) {
				t.Errorf("%.80s: found nothing", raw)
			}
		}
	}
	if !hasMonster([]byte(`"1e-100`)) {
		t.Error("a string without an end passes")
	}
	for _, raw := range []string{
		``, `"`, `"\`, `{`, tail, `"1e-99"`, `1e-99`, `"` + digits[1:] + `"`, `"e-100"`, `"1e-100m"`, `"1 e-100"`, `"2026-11-24"`,
		`"4e-400-800"`, `"\u0031e-100"`, `"\"1e-100"`, `{"1":"e-100"}`, `[1,"x1e-100"]`,
	} {
		if hasMonster([]byte(raw)) {
			t.Errorf("%.80s: found something", raw)
		}
	}
}

func TestQuantities(t *testing.T) {
	for _, test := range []struct{ name, pod, want string }{
		{"a limit", `"spec": {"containers": [{}, {"resources": {"limits": {"memory": "1Gi", "cpu": "1e-101"}}}]}`,
			`is not a Pod: spec.containers[1].resources.limits[cpu]: "1e-101" has more digits than any quantity`},
		{"a limit that is a number", `"spec": {"initContainers": [{"resources": {"requests": {"cpu": 1e-101}}}]}`,
			`is not a Pod: spec.initContainers[0].resources.requests[cpu]: "1e-101" has more digits than any quantity`},
		{"of an ephemeral container", `"spec": {"ephemeralContainers": [{"resources": {"limits": {"cpu": " 1e100 "}}}]}`,
			`is not a Pod: spec.ephemeralContainers[0].resources.limits[cpu]: " 1e100 " has more digits than any quantity`},
		{"the Pod's own", `"spec": {"resources": {"limits": {"cpu": "1e-100"}}}`, `is not a Pod: spec.resources.limits[cpu]: "1e-100" has more digits than any quantity`},
		{"overhead", `"spec": {"overhead": {"cpu": "1e-100"}}`, `is not a Pod: spec.overhead[cpu]: "1e-100" has more digits than any quantity`},
		{"the size of a volume", `"spec": {"volumes": [{"emptyDir": {"sizeLimit": "1e-100"}}]}`, `is not a Pod: spec.volumes[0].emptyDir.sizeLimit: "1e-100" has more digits than any quantity`},
		{"a divisor", `"spec": {"containers": [{"env": [{"valueFrom": {"resourceFieldRef": {"divisor": "1e-100"}}}]}]}`,
			`is not a Pod: spec.containers[0].env[0].valueFrom.resourceFieldRef.divisor: "1e-100" has more digits than any quantity`},
		{"hidden by another of its name", `"spec": {"overhead": {"cpu": "1e-100", "cpu": "1"}}`, `is not a Pod: duplicate field "spec.overhead.cpu"`},
		{"in the status", `"status": {"containerStatuses": [{"allocatedResources": {"cpu": "1e-100"}}]}`,
			`is not a Pod: status.containerStatuses[0].allocatedResources[cpu]: "1e-100" has more digits than any quantity`},
		{"beside something of another type", `"spec": {"overhead": {"cpu": "1e-100"}, "containers": {}}`, `is not a Pod: spec.overhead[cpu]: "1e-100" has more digits than any quantity`},
		{"no JSON", `"spec": {"overhead": {"cpu": "1e-100"}`, `is not a Pod: unexpected end of JSON input`},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, _, err := Parse([]byte(`{"metadata": {"name": "p"}, ` + test.pod + `}`)); err == nil || err.Error() != test.want {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}

// Ids of hex digits may look like numbers with exponents, and nobody's Pod is refused for one.
func TestNumbersElsewhere(t *testing.T) {
	const id = `"12e456"`
	raw := `{"metadata": {"name": ` + id + `, "labels": {"sandbox-id": "40369844717e2568", "git-sha": ` + id + `, ` + id + `: ` + id + `}, "annotations": {"digits": "` + strings.Repeat("1", 1000) + `"}},
		"spec": {"nodeSelector": {"a": ` + id + `}, "containers": [{"name": ` + id + `, "command": [` + id + `], "env": [{"name": "SHA", "value": ` + id + `}],
			"resources": {"limits": {` + id + `: "1e3"}}}], "tomorrow": {"limits": {"cpu": ` + id + `}}, "volumes": [{"name": "v", "emptyDir": {"sizeLimit": 1e3}}]}}`
	pod, unknown, err := Parse([]byte(raw))
	if err != nil || len(unknown) > 0 || pod.Labels["sandbox-id"] != "40369844717e2568" {
		t.Errorf("%+v, %v, %v", pod, unknown, err)
	}
}
