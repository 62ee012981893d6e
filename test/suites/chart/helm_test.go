package chart

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"userscope.dev/userscope/test/kit/repo"
)

// namespace is where the tests install Userscope.
const namespace = "userscope-system"

var update = flag.Bool("update", false, "write what is rendered from the chart: install.yaml and the table of values")

// path is a file of the repository.
func path(t *testing.T, elements ...string) string {
	t.Helper()
	file, err := repo.Path(elements...)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// read returns the text of a file of the repository.
func read(t *testing.T, elements ...string) string {
	t.Helper()
	text, err := os.ReadFile(path(t, elements...))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// golden compares a file of the repository with what it should hold, or with -update makes it so.
func golden(t *testing.T, want string, elements ...string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path(t, elements...), []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if read(t, elements...) != want {
		t.Errorf("%s is not what the chart says: run `make manifests`", strings.Join(elements, "/"))
	}
}

// helm runs helm and returns its two outputs.
func helm(t *testing.T, stdin string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	command := exec.CommandContext(t.Context(), path(t, "bin", "helm"), args...)
	// Nothing of the user's: neither a kubeconfig nor plugins.
	command.Env = []string{"HOME=" + t.TempDir(), "PATH=/nonexistent"}
	command.Stdin = strings.NewReader(stdin)
	var out, problem bytes.Buffer
	command.Stdout, command.Stderr = &out, &problem
	err = command.Run()
	return out.String(), problem.String(), err
}

// template renders the chart with values, which are YAML, and further arguments.
func template(t *testing.T, values string, args ...string) (rendered, problem string, err error) {
	t.Helper()
	return helm(t, values, append([]string{"template", "userscope", path(t, "manifests", "chart"), "--namespace", namespace, "--values", "-"}, args...)...)
}

// render is template where that must succeed.
func render(t *testing.T, values string) string {
	t.Helper()
	rendered, problem, err := template(t, values)
	if err != nil {
		t.Fatalf("helm template: %v\n%swith:\n%s", err, problem, values)
	}
	return rendered
}

// parse reads rendered objects.
func parse(t *testing.T, rendered string) []*unstructured.Unstructured {
	t.Helper()
	var objects []*unstructured.Unstructured
	for document := range strings.SplitSeq(rendered, "\n---\n") {
		object := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(document), &object.Object); err != nil {
			t.Fatalf("%v in:\n%s", err, document)
		}
		if object.Object != nil {
			objects = append(objects, object)
		}
	}
	return objects
}

// rendered is one object of the chart, by kind and name, as a type of the API.
func rendered[T any](t *testing.T, values, name string) *T {
	t.Helper()
	for _, object := range parse(t, render(t, values)) {
		if object.GetKind()+" "+object.GetName() != name {
			continue
		}
		into := new(T)
		raw, err := object.MarshalJSON()
		if err == nil {
			err = json.Unmarshal(raw, into)
		}
		if err != nil {
			t.Fatal(err)
		}
		return into
	}
	t.Fatalf("not rendered: %s", name)
	return nil
}
