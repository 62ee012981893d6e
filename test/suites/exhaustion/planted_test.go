package exhaustion

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"userscope.dev/userscope/test/pods/differential"
	"userscope.dev/userscope/webhook/policy"
	"userscope.dev/userscope/webhook/scope"
)

// A search that finds nothing is worth what it would have found: here the decision is broken in
// one way at a time, and a small part of the Pods is enough to notice each.
func TestPlantedEscapesAreCaught(t *testing.T) {
	letters := alphabets["deer-flow"]
	decide := differential.By(installation(t, letters).Policies)
	planted := map[string]differential.Decide{
		"forgets init containers": func(req scope.Request) scope.Decision {
			req.Pod = req.Pod.DeepCopy()
			req.Pod.Spec.InitContainers = nil
			return decide(req)
		},
		"forgets the last container": func(req scope.Request) scope.Decision {
			req.Pod = req.Pod.DeepCopy()
			req.Pod.Spec.Containers = req.Pod.Spec.Containers[:len(req.Pod.Spec.Containers)-1]
			return decide(req)
		},
		"forgets the second volume": func(req scope.Request) scope.Decision {
			req.Pod = req.Pod.DeepCopy()
			req.Pod.Spec.Volumes = req.Pod.Spec.Volumes[:1]
			return decide(req)
		},
		"believes the labels": func(req scope.Request) scope.Decision {
			if req.Pod.Labels["app"] != "deer-flow-sandbox" {
				return scope.Decision{Verdict: scope.Ungoverned}
			}
			return decide(req)
		},
		"exempts everybody": func(req scope.Request) scope.Decision {
			req.Creator.Groups = []string{"system:masters"}
			return decide(req)
		},
		"takes the provisioner for anybody": func(req scope.Request) scope.Decision {
			req.Creator = scope.Creator{}
			return decide(req)
		},
		"looks for the namespace in the Pod": func(req scope.Request) scope.Decision {
			req.Namespace = req.Pod.Namespace
			return decide(req)
		},
		"makes everybody bob": func(req scope.Request) scope.Decision {
			d := decide(req)
			d.Edits = append([]scope.Edit{}, d.Edits...)
			for i := range d.Edits {
				if path, ok := d.Edits[i].Value.(string); ok {
					d.Edits[i].Value = strings.Replace(path, "alice", "bob", 1)
				}
			}
			return d
		},
		"ignores fields that it does not know": func(req scope.Request) scope.Decision {
			req.Unknown = nil
			return decide(req)
		},
		"refuses everything": func(scope.Request) scope.Decision {
			return scope.Decision{Verdict: scope.Refused}
		},
		"refuses everything that it governs": func(req scope.Request) scope.Decision {
			d := decide(req)
			return refusedUnless(d.Verdict == scope.Ungoverned || d.Verdict == scope.Refused, d)
		},
		"refuses what is adopted": func(req scope.Request) scope.Decision {
			d := decide(req)
			return refusedUnless(d.Identity.Source != policy.SourceSubPath || d.Verdict == scope.Refused, d)
		},
		"refuses what it would replace": func(req scope.Request) scope.Decision {
			d := decide(req)
			replaces := func(edit scope.Edit) bool { return edit.Path == "/spec/volumes/0" }
			return refusedUnless(!slices.ContainsFunc(d.Edits, replaces), d)
		},
	}
	for _, field := range []string{"subPath", "subPathExpr", "readOnly", "mountPath", "userscope.dev~1policies"} {
		planted["does not edit "+field] = func(req scope.Request) scope.Decision {
			d := decide(req)
			var kept []scope.Edit
			for _, edit := range d.Edits {
				if !strings.HasSuffix(edit.Path, "/"+field) {
					kept = append(kept, edit)
				}
			}
			d.Edits = kept
			return d
		}
	}
	for _, rule := range []scope.Rule{
		scope.RuleIdentityMissing, scope.RuleIdentityInvalid, scope.RuleIdentityConflict, scope.RuleSelectorMismatch, scope.RuleClaimMount,
		scope.RuleHostPath, scope.RuleOtherClaim, scope.RuleVolumeType, scope.RuleSecret, scope.RuleVolumeDevice,
	} {
		planted["waves through what "+string(rule)+" alone refuses"] = func(req scope.Request) scope.Decision {
			d := decide(req)
			for _, violation := range d.Violations {
				if violation.Rule != rule {
					return d
				}
			}
			if d.Verdict == scope.Refused {
				return scope.Decision{Verdict: scope.Allowed, Edits: stamps(req, d.Identity)}
			}
			return d
		}
	}
	check(t, letters, decide, planted)
}

// Policies that are another than the oracle's stand for a decision that overlooks a part of them.
func TestOverlookedPoliciesAreCaught(t *testing.T) {
	tests := map[string]map[string]func(*policy.Policy){
		"keyed": {
			"proves what is adopted alone": func(p *policy.Policy) { p.Proof = policy.ProofAdopted },
			"proves nothing":               func(p *policy.Policy) { p.Proof = policy.ProofNever },
			"knows no key":                 func(p *policy.Policy) { p.Keys = nil },
			"knows the first key":          func(p *policy.Policy) { p.Keys = p.Keys[:1] },
			"knows the second key":         func(p *policy.Policy) { p.Keys = p.Keys[1:] },
			"knows no default user":        func(p *policy.Policy) { p.DefaultUser = "" },
		},
		"defaulted": {
			"proves everything":         func(p *policy.Policy) { p.Proof = policy.ProofAlways },
			"proves nothing":            func(p *policy.Policy) { p.Proof = policy.ProofNever },
			"knows no default user":     func(p *policy.Policy) { p.DefaultUser = "" },
			"has another default user":  func(p *policy.Policy) { p.DefaultUser = "alice" },
			"looks below no base":       func(p *policy.Policy) { p.HostPathBases = nil },
			"looks for another root":    func(p *policy.Policy) { p.Layout.Root = "" },
			"replaces nothing":          func(p *policy.Policy) { p.ReplaceUserData = false },
			"corrects nothing":          func(p *policy.Policy) { p.OnOtherIdentity = policy.Refuse },
			"looks for another mount":   func(p *policy.Policy) { p.UserDataMountPath = "/mnt/user" },
			"looks for another sandbox": func(p *policy.Policy) { p.SandboxIDKey = "sandbox" },
		},
	}
	for name, changes := range tests {
		letters := alphabets[name]
		planted := map[string]differential.Decide{}
		for what, change := range changes {
			p := *installation(t, letters).Policies[0]
			change(&p)
			planted[name+" "+what] = differential.By(policy.Policies{&p})
		}
		check(t, letters, differential.By(installation(t, letters).Policies), planted)
	}
}

// check has some of the Pods tried by decisions that are broken, each of which must be noticed, and
// by the one that is not.
func check(t *testing.T, letters alphabet, decide differential.Decide, planted map[string]differential.Decide) {
	t.Helper()
	in := installation(t, letters)
	if _, problem := try(letters, in, decide, 0, sample); problem != "" {
		t.Fatalf("nothing is planted yet: %s", problem)
	}
	for name, broken := range planted {
		t.Run(name, func(t *testing.T) {
			if _, problem := try(letters, in, broken, 0, sample); problem == "" {
				t.Error("nobody noticed")
			}
		})
	}
}

// refusedUnless returns a decision, or one that refuses without need and says so.
func refusedUnless(keep bool, d scope.Decision) scope.Decision {
	if keep {
		return d
	}
	return scope.Decision{Verdict: scope.Refused, Violations: []scope.Violation{
		{Rule: scope.RulePodSecurity, Path: "spec", Value: "x", Message: "x"},
	}}
}

// stamps are the edits that write marker and identity on a Pod that declares it.
func stamps(req scope.Request, id policy.Identity) []scope.Edit {
	annotations, labels := map[string]string{}, map[string]string{}
	maps.Copy(annotations, req.Pod.Annotations)
	maps.Copy(labels, req.Pod.Labels)
	annotations[policy.MarkerAnnotation] = "deer-flow"
	for key, half := range map[string]string{"user-id": id.User, "thread-id": id.Thread} {
		if half != "" {
			annotations[key], labels[key] = half, half
		}
	}
	return []scope.Edit{
		{Op: "add", Path: "/metadata/annotations", Value: annotations},
		{Op: "add", Path: "/metadata/labels", Value: labels},
	}
}
