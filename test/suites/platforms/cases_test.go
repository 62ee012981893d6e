package platforms

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	jsonpatch "github.com/evanphx/json-patch/v5"
	"sigs.k8s.io/yaml"

	"userscope.dev/userscope/test/kit/repo"
	"userscope.dev/userscope/test/pods/differential"
	"userscope.dev/userscope/test/pods/oracle"
)

// sandboxCase is a file of testdata/cases.
type sandboxCase struct {
	name string // of the file

	Description string `json:"description"`
	// Policy is a file of manifests/policies, without its ending, and Change a merge patch (RFC 7386) on
	// its spec.
	Policy string          `json:"policy"`
	Change json.RawMessage `json:"change"`
	// Creator is who sends the Pod, by default the policy's provisioner.
	Creator string `json:"creator"`
	// Namespace is where, by default the policy's.
	Namespace string          `json:"namespace"`
	Pod       json.RawMessage `json:"pod"`
	// Update is a merge patch on the Pod as it is stored, which the same creator sends.
	Update json.RawMessage `json:"update"`
	Want   want            `json:"want"`
}

// want is what has to become of a Pod.
type want struct {
	Verdict string `json:"verdict"`
	// Rules are those that refuse the Pod, and no others do.
	Rules []string `json:"rules"`
	// Says are parts of what `userscope check` tells people.
	Says []string `json:"says"`
	// Identity is the user, or user/thread.
	Identity string `json:"identity"`
	// Mounts are the subPaths of the claim by the mountPaths of the first container. There are no others.
	Mounts map[string]string `json:"mounts"`
	// Update is what becomes of the update: allowed or refused.
	Update string `json:"update"`
	// Stamp is an identity that somebody forges on a Pod that is to be refused, for the backstop alone.
	// It is user or user/thread.
	Stamp string `json:"stamp"`
	// Without is the rule by which the backstop alone refuses the Pod, if it is not one of Rules; * is any.
	Without string `json:"without"`
}

func readCases(t *testing.T) []sandboxCase {
	t.Helper()
	files, err := filepath.Glob("testdata/cases/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var all []sandboxCase
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		read := sandboxCase{name: strings.TrimSuffix(filepath.Base(file), ".yaml")}
		if err := yaml.UnmarshalStrict(text, &read); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if refused := read.Want.Verdict == "refused"; refused != (len(read.Want.Rules) > 0) || !strings.HasSuffix(read.Description, ".") {
			t.Errorf("%s: a refused Pod, and no other, has rules, and a description is a sentence", file)
		}
		all = append(all, read)
	}
	if len(all) < 40 {
		t.Errorf("only %d cases", len(all))
	}
	return all
}

// site is one policy, changed as its cases have it.
type site struct {
	name  string
	cases []sandboxCase
	// spec is the policy's, in JSON.
	spec json.RawMessage
}

// sites returns the cases by their policies.
func sites(t *testing.T) []*site {
	t.Helper()
	var all []*site
	byPolicy := map[string]*site{}
	for _, c := range readCases(t) {
		key := c.Policy + string(c.Change)
		if byPolicy[key] == nil {
			byPolicy[key] = &site{name: fmt.Sprintf("site-%d-%s", len(all), c.Policy), spec: specOf(t, c)}
			all = append(all, byPolicy[key])
		}
		byPolicy[key].cases = append(byPolicy[key].cases, c)
	}
	return all
}

// specOf returns the spec of a case's policy.
func specOf(t *testing.T, c sandboxCase) json.RawMessage {
	t.Helper()
	file, err := repo.Path("manifests", "policies", c.Policy+".yaml")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var policy struct {
		Spec json.RawMessage `json:"spec"`
	}
	if err := yaml.Unmarshal(text, &policy); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	if len(c.Change) == 0 {
		return policy.Spec
	}
	spec, err := jsonpatch.MergePatch(policy.Spec, c.Change)
	if err != nil {
		t.Fatalf("%s: %v", c.name, err)
	}
	return spec
}

// file writes the policy of a site, and returns its path.
func (s *site) file(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "policy.yaml")
	if err := os.WriteFile(file, s.document(t, s.spec), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// document is a policy of the site's name as a policy file has it.
func (s *site) document(t *testing.T, spec json.RawMessage) []byte {
	t.Helper()
	document, err := json.Marshal(map[string]any{
		"apiVersion": "userscope.dev/v1alpha1", "kind": "Policy", "metadata": map[string]any{"name": s.name}, "spec": spec,
	})
	if err != nil {
		t.Fatal(err)
	}
	return document
}

// settings are what is read of a policy here.
type settings struct {
	Claim        string   `json:"claim"`
	Provisioners []string `json:"provisioners"`
}

func (s *site) read(t *testing.T) settings {
	t.Helper()
	var read settings
	if err := json.Unmarshal(s.spec, &read); err != nil {
		t.Fatal(err)
	}
	return read
}

// installation is the policy of a site as decision and oracle read it.
func (s *site) installation(t *testing.T) differential.Installation {
	t.Helper()
	in, err := differential.Load(s.name, s.file(t))
	if err != nil {
		t.Fatalf("%s (%s): %v", s.name, s.cases[0].name, err)
	}
	return in
}

// request is who sends the Pod of a case, and where.
func (c sandboxCase) request(policy *oracle.Policy) oracle.Request {
	request := oracle.Request{Namespace: policy.Namespaces[0], Username: policy.Provisioners[0]}
	if c.Namespace != "" {
		request.Namespace = c.Namespace
	}
	if c.Creator != "" {
		request.Username = c.Creator
	}
	return request
}

// identity returns the user and thread of a text.
func identity(text string) (user, thread string) {
	user, thread, _ = strings.Cut(text, "/")
	return user, thread
}

// unlike reports whether two sets of rules differ.
func unlike(got, wanted []string) bool {
	got, wanted = slices.Clone(got), slices.Clone(wanted)
	slices.Sort(got)
	slices.Sort(wanted)
	return !slices.Equal(slices.Compact(got), slices.Compact(wanted))
}
