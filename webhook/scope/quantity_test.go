package scope

import (
	"strings"
	"testing"
)

func TestMonstrousNumbers(t *testing.T) {
	const tail = `"a\\\"1e-9999", "b", 1, -1.5e-10], "c": "x1e-9999", "d": {"e": "1e-9999x"}`
	digits := strings.Repeat("1", 1000)
	for _, number := range []string{
		`"1e-1000"`, `"1E-1000"`, `"-1.5e-99999999999999999999"`, `"+.5e1000"`, `"1e+1000"`, `" 1e-1000 "`, `1e-1000`, `-1.5E-1000`,
		`"` + digits + `"`, `"0.` + digits + `"`, `"` + digits + `Mi"`, digits, `1e-1000 `,
	} {
		for _, raw := range []string{number, `{"a": [` + tail + `, "cpu": ` + number, `[1,` + number + `]`, `["\\",` + number + "\n, " + tail} {
			if got, ok := monstrousNumber([]byte(raw)); !ok || !strings.Contains(number, string(got)) || len(got) == 0 {
				t.Errorf("%.80s: %q, %t; want %.80s", raw, got, ok, number)
			}
		}
	}
	if _, ok := monstrousNumber([]byte(`"1e-1000`)); !ok {
		t.Error("a string without an end passes")
	}
	for _, raw := range []string{
		``, `"`, `"\`, `{`, tail, `"1e-999"`, `1e-999`, `"` + digits[1:] + `"`, `"e-1000"`, `"1e-1000m"`, `"1 e-1000"`, `"2026-11-24"`,
		`"4e-4000-8000"`, `"\u0031e-1000"`, `"\"1e-1000"`, `{"1":"e-1000"}`, `[1,"x1e-1000"]`,
	} {
		if got, ok := monstrousNumber([]byte(raw)); ok {
			t.Errorf("%.80s: %q", raw, got)
		}
	}
}
