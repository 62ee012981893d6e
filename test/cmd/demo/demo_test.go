package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"userscope.dev/userscope/test/kit/repo"
)

func TestDemo(t *testing.T) {
	var stdout, stderr strings.Builder
	if code := run(nil, &stdout, &stderr); code != allRight || stderr.Len() > 0 {
		t.Errorf("exit code %d, %s", code, stderr.String())
	}
	// The README shows what the demo prints, but for the times that it takes.
	file, err := repo.Path("README.md")
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	times := regexp.MustCompile(`[0-9.]+ s\b`)
	if want := times.ReplaceAllString(stdout.String(), "T"); !strings.Contains(times.ReplaceAllString(string(readme), "T"), "```\n"+want+"```\n") {
		t.Errorf("%s does not show what the demo prints:\n%s", file, stdout.String())
	}
}

func TestUsage(t *testing.T) {
	var stdout, stderr strings.Builder
	if code := run([]string{"now"}, &stdout, &stderr); code != usage || stderr.String() != "demo: unexpected argument \"now\"\n" {
		t.Errorf("exit code %d, %s", code, stderr.String())
	}
}

// The demo does not call right what is wrong.
func TestProblem(t *testing.T) {
	stored := func(subPath, user string) *corev1.Pod {
		stamps := map[string]string{"user-id": user}
		return &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Labels: stamps, Annotations: stamps},
			Spec: corev1.PodSpec{Containers: []corev1.Container{{
				VolumeMounts: []corev1.VolumeMount{{MountPath: "/mnt/user-data", SubPath: subPath}},
			}}},
		}
	}
	scoped := &sandbox{SubPath: "threads/t", Owner: "alice"}
	right := stored(directory("alice"), "alice")
	hostile := &sandbox{SubPath: "threads/t", Rule: "identity-invalid"}
	for _, test := range []struct {
		name    string
		sandbox *sandbox
		outcome outcome
		want    string
	}{
		{"scoped", scoped, outcome{kubectl: "Warning: changed", stored: right}, ""},
		{"scoped in silence", scoped, outcome{kubectl: "created", stored: right}, "its subPath changed, and kubectl did not warn of that"},
		{"not scoped", scoped, outcome{kubectl: "created", stored: stored("threads/t", "alice")}, `its subPath is "threads/t", and had to be "deer-flow/users/alice/threads/research-7/user-data"`},
		{"stamped as another's", scoped, outcome{kubectl: "Warning: changed", stored: stored(directory("alice"), "bob")}, "it is not stamped as alice's"},
		{"refused for nothing", scoped, outcome{kubectl: "Error", refused: true}, "it was refused, and had to be stored"},
		{"refused", hostile, outcome{kubectl: "userscope: identity-invalid: …", refused: true}, ""},
		{"refused for another reason", hostile, outcome{kubectl: "Error: connection refused", refused: true}, "it was not refused for identity-invalid"},
		{"let pass", hostile, outcome{kubectl: "userscope: identity-invalid", stored: stored("threads/t", "alice")}, "it was stored, and had to be refused"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := test.sandbox.problem(&test.outcome); got != test.want {
				t.Errorf("got: %q, want: %q", got, test.want)
			}
		})
	}
}
