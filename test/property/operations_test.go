package property

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"userscope.dev/userscope/test/oracle"
	"userscope.dev/userscope/test/trial"
	"userscope.dev/userscope/webhook/scope"
)

// operation is a request about a stored Pod. The sample's Pod is what shall become of it.
type operation struct {
	*sample
	stored []byte
}

// operations returns a generator of requests about stored Pods, to each of which up to two changes
// are made.
func operations(installations []trial.Installation, change func(*drawing)) *rapid.Generator[*operation] {
	return rapid.Custom(func(t *rapid.T) *operation {
		s := samples(installations).Draw(t, "stored Pod")
		stored := s.raw()
		// A Pod that is refused stands for one that is older than the installation.
		if outcome, err := s.in.Create(s.request, stored); err == nil && outcome.Final != nil {
			stored = outcome.Final
		}
		d := &drawing{t: t, sample: s}
		s.pod, s.good = nil, true
		if err := json.Unmarshal(stored, &s.pod); err != nil {
			t.Fatal(err)
		}
		d.request = oracle.Request{
			Namespace: of(d, s.request.Namespace, s.request.Namespace, s.request.Namespace, "elsewhere"),
			Username:  of(d, append(slices.Clone(d.policy.ExemptUsers), d.provisioner(), d.provisioner(), "somebody")...),
			Groups:    of(d, nil, nil, d.policy.ExemptGroups),
		}
		for range of(d, 0, 1, 1, 2) {
			change(d)
		}
		return &operation{s, stored}
	})
}

// relabel changes what may say whose sandbox a Pod is, or what says nothing.
func relabel(d *drawing) {
	keys := append(slices.Sorted(maps.Keys(d.policy.Selector)),
		d.policy.Identity.UserKey, d.policy.Identity.ThreadKey, d.policy.Identity.SandboxIDKey,
		"userscope.dev/policies", "other", "app.kubernetes.io/name")
	key := of(d, keys...)
	entries := of(d, d.labels(), d.annotations())
	of(d,
		func() { delete(entries, key) },
		func() { entries[key] = of(d, "bob", "", d.policy.Selector[key], d.policy.Name) },
		d.wear,
		func() { at(d.pod, "metadata")["finalizers"] = of[any](d, []any{"x/y"}, nil) },
		func() { at(d.pod, "metadata")["deletionTimestamp"] = "2026-01-01T00:00:00Z" },
		func() { d.pod["status"] = object{"phase": "Running", "tomorrow": 1} },
		func() { delete(at(d.pod, "metadata"), of(d, "labels", "annotations")) },
	)()
}

// debug adds ephemeral containers of all kinds. The first are as kubectl debug has them.
func debug(d *drawing) {
	volume := d.anyVolume()
	c := object{"name": of(d, d.name("debugger"), "debug-1"), "image": "image"}
	choice := of(d, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9)
	// A provisioner debugs nothing but sandboxes.
	d.good = d.good && choice < 3 && !slices.Contains(d.policy.Provisioners, d.request.Username)
	[]func(){
		func() {},
		func() { c["securityContext"] = object{"capabilities": object{"add": []any{"SYS_PTRACE"}}} },
		func() { c["securityContext"] = object{"privileged": of[any](d, false, nil)} },
		func() { c["securityContext"] = object{"privileged": true} },
		func() { c["volumeMounts"] = []any{object{"name": volume, "mountPath": "/x"}} },
		func() { c["volumeMounts"] = []any{object{"name": volume, "mountPath": "/x", "subPath": "x"}} },
		func() { c["volumeDevices"] = []any{object{"name": volume, "devicePath": "/dev/x"}} },
		func() { c["envFrom"] = []any{object{"secretRef": object{"name": d.secret()}}} },
		func() {
			c["env"] = []any{object{"name": "S", "valueFrom": object{"secretKeyRef": object{"name": d.secret(), "key": "k"}}}}
		},
		func() {
			c["env"] = []any{object{"name": "F", "valueFrom": object{"fileKeyRef": object{"volumeName": volume, "path": "x", "key": "k"}}}}
		},
	}[choice]()
	add(d.spec(), "ephemeralContainers", c)
}

func TestUpdate(t *testing.T) {
	checkOperations(t, []scope.Rule{scope.ImmutableField}, relabel, func(o *operation) (*trial.Outcome, error) {
		return o.in.Update(o.request, o.stored, o.raw())
	})
}

func TestDelete(t *testing.T) {
	checkOperations(t, []scope.Rule{scope.DeleteNotSandbox}, func(*drawing) {}, func(o *operation) (*trial.Outcome, error) {
		return o.in.Delete(o.request, o.stored)
	})
}

func TestAddEphemeralContainers(t *testing.T) {
	rules := []scope.Rule{scope.EphemeralContainer, scope.Secret, scope.ClaimMount}
	checkOperations(t, rules, debug, func(o *operation) (*trial.Outcome, error) {
		outcome, err := o.in.AddEphemeralContainers(o.request, o.stored, o.raw())
		if err == nil && o.good && outcome.Decision.Verdict == scope.Refused {
			outcome.Problems = append(outcome.Problems, "a good container is refused: "+describe(outcome.Decision.Violations))
		}
		return outcome, err
	})
}

// checkOperations tries one operation on drawn Pods, and on a batch that is the same each time,
// which shows that the operation passes, and is refused for each of its rules and no other.
func checkOperations(t *testing.T, rules []scope.Rule, change func(*drawing), do func(*operation) (*trial.Outcome, error)) {
	generator := operations(installations(t), change)
	check := func(t rapid.TB, o *operation) *trial.Outcome {
		t.Helper()
		outcome, err := do(o)
		if err != nil {
			t.Fatalf("the generator made no Pod: %v\n%s", err, o)
		}
		if len(outcome.Problems) > 0 {
			t.Fatalf("%s\nstored: %s\n%s", strings.Join(outcome.Problems, "\n"), o.stored, o)
		}
		return outcome
	}
	rapid.Check(t, func(t *rapid.T) { check(t, generator.Draw(t, "operation")) })

	const size = batch / 5
	verdicts, refused := map[scope.Verdict]int{}, map[scope.Rule]int{}
	for seed := range size {
		outcome := check(t, generator.Example(seed))
		verdicts[outcome.Decision.Verdict]++
		for _, violation := range outcome.Decision.Violations {
			refused[violation.Rule]++
			if !slices.Contains(rules, violation.Rule) {
				t.Errorf("seed %d: refused for %s", seed, violation.Rule)
			}
		}
	}
	t.Log(verdicts, refused)
	for _, rule := range rules {
		if refused[rule] < size/100 {
			t.Errorf("%s: %d of %d, want at least %d", rule, refused[rule], size, size/100)
		}
	}
	for _, verdict := range []scope.Verdict{scope.Ungoverned, scope.Allowed, scope.Refused} {
		if verdicts[verdict] < size/50 {
			t.Errorf("%s: %d of %d, want at least %d", verdict, verdicts[verdict], size, size/50)
		}
	}
}
