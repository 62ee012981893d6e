package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// provisioner creates DeerFlow's sandboxes.
const provisioner = "system:serviceaccount:deer-flow:deer-flow-provisioner"

// What check prints is compared with golden files; see update.
func TestCheck(t *testing.T) {
	tests := []struct {
		name  string
		args  []string
		stdin string // a file that is piped in
		code  int
	}{
		{name: "rewritten", args: []string{"pods/sandbox.yaml"}},
		{name: "rewritten-json", args: []string{"-o", "json", "pods/sandbox.yaml"}},
		{name: "allowed", args: []string{"pods/right.json"}},
		{name: "allowed-json", args: []string{"-o", "json", "pods/right.json"}},
		{name: "several", args: []string{"pods/sandbox.yaml", "pods/several.yaml"}, code: 1},
		{name: "several-json", args: []string{"-o", "json", "pods/several.yaml"}, code: 1},
		{name: "namespace", args: []string{"-n", "deer-flow", "pods/several.yaml"}, code: 1},
		{name: "by-provisioner", args: []string{"-n", "deer-flow", "--as", provisioner, "pods/several.yaml"}, code: 1},
		{name: "by-exempt-group", args: []string{"-n", "deer-flow", "--as", "carol", "--as-group", "dev", "--as-group", "system:masters", "pods/several.yaml"}, code: 1},
		{name: "stdin", args: []string{"-"}, stdin: "pods/list.json"},
		{name: "pod-list", args: []string{"pods/pod-list.yaml"}},
		{name: "unreadable", args: []string{"pods/unreadable.yaml", "pods/sandbox.yaml"}, code: 3},
		{name: "unreadable-json", args: []string{"-o", "json", "pods/cut.json", "pods/comments.yaml", "pods/none.yaml", "pods"}, code: 3},
		{name: "no-pods", args: []string{"-o", "json", "-"}, stdin: "pods/empty-list.json"},
	}
	t.Chdir("testdata")
	golden := map[string]bool{}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			stdin := ""
			if test.stdin != "" {
				stdin = string(read(t, test.stdin))
			}
			stdout, stderr, code := command(stdin, append([]string{"check", "--policy", filepath.Join("..", deerflow)}, test.args...)...)
			if code != test.code {
				t.Errorf("exit code %d, want %d", code, test.code)
			}
			got := fmt.Sprintf("# userscope check %s\n# exit code %d\n# stdout\n%s# stderr\n%s", strings.Join(test.args, " "), code, stdout, stderr)
			file := filepath.Join("check", test.name+".golden")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if want := string(read(t, file)); got != want {
				t.Errorf("got\n%s\nwant, by %s,\n%s", got, file, want)
			}
		})
		golden[filepath.Join("check", test.name+".golden")] = true
	}

	files, err := filepath.Glob("check/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if !golden[file] {
			t.Errorf("testdata/%s belongs to no test", file)
		}
	}
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// A policy that cannot be used is unreadable input, and every mistake in it is named.
func TestCheckWithBadPolicy(t *testing.T) {
	file := filepath.Join(t.TempDir(), "policy.yaml")
	for _, test := range []struct{ name, policy, want string }{
		{"of another kind", "apiVersion: v1\nkind: ConfigMap\n", file + ": kind:"},
		{"with an unknown field", "apiVersion: userscope.dev/v1alpha1\nkind: Policy\nspek: {}\n", `unknown field "spek"`},
		{"that is empty", "", file + ": holds no policy"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if err := os.WriteFile(file, []byte(test.policy), 0o600); err != nil {
				t.Fatal(err)
			}
			stdout, stderr, code := command("", "check", "--policy", file, "testdata/pods/sandbox.yaml")
			if code != 3 || stdout != "" || !strings.Contains(stderr, test.want) {
				t.Errorf("exit code %d, stdout %q, stderr %q; want 3 and %q", code, stdout, stderr, test.want)
			}
		})
	}

	_, stderr, code := command("", "check", "--policy", "no/such/policy.yaml", "testdata/pods/sandbox.yaml")
	if want := "userscope check: policy file: open no/such/policy.yaml: no such file or directory\n"; code != 3 || stderr != want {
		t.Errorf("exit code %d, stderr %q; want 3 and %q", code, stderr, want)
	}
}

// elsewhere is what check says of Pods of the default namespace.
const elsewhere = `  ungoverned  no policy has the namespace "default"` + "\n"

// A Pod that runs has a node. It is judged as it was when it was created.
func TestCheckOfRunningPods(t *testing.T) {
	for _, test := range []struct {
		uid  string
		code int
	}{{`"uid":"8d6b1f3c-2f50-4f0c-9d0c-2b6f1d9b8a11",`, 0}, {"", 1}} {
		pod := `{"metadata":{` + test.uid + `"name":"a","labels":{"app":"deer-flow-sandbox"}},"spec":{"nodeName":"n","containers":[{"name":"c"}]}}`
		if stdout, stderr, code := command(pod, "check", "--policy", deerflow, "-n", "deer-flow", "-"); code != test.code {
			t.Errorf("with %q: exit code %d, want %d: %s%s", test.uid, code, test.code, stdout, stderr)
		}
	}
}

// A pipeline can have check fail where no policy speaks of a Pod.
func TestCheckRequiresGoverned(t *testing.T) {
	const pod = `{"metadata":{"name":"a"},"spec":{"containers":[{"name":"c"}]}}`
	for _, args := range [][]string{{}, {"--require-governed"}} {
		stdout, stderr, code := command(pod, append([]string{"check", "--policy", deerflow, "-"}, args...)...)
		if want := "default/a" + elsewhere; stdout != want || stderr != "" || code != len(args) {
			t.Errorf("%q: %q, %q, exit code %d; want %q and %d", args, stdout, stderr, code, want, len(args))
		}
	}
	sandbox := `{"metadata":{"name":"a","labels":{"app":"deer-flow-sandbox"}},"spec":{"containers":[{"name":"c"}]}}`
	if _, _, code := command(sandbox, "check", "--policy", deerflow, "-n", "deer-flow", "--require-governed", "-"); code != 0 {
		t.Errorf("exit code %d for a governed Pod", code)
	}
}

// JSON values may follow each other without a separator, as jq prints them, and a Pod that is
// sent to the API server needs no kind.
func TestCheckReadsStreamsOfJSON(t *testing.T) {
	pod := `{"metadata":{"name":"%s"},"spec":{"containers":[{"name":"c"}]}}`
	stdin := fmt.Sprintf(pod+"\n"+pod, "a", "b")
	stdout, stderr, code := command(stdin, "check", "--policy", deerflow, "-")
	if want := "default/a" + elsewhere + "default/b" + elsewhere; stdout != want || stderr != "" || code != 0 {
		t.Errorf("%q, %q, exit code %d; want %q", stdout, stderr, code, want)
	}
}

// What cannot be read is said; nothing is passed over.
func TestCheckReadsEverything(t *testing.T) {
	const pod = `{"metadata":{"name":"a"},"spec":{"containers":[{"name":"c"}]}}`
	for _, test := range []struct {
		name, stdin    string
		stdout, stderr string
	}{
		{"text after the document", "kind: Pod\napiVersion: v1\nspec: {containers: [{name: c}]}\n...\n" + pod, "",
			"document 1: not valid YAML: line 4: a document ends and something follows: put a line of --- between them"},
		{"a Pod after JSON that is none", "[]" + pod, "default/a" + elsewhere, "document 1: is not a Pod: json: cannot unmarshal array into Go value of type v1.Pod"},
		{"what only looks like a separator", pod + "\n---x\n" + pod, "", "document 1: not valid YAML: line 1: a document ends and something follows: put a line of --- between them"},
		{"a List without items", `{"apiVersion":"v1","kind":"List"}`, "", "document 1: items: is missing or null: a List of no Pods has []"},
		{"a List with items in the wrong case", `{"apiVersion":"v1","kind":"PodList","Items":[` + pod + `]}`, "", "document 1: items: is missing or null: a List of no Pods has []"},
		{"a List whose items are no list", `{"apiVersion":"v1","kind":"List","items":{}}`, "", "document 1: is not a List: json: cannot unmarshal object into Go struct field .items of type []json.RawMessage"},
		{"an item that is no Pod", `{"apiVersion":"v1","kind":"List","items":[{},` + pod + `]}`, "default/a" + elsewhere, "document 1: items[0]: metadata: is missing: a Pod has a name"},
		{"UTF-16", "\xff\xfe{\x00}\x00", "", "document 1: is not text in UTF-8"},
	} {
		t.Run(test.name, func(t *testing.T) {
			stdout, stderr, code := command(test.stdin, "check", "--policy", deerflow, "-")
			if want := "userscope check: stdin: " + test.stderr + "\n"; code != 3 || stdout != test.stdout || stderr != want {
				t.Errorf("exit code %d, stdout %q, stderr\n%s\nwant 3, %q and\n%s", code, stdout, stderr, test.stdout, want)
			}
		})
	}
}

// Names in a file are a stranger's: they must not move the cursor.
func TestCheckQuotesNamesThatAreNotPlain(t *testing.T) {
	stdin := `{"metadata":{"name":"a\u001b[2Jb","namespace":"c\nd"},"spec":{"containers":[{"name":"c"}]}}`
	stdout, _, _ := command(stdin, "check", "--policy", deerflow, "-")
	if want := `"c\nd"/"a\x1b[2Jb"  ungoverned  no policy has the namespace "c\nd"` + "\n"; stdout != want {
		t.Errorf("%q, want %q", stdout, want)
	}
}
