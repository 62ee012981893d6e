package expressions

import (
	"cmp"
	"fmt"
	"os"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/authentication/user"

	"userscope.dev/userscope/test/kit/repo"
	"userscope.dev/userscope/test/pods/differential"
	"userscope.dev/userscope/test/pods/fixtures"
	"userscope.dev/userscope/webhook/podjson"
	userscope "userscope.dev/userscope/webhook/policy"
	"userscope.dev/userscope/webhook/scope"
)

// lighter are fixtures that the backstop lets pass, with the reason.
var lighter = map[string]string{
	"test/pods/fixtures/identity-invalid/fail/no-data.yaml":  "who has nobody's data needs no identity, and none is stamped",
	"test/pods/fixtures/volume-type/fail/future-source.yaml": "an API server that does not know the type makes it an emptyDir before it asks",
}

// edited are fixtures that the decision refuses for what its own edits would make of them, with the rule by which the
// backstop, which makes none, refuses them.
var edited = map[string]scope.Rule{
	"test/pods/fixtures/claim-mount/fail/hostpath-that-became-the-claim-elsewhere.yaml": scope.RuleUserDataVolume,
	"test/pods/fixtures/claim-mount/fail/hostpath-that-is-not-rewritten.yaml":           scope.RuleUserDataVolume,
}

// The backstop and the decision agree about every fixture of a rule that the backstop holds: what passes the
// decision passes the backstop as it is stored, and what a rule refuses, that rule refuses.
func TestFixtures(t *testing.T) {
	root, err := repo.Path(".")
	if err != nil {
		t.Fatal(err)
	}
	set, err := fixtures.Load(os.DirFS(root))
	if err != nil {
		t.Fatal(err)
	}
	var patches []string
	for _, f := range set.Fixtures {
		patches = append(patches, string(f.Given.Policy))
	}
	variants := newVariants(t, patches)
	for _, f := range set.Fixtures {
		if _, excused := notInCEL[f.Rule]; excused && !f.Pass || f.Rule == scope.RuleUnknownField {
			continue // of unknown fields API servers know nothing
		}
		if f.Decision.Verdict == scope.Ungoverned && f.Name == "another-namespace" {
			continue // namespaces are selected outside of CEL
		}
		asked := fixtureRequest(t, f, variants.names[string(f.Given.Policy)])
		for name, show := range forms {
			t.Run(fmt.Sprintf("%s/%s", f.Path(), name), func(t *testing.T) {
				var refused []string
				for _, policy := range variants.policies[asked.namespace] {
					found, err := policy.refusals(t.Context(), asked, show)
					if err != nil {
						t.Fatal(err)
					}
					refused = append(refused, found...)
				}
				text := strings.Join(refused, "\n")
				rule := cmp.Or(edited[f.Path()], f.Rule)
				switch {
				case f.Pass && len(refused) > 0:
					t.Errorf("is refused: %s", text)
				case lighter[f.Path()] != "":
					if len(refused) > 0 {
						t.Errorf("is said to pass, since %s, and is refused: %s", lighter[f.Path()], text)
					}
				case !f.Pass && !strings.Contains(text, " "+string(rule)+": "):
					t.Errorf("is not refused for %s: %q", rule, text)
				}
			})
		}
	}
}

// fixtureRequest is a fixture as it comes to the backstop: with the decision's edits or, where that refuses,
// as it was sent and with the stamps that an attacker would forge. The policy has another name.
func fixtureRequest(t *testing.T, f *fixtures.Fixture, name string) *request {
	t.Helper()
	r := &request{
		operation: admission.Operation(f.Operation), subresource: f.Subresource, namespace: name,
		user: user.DefaultInfo{Name: f.Creator.Username, Groups: f.Creator.Groups},
	}
	if f.Old != nil {
		r.old = decode(t, f.Old)
	}
	if f.Pod != nil {
		sent, err := differential.Apply(f.Decision.Edits, f.Pod)
		if err != nil {
			t.Fatal(err)
		}
		r.pod = decode(t, sent)
	}
	if f.Decision.Verdict == scope.Refused && r.old == nil {
		id := f.Decision.Identity
		setAnnotation(r.pod, userscope.MarkerAnnotation, f.Policies[0].Name)
		if id.User != "" {
			setAnnotation(r.pod, userscope.UserStamp, id.User)
			setAnnotation(r.pod, userscope.ThreadStamp, id.Thread)
		}
	}
	for _, pod := range []*corev1.Pod{r.pod, r.old} {
		if pod != nil && pod.Annotations[userscope.MarkerAnnotation] == f.Policies[0].Name {
			setAnnotation(pod, userscope.MarkerAnnotation, name)
		}
	}
	return r
}

func setAnnotation(pod *corev1.Pod, key, value string) {
	if pod.Annotations == nil {
		pod.Annotations = map[string]string{}
	}
	pod.Annotations[key] = value
}

func decode(t *testing.T, raw []byte) *corev1.Pod {
	t.Helper()
	pod, _, err := podjson.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	// As API servers fill them in.
	if pod.Spec.ServiceAccountName == "" {
		pod.Spec.ServiceAccountName = pod.Spec.DeprecatedServiceAccount
	}
	for i := range pod.Spec.Volumes {
		if source := pod.Spec.Volumes[i].VolumeSource; source == (corev1.VolumeSource{}) {
			pod.Spec.Volumes[i].EmptyDir = &corev1.EmptyDirVolumeSource{}
		}
	}
	return pod
}
