package main

import (
	"bytes"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// update rewrites the golden files: go test ./cmd/userscope -update
var update = flag.Bool("update", false, "rewrite the golden files of this package")

// asMain makes the test binary behave as userscope itself: signals and exit codes can only be
// seen from outside.
const asMain = "USERSCOPE_TEST_AS_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(asMain) != "" {
		main()
	}
	os.Exit(m.Run())
}

// deerflow is the policy that ships with Userscope.
const deerflow = "../../manifests/policies/deerflow.yaml"

// command runs userscope and returns what it printed and its exit code.
func command(stdin string, args ...string) (stdout, stderr string, code int) {
	var out, errs bytes.Buffer
	code = run(args, strings.NewReader(stdin), &out, &errs)
	return out.String(), errs.String(), code
}

// Whoever calls a command wrongly is told so, on stderr and by the exit code.
func TestWrongUsage(t *testing.T) {
	tests := []struct {
		args string
		want string
	}{
		{"--nope", "userscope: unknown flag: --nope"},
		{"chek", `userscope: unknown command "chek" for "userscope"` + "\nuserscope: Did you mean this?\nuserscope: check"},
		{"help chek", `userscope help: unknown command "chek"`},
		{"help check more", `userscope help: unknown command "check more"`},
		{"version now", `userscope version: unknown command "now" for "userscope version"`},
		{"version -o yaml", `userscope version: invalid argument "yaml" for "-o, --output" flag: want text or json`},
		{"completion", "userscope completion: SHELL: name one of bash, zsh, fish, powershell"},
		{"completion tcsh", "userscope completion: SHELL: name one of bash, zsh, fish, powershell"},
		{"check pod.yaml", "userscope check: --policy: name the policy file"},
		{"check --policy policy.yaml", "userscope check: POD: name at least one file, or - for stdin"},
		{"check --policy policy.yaml -o diff pod.yaml", `userscope check: invalid argument "diff" for "-o, --output" flag: want text or json`},
		{"check --policy policy.yaml --namespace= pod.yaml", `userscope check: --namespace "": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')`},
		{"check --policy policy.yaml -n deer.flow pod.yaml", `userscope check: --namespace "deer.flow": must not contain dots`},
		{"check --kubeconfig x pod.yaml", "userscope check: unknown flag: --kubeconfig"},
		{"webhook", "userscope webhook: --policy: name the policy file\nuserscope webhook: --cert-dir: name the directory of tls.crt and tls.key"},
		{"webhook --policy p --cert-dir d --listen 1 --listen-health :x",
			"userscope webhook: --listen: \"1\": want HOST:PORT or :PORT\n" +
				"userscope webhook: --listen-health: \":x\": port \"x\": want a number from 1 to 65535"},
		{"webhook --policy p --cert-dir d --log-level loud", `userscope webhook: invalid argument "loud" for "--log-level" flag: want debug, info, warn or error`},
		{"webhook --policy p --cert-dir d --drain-delay soon", `userscope webhook: invalid argument "soon" for "--drain-delay" flag: time: invalid duration "soon"`},
		{"migrate now", `userscope migrate: unknown command "now" for "userscope migrate"`},
		{"migrate plan", "userscope migrate plan: --root: name the directory that holds, or will hold, users/"},
		{"migrate apply --owners o.csv", "userscope migrate apply: --root: name the directory that holds, or will hold, users/"},
		{"migrate undo", "userscope migrate undo: --root: name the directory that holds, or will hold, users/"},
		{"migrate plan --root . more", `userscope migrate plan: unknown command "more" for "userscope migrate plan"`},
		{"migrate plan --root . --unowned ..", `userscope migrate plan: --unowned "..": has characters that no policy can admit there`},
		{"migrate apply --root . --also a/b", `userscope migrate apply: --also "a/b": has characters that no policy can admit there`},
		{"migrate undo --root . -o yaml", `userscope migrate undo: invalid argument "yaml" for "-o, --output" flag: want text or json`},
		{"webhook --policy p --cert-dir d --service-name a", `userscope webhook: --service-name "a", --service-namespace "": set both or neither`},
		{"certs", "userscope certs: name a command: run, once or status"},
		{"certs chek", `userscope certs: unknown command "chek"`},
		{"certs run now", `userscope certs run: unknown command "now" for "userscope certs run"`},
		{"certs run --nope", "userscope certs run: unknown flag: --nope"},
		{"certs run --interval often", `userscope certs run: invalid argument "often" for "--interval" flag: time: invalid duration "often"`},
		{"certs run --interval 151s", "userscope certs run: --interval 2m31s: must be positive and at most half of --propagation, 2m30s"},
		{"certs run --service-name= --secret-name= --ca-secret-name= --propagation 0s --listen-health 1 --interval 0s",
			"userscope certs run: --service-name: is empty\n" +
				"userscope certs run: --secret-name: is empty\n" +
				"userscope certs run: --ca-secret-name: is empty\n" +
				"userscope certs run: --propagation 0s: must be positive\n" +
				"userscope certs run: --listen-health: \"1\": want HOST:PORT or :PORT\n" +
				"userscope certs run: --interval 0s: must be positive and at most half of --propagation, 0s"},
		{"certs run --log-level loud", `userscope certs run: invalid argument "loud" for "--log-level" flag: want debug, info, warn or error`},
		{"certs once now", `userscope certs once: unknown command "now" for "userscope certs once"`},
		{"certs once --interval 1s", "userscope certs once: unknown flag: --interval"},
		{"certs once --configuration= --leaf-lifetime 59m --ca-lifetime 58m --timeout 0s",
			"userscope certs once: --configuration: is empty\n" +
				"userscope certs once: --leaf-lifetime 59m0s: must be at least twelve times --propagation, 1h0m0s\n" +
				"userscope certs once: --ca-lifetime 58m0s: must not be shorter than --leaf-lifetime 59m0s\n" +
				"userscope certs once: --timeout 0s: must be positive"},
		{"certs status --timeout -1s", "userscope certs status: --timeout -1s: must be positive"},
		{"certs status now", `userscope certs status: unknown command "now" for "userscope certs status"`},
		{"certs status --service-namespace= --address 10250",
			"userscope certs status: --service-namespace: is empty\n" +
				"userscope certs status: --address: \"10250\": want HOST:PORT or :PORT"},
		{"certs status -o yaml", `userscope certs status: invalid argument "yaml" for "-o, --output" flag: want text or json`},
		{"webhook --policy p --cert-dir d more", `userscope webhook: unknown command "more" for "userscope webhook"`},
	}
	for _, test := range tests {
		t.Run(test.args, func(t *testing.T) {
			stdout, stderr, code := command("", strings.Fields(test.args)...)
			path, _, _ := strings.Cut(test.want, ":")
			want := test.want + "\nRun '" + path + " --help' for usage.\n"
			if code != 2 || stdout != "" || stderr != want {
				t.Errorf("exit code %d, stdout %q, stderr\n%s\nwant 2, nothing and\n%s", code, stdout, stderr, want)
			}
		})
	}
}

// Every command explains itself: what it does, how it is called, and what its exit code means
// where that is more than success or failure.
func TestHelp(t *testing.T) {
	stdout, stderr, code := command("")
	if code != 0 || stderr != "" || !strings.Contains(stdout, "Available Commands:") {
		t.Errorf("userscope alone: exit code %d, stderr %q, stdout\n%s", code, stderr, stdout)
	}
	for _, subcommand := range rootCommand().Commands() {
		t.Run(subcommand.Name(), func(t *testing.T) {
			testHelp(t, subcommand)
		})
		for _, below := range subcommand.Commands() {
			t.Run(subcommand.Name()+" "+below.Name(), func(t *testing.T) {
				testHelp(t, below)
			})
		}
	}
}

func testHelp(t *testing.T, subcommand *cobra.Command) {
	name := strings.TrimPrefix(subcommand.CommandPath(), "userscope ")
	words := strings.Fields(name)
	byFlag, stderr, code := command("", append(words, "--help")...)
	if code != 0 || stderr != "" {
		t.Errorf("exit code %d, stderr %q", code, stderr)
	}
	if byTopic, _, code := command("", append([]string{"help"}, words...)...); byTopic != byFlag || code != 0 {
		t.Errorf("userscope help %s: exit code %d and another text than %s --help", name, code, name)
	}
	if !strings.HasPrefix(byFlag, subcommand.Long) || subcommand.Long == "" {
		t.Errorf("does not begin with what the command does:\n%s", byFlag)
	}
	if !strings.Contains(byFlag, "Examples:\n  ") {
		t.Errorf("has no examples:\n%s", byFlag)
	}
	for line := range strings.Lines(subcommand.Long) {
		if len(line) > 100 {
			t.Errorf("a line is %d characters wide: %s", len(line), line)
		}
	}
	if exits := name == "check" || name == "webhook" || len(words) > 1; exits && !strings.Contains(byFlag, "Exit codes: 0 ") {
		t.Errorf("does not list its exit codes:\n%s", byFlag)
	}
}

func TestCompletion(t *testing.T) {
	for shell, begins := range map[string]string{"bash": "# bash completion V2 for userscope", "zsh": "#compdef userscope", "fish": "# fish completion for userscope", "powershell": "# powershell completion for userscope"} {
		if stdout, stderr, code := command("", "completion", shell); code != 0 || stderr != "" || !strings.HasPrefix(stdout, begins) {
			t.Errorf("%s: exit code %d, stderr %q, script\n%.80s\nwant one that begins with %q", shell, code, stderr, stdout, begins)
		}
	}
}

// The commands below a command are completed too.
func TestCompletionBelow(t *testing.T) {
	if stdout, _, code := command("", "__completeNoDesc", "certs", ""); code != 0 || !strings.HasPrefix(stdout, "once\nrun\nstatus\n") {
		t.Errorf("exit code %d, after certs come\n%s", code, stdout)
	}
}

// Whoever redirects the output to a full disk must not take the half for the whole; and of check
// not for a refusal.
func TestOutputThatCannotBeWritten(t *testing.T) {
	root, legacy, owners := oldClaim(t)
	for args, want := range map[string]int{
		"migrate plan --root " + root + " --legacy " + legacy + " --owners " + owners: 1,
		"check --policy " + deerflow + " testdata/pods/right.json":                    3,
		"check --policy " + deerflow + " testdata/pods/several.yaml":                  3, // some are refused
		"check --policy " + deerflow + " -o json testdata/pods/right.json":            3,
		"version":                             1,
		"version -o json":                     1,
		"sandbox-id --user alice --thread t1": 1,
		"completion bash":                     1,
	} {
		t.Run(args, func(t *testing.T) {
			full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer full.Close()
			var stderr bytes.Buffer
			code := run(strings.Fields(args), strings.NewReader(""), full, &stderr)
			if code != want || !strings.HasSuffix(stderr.String(), ": write /dev/full: no space left on device\n") {
				t.Errorf("exit code %d, stderr %q; want %d and the reason", code, stderr.String(), want)
			}
		})
	}
}
