package exhaustion

import (
	"strings"
	"testing"

	"userscope.dev/userscope/test/trial"
	"userscope.dev/userscope/webhook/scope"
)

// A search that finds nothing is worth what it would have found: here the decision is broken in
// one way at a time, and a small part of the Pods is enough to notice each.
func TestPlantedEscapesAreCaught(t *testing.T) {
	decide := deerFlow(t).Policies.Create
	planted := map[string]trial.Decide{
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
		scope.IdentityMissing, scope.IdentityInvalid, scope.IdentityConflict, scope.SelectorMismatch, scope.ClaimMount,
		scope.HostPath, scope.OtherClaim, scope.VolumeType, scope.Secret, scope.VolumeDevice,
	} {
		planted["waves through what "+string(rule)+" alone refuses"] = func(req scope.Request) scope.Decision {
			d := decide(req)
			for _, violation := range d.Violations {
				if violation.Rule != rule {
					return d
				}
			}
			if d.Verdict == scope.Refused {
				d = scope.Decision{Verdict: scope.Allowed}
				annotations := map[string]string{scope.MarkerAnnotation: "deer-flow"}
				for key, value := range req.Pod.Annotations {
					if key != scope.MarkerAnnotation {
						annotations[key] = value
					}
				}
				if req.Pod.Annotations[scope.MarkerAnnotation] == "" {
					d.Edits = []scope.Edit{{Op: "add", Path: "/metadata/annotations", Value: annotations}}
				}
			}
			return d
		}
	}
	const stride = 101
	if _, problem := try(t, decide, stride); problem != "" {
		t.Fatalf("nothing is planted yet: %s", problem)
	}
	for name, broken := range planted {
		t.Run(name, func(t *testing.T) {
			if _, problem := try(t, broken, stride); problem == "" {
				t.Error("nobody noticed")
			}
		})
	}
}
