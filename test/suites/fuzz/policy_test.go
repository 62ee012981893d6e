package fuzz

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"userscope.dev/userscope/test/kit/repo"
	"userscope.dev/userscope/test/pods/differential"
	"userscope.dev/userscope/test/pods/oracle"
	"userscope.dev/userscope/webhook/podjson"
	"userscope.dev/userscope/webhook/policy"
	"userscope.dev/userscope/webhook/policy/load"
	"userscope.dev/userscope/webhook/scope"
)

// FuzzPolicyFile reads any bytes as a policy file. Mistakes are told with the file's name, and by
// what is accepted Pods can be judged.
func FuzzPolicyFile(f *testing.F) {
	shipped, err := repo.Path("manifests", "policies", "deerflow.yaml")
	if err != nil {
		f.Fatal(err)
	}
	others, err := filepath.Glob("../../pods/differential/policies/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range append(others, shipped) {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		policies, err := load.Parse("policy.yaml", data)
		if err != nil {
			for line := range strings.Lines(err.Error()) {
				if !strings.HasPrefix(line, "policy.yaml: ") {
					t.Errorf("a mistake without the file's name: %q", line)
				}
			}
			return
		}
		if len(policies) == 0 {
			t.Fatal("accepted, and holds no policy")
		}
		for _, p := range policies {
			for _, creator := range append(p.Provisioners, "somebody") {
				for _, pod := range podsOf(t, p) {
					decideTwice(t, policies, scope.Request{Namespace: p.Namespaces[0], Creator: scope.Creator{Username: creator}}, []byte(pod))
				}
			}
		}
	})
}

// podsOf returns Pods that a policy has something to say about.
func podsOf(t *testing.T, p *policy.Policy) []string {
	t.Helper()
	like := oracle.Policy{
		Selector:    selectorOf(p),
		Claim:       p.Claim,
		Volume:      p.UserDataVolume,
		MountPath:   p.UserDataMountPath,
		Root:        p.Layout.Root,
		Identity:    oracle.Identity{UserKey: p.User.Key, ThreadKey: p.Thread.Key},
		Directories: []oracle.Directory{{Path: p.Layout.UserData.String()}},
	}
	return pods(like)
}

// selectorOf is a policy's selector as the oracle has it.
func selectorOf(p *policy.Policy) []oracle.Requirement {
	var selector []oracle.Requirement
	for _, requirement := range p.Selector {
		selector = append(selector, oracle.Requirement(requirement))
	}
	return selector
}

// decideTwice has a Pod judged, and what comes out of it a second time.
func decideTwice(t *testing.T, policies policy.Policies, request scope.Request, raw []byte) {
	t.Helper()
	decide := func() scope.Decision {
		var err error
		if request.Pod, request.Unknown, err = podjson.Parse(raw); err != nil {
			t.Fatalf("no Pod: %v\n%s", err, raw)
		}
		return scope.Create(policies, request)
	}
	first := decide()
	if first.Verdict == scope.Refused {
		return
	}
	sent := raw
	var err error
	if raw, err = differential.Apply(first.Edits, sent); err != nil {
		t.Fatalf("the edits cannot be made: %v\n%s", err, sent)
	}
	if second := decide(); len(second.Edits) > 0 || second.Verdict == scope.Refused {
		t.Errorf("a second decision is %+v after %+v\n%s", second, first, sent)
	}
}
