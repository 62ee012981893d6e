package scope

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"userscope.dev/userscope/webhook/policy"
)

// createTest is one creation of a Pod: by the provisioner under DeerFlow's policy, unless it
// says otherwise. The Pod comes out as alice's, by its labels, unless identity says otherwise, the
// Pod is ungoverned, or a violation says that it is nobody's.
type createTest struct {
	name      string
	policy    *policy.Policy
	namespace string
	creator   *Creator
	pod       *corev1.Pod

	verdict    Verdict
	identity   string // "user/thread source", or nobody
	edits      []Edit
	violations []Violation
}

func (test createTest) run(t *testing.T) {
	t.Helper()
	policies := policy.Policies{test.policy}
	if test.policy == nil {
		policies = policy.Policies{deerflow()}
	}
	req := Request{Namespace: "deer-flow", Creator: Creator{Username: provisioner}, Pod: test.pod}
	if test.namespace != "" {
		req.Namespace = test.namespace
	}
	if test.creator != nil {
		req.Creator = *test.creator
	}
	if test.verdict == Ungoverned {
		delete(test.pod.Annotations, policy.MarkerAnnotation) // for which alone the Pod would be governed
	}
	sent := test.pod.DeepCopy()
	got := Create(policies, req)

	if got.Verdict != test.verdict {
		t.Errorf("verdict %s, want %s", got.Verdict, test.verdict)
	}
	if identity := strings.TrimSpace(got.Identity.String() + " " + string(got.Identity.Source)); identity != test.wantIdentity() {
		t.Errorf("identity %q, want %q", identity, test.wantIdentity())
	}
	rewrites := slices.DeleteFunc(slices.Clone(got.Edits), func(e Edit) bool { return e.Warning == "" }) // for stamps, see stamp_test.go
	if !slices.EqualFunc(rewrites, test.edits, func(a, b Edit) bool { return reflect.DeepEqual(a, b) }) {
		t.Errorf("edits\n%#v\nwant\n%#v", rewrites, test.edits)
	}
	if !slices.Equal(got.Violations, test.violations) {
		t.Errorf("violations\n%#v\nwant\n%#v", got.Violations, test.violations)
	}
	if !reflect.DeepEqual(sent, test.pod) {
		t.Error("the decision changed the Pod that it was given")
	}
}

func (test createTest) wantIdentity() string {
	unknown := func(v Violation) bool { return v.Rule.Identity() && v.Rule != RuleIdentityUnproven }
	switch {
	case test.verdict == Ungoverned, test.identity == nobody, test.identity == "" && slices.ContainsFunc(test.violations, unknown):
		return ""
	case test.identity == "":
		return "alice/t1 label"
	default:
		return test.identity
	}
}

// nobody is the identity of a Pod that nobody was found for.
const nobody = "nobody"

func runCreate(t *testing.T, tests []createTest) {
	t.Helper()
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { test.run(t) })
	}
}

// setTo is the edit that gives a field a new value.
func setTo(path, old, value, at string) []Edit {
	if old == "" {
		return []Edit{{Op: "add", Path: path, Value: value, Warning: at + `: is now "` + value + `"`}}
	}
	return []Edit{{Op: "replace", Path: path, Value: value, Warning: at + `: "` + old + `" is now "` + value + `"`}}
}

const (
	firstSubPath   = "/spec/containers/0/volumeMounts/0/subPath"
	firstSubPathAt = "spec.containers[0].volumeMounts[0].subPath"
)
