package main

import (
	"strings"
	"testing"
)

func TestMutants(t *testing.T) {
	const program = "package p\n\nfunc f(a, b int) bool { return a <= b && -a != b+1 }\n"
	for _, test := range []struct {
		kind   string
		column int
		want   string
	}{
		{"CONDITIONALS_BOUNDARY", 34, "a < b &&"},
		{"CONDITIONALS_NEGATION", 34, "a > b &&"},
		{"INVERT_NEGATIVES", 42, "&& +a !="},
		{"CONDITIONALS_NEGATION", 45, "-a == b"},
		{"ARITHMETIC_BASE", 49, "b-1 }"},
	} {
		got, err := mutant{Line: 3, Column: test.column, Type: test.kind}.of(program)
		if err != nil || !strings.Contains(got, test.want) || strings.Count(got, "\n") != 3 {
			t.Errorf("%s at %d: %v\n%s", test.kind, test.column, err, got)
		}
	}
	for _, wrong := range []mutant{{3, 1, "ARITHMETIC_BASE", ""}, {9, 1, "ARITHMETIC_BASE", ""}, {3, 99, "ARITHMETIC_BASE", ""}, {3, 34, "x", ""}} {
		if got, err := wrong.of(program); err == nil {
			t.Errorf("%+v: %s", wrong, got)
		}
	}
}

func TestReport(t *testing.T) {
	const program = "a\n  b < c\n"
	known := explained{"webhook/p/p.go", "CONDITIONALS_BOUNDARY", "b < c", "it is so"}
	for _, test := range []struct {
		name    string
		mutants []mutant
		want    string
	}{
		{"all killed but an explained one", []mutant{{1, 1, "x", killed}, {2, 5, known.Type, lived}}, ""},
		{"another lives", []mutant{{1, 1, "x", killed}, {2, 5, known.Type, lived}, {1, 1, "y", lived}}, "p.go:1:1: y LIVED, and nothing explains it: a"},
		{"one did not end", []mutant{{1, 1, "x", timedOut}, {2, 5, known.Type, lived}}, ""},
		{"one was not tried", []mutant{{1, 1, "x", killed}, {2, 5, known.Type, "SKIPPED"}}, "SKIPPED"},
		{"an explanation of none", []mutant{{1, 1, "x", killed}}, "explained.yaml: webhook/p/p.go: no CONDITIONALS_BOUNDARY of this line lives any more: b < c"},
		{"none at all", nil, "gremlins did not run"},
	} {
		r := report{dir: "webhook/p", known: []explained{known, {"webhook/q/q.go", "x", "a", "of another package"}}, counts: map[string]int{}, used: map[explained]bool{}}
		for _, m := range test.mutants {
			r.add("p.go", program, m)
		}
		var out strings.Builder
		err := r.write(&out)
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", test.name, err, test.want)
		}
		if err == nil && !strings.Contains(out.String(), "| `p.go` | CONDITIONALS_BOUNDARY | `b < c` | it is so |") {
			t.Errorf("%s: %s", test.name, &out)
		}
	}
}
