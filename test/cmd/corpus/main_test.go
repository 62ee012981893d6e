package main

import (
	"strings"
	"testing"

	"userscope.dev/userscope/test/suites/corpus"
)

func TestUsage(t *testing.T) {
	for _, test := range []struct {
		name      string
		arguments []string
		code      int
		stderr    string // how it begins
	}{
		{"no folder", nil, usage, "usage: corpus [flags] FOLDER…\n"},
		{"unknown flag", []string{"-colour"}, usage, "flag provided but not defined: -colour\n"},
		{"unknown expectation", []string{"-hostpath", "kept", "pods"}, usage, "corpus: -hostpath: \"kept\" is neither refused nor rewritten\n"},
		{"help", []string{"-help"}, allRight, "usage: corpus [flags] FOLDER…\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var stdout, stderr strings.Builder
			code := run(test.arguments, &stdout, &stderr)
			if code != test.code || !strings.HasPrefix(stderr.String(), test.stderr) || stdout.Len() > 0 {
				t.Errorf("exit code %d, want %d; stdout: %s; stderr: %s", code, test.code, stdout.String(), stderr.String())
			}
		})
	}
}

func TestReport(t *testing.T) {
	right := corpus.Result{File: "a.json", Variant: "as sent"}
	wrong := corpus.Result{File: "a.json", Variant: "no subPath", Problems: []string{"this", "and that"}}
	for _, test := range []struct {
		name    string
		results []corpus.Result
		verbose bool
		code    int
		want    string
	}{
		{"all right", []corpus.Result{right, right}, false, allRight, "PASS: all 2 variants of 1 Pods came out right\n"},
		{"all right, in detail", []corpus.Result{right}, true, allRight, "right  a.json: as sent\nPASS: all 1 variants of 1 Pods came out right\n"},
		{"one wrong", []corpus.Result{right, wrong}, false, someWrong,
			"WRONG  a.json: no subPath\n         this\n         and that\nFAIL: 1 of 2 variants of 1 Pods came out right\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var stdout strings.Builder
			if code := report(&stdout, test.results, test.verbose); code != test.code || stdout.String() != test.want {
				t.Errorf("exit code %d, want %d, and:\n%s\nwant:\n%s", code, test.code, stdout.String(), test.want)
			}
		})
	}
}

// A folder that cannot be read fails, and what was started ends.
func TestNoFolder(t *testing.T) {
	var stdout, stderr strings.Builder
	missing := t.TempDir()
	if code := run([]string{missing}, &stdout, &stderr); code != failed || !strings.Contains(stderr.String(), missing+"/index.json: no such file") {
		t.Errorf("exit code %d, %s", code, stderr.String())
	}
}
