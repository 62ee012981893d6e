package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"

	"userscope.dev/userscope/test/kit/repo"
	"userscope.dev/userscope/test/suites/backstop"
)

func TestParse(t *testing.T) {
	for _, test := range []struct {
		name  string
		given []string
		want  string // of the error; empty if there is none
	}{
		{"nothing", nil, ""},
		{"everything", []string{"-targets", "installed,baseline", "-clients", "1,8,32", "-rounds", "1", "-requests", "10", "-baseline", "HEAD~1", "-docs", "d"}, ""},
		{"an argument", []string{"now"}, `unexpected argument "now"`},
		{"no such target", []string{"-targets", "installed,ceiling"}, `-targets: no target "ceiling": there are ` + strings.Join(targetNames(), ", ")},
		{"no number", []string{"-clients", "1,x"}, `-clients: "x" is not a positive number`},
		{"no client", []string{"-clients", "0"}, `-clients: "0" is not a positive number`},
		{"no round", []string{"-rounds", "0"}, "-rounds 0, -requests 200: both must be positive"},
		{"a burst after nothing", []string{"-burst", "5"}, "-reviews 100000, -sandboxes 0, -burst 5: none may be negative, and a burst follows sandboxes"},
		{"a baseline of no revision", []string{"-targets", "baseline"}, "-targets: baseline needs -baseline REVISION"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := parse(test.given, new(strings.Builder))
			if test.want == "" && err != nil || test.want != "" && (err == nil || err.Error() != test.want) {
				t.Errorf("got: %v, want: %q", err, test.want)
			}
		})
	}
}

func TestUsage(t *testing.T) {
	var stdout, stderr strings.Builder
	if code := run([]string{"now"}, &stdout, &stderr); code != usageError || stderr.String() != "bench: unexpected argument \"now\"\n" {
		t.Errorf("exit code %d, %s", code, stderr.String())
	}
}

// What a target is compared with is measured, too.
func TestSelected(t *testing.T) {
	all := []target{{name: none}, {name: floor, base: none}, {name: webhook, base: none}, {name: unrelatedNone}, {name: unrelated, base: unrelatedNone}}
	for _, test := range []struct {
		name string
		want []string
	}{
		{"", []string{none, floor, webhook, unrelatedNone, unrelated}},
		{webhook, []string{none, floor, webhook}},
		{unrelated, []string{none, floor, unrelatedNone, unrelated}},
	} {
		var names, got []string
		if test.name != "" {
			names = []string{test.name}
		}
		for _, chosen := range selected(all, names) {
			got = append(got, chosen.name)
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%q: got: %v, want: %v", test.name, got, test.want)
		}
	}
}

// Each target has a name that can be asked for, and a base without one.
func TestTargets(t *testing.T) {
	sent, err := readPods()
	if err != nil {
		t.Fatal(err)
	}
	targets := (&site{pods: sent}).allTargets(true)
	bases := map[string]bool{}
	var names []string
	for _, target := range targets {
		names = append(names, target.name)
		if target.base == "" {
			bases[target.name] = true
		} else if !bases[target.base] {
			t.Errorf("%s: its base %s is not measured before", target.name, target.base)
		}
	}
	slices.Sort(names)
	if !slices.Equal(names, slices.Sorted(slices.Values(targetNames()))) {
		t.Errorf("targets: %v, names: %v", names, targetNames())
	}
}

func TestPatched(t *testing.T) {
	pod := []byte(`{"metadata":{"labels":{"app":"x"}}}`)
	// The patch is [{"op":"add","path":"/metadata/labels/a","value":"b"}].
	const answer = `{"response":{"allowed":true,"patch":"W3sib3AiOiJhZGQiLCJwYXRoIjoiL21ldGFkYXRhL2xhYmVscy9hIiwidmFsdWUiOiJiIn1d"}}`
	got, err := patched(pod, []byte(answer))
	if want := `{"metadata":{"labels":{"app":"x","a":"b"}}}`; err != nil || string(got) != want {
		t.Errorf("got: %s, %v; want: %s", got, err, want)
	}
	if got, err := patched(pod, []byte(`{"response":{"allowed":false}}`)); err == nil {
		t.Errorf("a Pod that is refused: got: %s", got)
	}
}

func TestSubPathOfUserData(t *testing.T) {
	sent, err := readPods()
	if err != nil {
		t.Fatal(err)
	}
	for body, want := range map[string]string{
		string(sent.sandbox):   "deer-flow/users/dora/threads/4be1a6b2-93d5-4c1c-8f6e-27d1a0c5e9b7/user-data",
		string(sent.elsewhere): "deer-flow/users/dora/threads/4be1a6b2-93d5-4c1c-8f6e-27d1a0c5e9b7/elsewhere",
		string(sent.unrelated): "",
		"{}":                   "",
	} {
		if got := subPathOfUserData([]byte(body)); got != want {
			t.Errorf("got: %q, want: %q", got, want)
		}
	}
}

func TestPolicyFor(t *testing.T) {
	manifests, err := repo.Path("manifests")
	if err != nil {
		t.Fatal(err)
	}
	policies, err := policyFor(manifests, filepath.Join(t.TempDir(), "policy.yaml"), "one", "two")
	if err != nil || len(policies) != 1 {
		t.Fatalf("%d policies, %v", len(policies), err)
	}
	if got, ok := policies[0].Spec["namespaces"].([]any); !ok || !slices.Equal(got, []any{"one", "two"}) {
		t.Errorf("namespaces: %v", policies[0].Spec["namespaces"])
	}
	without := t.TempDir()
	if err := os.Mkdir(filepath.Join(without, "policies"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(without, deerflowPolicy), []byte("spec: {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := policyFor(without, filepath.Join(without, "policy.yaml"), "one"); err == nil {
		t.Error("a policy without the line that is replaced is taken")
	}
}

func TestBesides(t *testing.T) {
	objects := &backstop.Objects{
		Policies: make([]admissionregistrationv1.ValidatingAdmissionPolicy, 1),
		Bindings: make([]admissionregistrationv1.ValidatingAdmissionPolicyBinding, 1),
	}
	objects.Policies[0].Name, objects.Bindings[0].Name, objects.Bindings[0].Spec.PolicyName = "userscope-a", "userscope-b", "userscope-a"
	besides(objects)
	if objects.Policies[0].Name != "baseline-userscope-a" || objects.Bindings[0].Name != "baseline-userscope-b" ||
		objects.Bindings[0].Spec.PolicyName != "baseline-userscope-a" {
		t.Errorf("got: %+v", objects)
	}
}

func TestProcessorName(t *testing.T) {
	for given, want := range map[string]string{
		"processor\t: 0\nmodel name\t: Some CPU @ 2.80GHz\nprocessor\t: 1\n": "Some CPU @ 2.80GHz",
		"processor\t: 0\nBogoMIPS\t: 50.00\n":                                "",
	} {
		if got := processorName([]byte(given)); got != want {
			t.Errorf("got: %q, want: %q", got, want)
		}
	}
}

// ownFigures are some of the webhook's; others were not measured.
var ownFigures = own{
	HandlerMicros: 99.5, HandlerAllocs: 340, DecisionMicros: 14.5, DecisionAllocs: 90, ReadySeconds: 0.07,
	RSSIdleMiB: missing, RSSMiB: missing, BinaryMiB: missing, ImageMiB: missing,
}

func TestTable(t *testing.T) {
	targets := []target{{name: none, description: "nothing"}, {name: floor, base: none, description: "an empty webhook"}, {name: installed, base: none, description: "webhook and backstop"}}
	rounds := []map[cell]sample{{
		{none, 1}: took(2), {floor, 1}: took(4), {installed, 1}: took(5),
		{none, 8}: took(10), {floor, 8}: took(20), {installed, 8}: took(25),
	}}
	var out strings.Builder
	printTable(&out, newReport(summarize(targets, []int{1, 8}, rounds), ownFigures))
	const want = `
1 client; × is the ratio to what the floor adds, or to its requests/s
  p50 ms   p90   p99  added p50     ×  × p90  × p99  requests/s     ×  API server CPU ms  added ×  own CPU ms 
    2.00  2.00  2.00       0.00  0.00   0.00   0.00         500  2.00               4.00     0.00        1.00 nothing
    4.00  4.00  4.00       2.00  1.00   1.00   1.00         250  1.00               8.00     1.00        1.00 an empty webhook
    5.00  5.00  5.00       3.00  1.50   1.50   1.50         200  0.80               10.0     1.50        1.00 webhook and backstop

8 clients; × is the ratio to what the floor adds, or to its requests/s
  p50 ms   p90   p99  added p50     ×  × p90  × p99  requests/s     ×  API server CPU ms  added ×  own CPU ms 
    10.0  10.0  10.0       0.00  0.00   0.00   0.00         100  2.00               20.0     0.00        1.00 nothing
    20.0  20.0  20.0       10.0  1.00   1.00   1.00        50.0  1.00               40.0     1.00        1.00 an empty webhook
    25.0  25.0  25.0       15.0  1.50   1.50   1.50        40.0  0.80               50.0     1.50        1.00 webhook and backstop

    1.50  webhook and backstop, added p50 × floor
    0.80  webhook and backstop, requests/s with eight clients × floor
    99.5  handler, µs
     340  handler, allocations
    14.5  decision, µs
    90.0  decision, allocations
    1.00  floor's
    0.07  from exec to ready, s
`
	if out.String() != want {
		t.Errorf("got:\n%s\nwant:\n%s", out.String(), want)
	}
}
