package scope

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"userscope.dev/userscope/webhook/podjson"
	"userscope.dev/userscope/webhook/policy"
)

// TestUpdateOfVolumesAndContainers has updates as no released API server makes them: KEP-6395 prepares new
// volumes and mounts, and KEP-5972 proposes new containers.
func TestUpdateOfVolumesAndContainers(t *testing.T) {
	stored := func() *corev1.Pod {
		return sandbox(annotation("user-id", "alice"), annotation("thread-id", "t1"), stamped("alice", "t1"))
	}
	claim := corev1.Volume{Name: "all", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "deer-flow-home"}}}
	node := corev1.Volume{Name: "node", VolumeSource: corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/"}}}
	scratch := corev1.Volume{Name: "scratch", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}
	yes := true
	for _, test := range []struct {
		name   string
		change func(spec *corev1.PodSpec)
		want   []Rule
	}{
		{"nothing", func(*corev1.PodSpec) {}, nil},
		{"another image", func(s *corev1.PodSpec) { s.Containers[0].Image = "other" }, nil},
		{"a harmless volume", func(s *corev1.PodSpec) { s.Volumes = append(s.Volumes, scratch) }, []Rule{RuleImmutableField}},
		{"a volume of the node", func(s *corev1.PodSpec) { s.Volumes = append(s.Volumes, node) }, []Rule{RuleImmutableField, RuleHostPath}},
		{"a mount of the whole claim", func(s *corev1.PodSpec) {
			s.Volumes = append(s.Volumes, claim)
			s.Containers[0].VolumeMounts = append(s.Containers[0].VolumeMounts, corev1.VolumeMount{Name: "all", MountPath: "/all"})
		}, []Rule{RuleImmutableField, RuleClaimMount}},
		{"user data of another", func(s *corev1.PodSpec) { s.Containers[0].VolumeMounts[0].SubPath = bobDir }, []Rule{RuleImmutableField}},
		{"a container", func(s *corev1.PodSpec) {
			s.Containers = append(s.Containers, corev1.Container{Name: "more", SecurityContext: &corev1.SecurityContext{Privileged: &yes}})
		}, []Rule{RuleImmutableField, RulePodSecurity}},
		{"a device", func(s *corev1.PodSpec) {
			s.Containers[0].VolumeDevices = []corev1.VolumeDevice{{Name: "user-data", DevicePath: "/dev/x"}}
		}, []Rule{RuleImmutableField, RuleVolumeDevice}},
		{"a variable", func(s *corev1.PodSpec) {
			s.Containers[0].Env = []corev1.EnvVar{{Name: "X", ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
				LocalObjectReference: corev1.LocalObjectReference{Name: "postgres"}, Key: "x",
			}}}}
		}, []Rule{RuleImmutableField, RuleSecret}},
		{"a harmless mount", func(s *corev1.PodSpec) {
			s.Containers[0].VolumeMounts = append(s.Containers[0].VolumeMounts, corev1.VolumeMount{
				Name: "user-data", MountPath: "/again", SubPath: aliceDir,
			})
		}, []Rule{RuleImmutableField}},
		{"a harmless variable", func(s *corev1.PodSpec) {
			s.Containers[0].Env = []corev1.EnvVar{{Name: "X", Value: "1"}}
		}, []Rule{RuleImmutableField}},
		{"a harmless source of variables", func(s *corev1.PodSpec) {
			s.Containers[0].EnvFrom = []corev1.EnvFromSource{{ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "x"}}}}
		}, []Rule{RuleImmutableField}},
		{"a harmless init container", func(s *corev1.PodSpec) {
			s.InitContainers = []corev1.Container{{Name: "wait", Image: "wait"}}
		}, []Rule{RuleImmutableField}},
		{"a security context that the baseline forbids", func(s *corev1.PodSpec) {
			s.Containers[0].SecurityContext = &corev1.SecurityContext{Privileged: &yes}
		}, []Rule{RulePodSecurity}},
		{"a harmless security context", func(s *corev1.PodSpec) {
			s.Containers[0].SecurityContext = &corev1.SecurityContext{}
		}, nil},
		{"no volumes", func(s *corev1.PodSpec) { s.Volumes, s.Containers[0].VolumeMounts = nil, nil }, nil},
		{"a debugger", func(s *corev1.PodSpec) {
			s.EphemeralContainers = []corev1.EphemeralContainer{{EphemeralContainerCommon: corev1.EphemeralContainerCommon{
				Name: "debug", SecurityContext: &corev1.SecurityContext{Privileged: &yes},
			}}}
		}, []Rule{RuleEphemeralContainer}},
	} {
		t.Run(test.name, func(t *testing.T) {
			pod := stored()
			test.change(&pod.Spec)
			req := Request{Namespace: "deer-flow", Creator: Creator{Username: provisioner}, Pod: pod}
			decision := Update(policy.Policies{deerflow()}, req, stored())
			var rules []Rule
			for _, v := range decision.Violations {
				rules = append(rules, v.Rule)
			}
			if !slices.Equal(slices.Compact(rules), test.want) || len(decision.Edits) > 0 {
				t.Errorf("got %+v, want %v", decision, test.want)
			}
		})
	}
}

// TestUpdateOfAPodThatWasNotJudged gives the claim to a Pod of somebody who may not have it.
func TestUpdateOfAPodThatWasNotJudged(t *testing.T) {
	old := &corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "web"}}}}
	old.Name = "web"
	pod := old.DeepCopy()
	pod.Spec.Volumes = []corev1.Volume{{Name: "all", VolumeSource: corev1.VolumeSource{
		PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "deer-flow-home"},
	}}}
	for creator, want := range map[string]Verdict{"dana": Refused, replicaSets: Ungoverned} {
		decision := Update(policy.Policies{deerflow()}, Request{Namespace: "deer-flow", Creator: Creator{Username: creator}, Pod: pod}, old)
		if decision.Verdict != want {
			t.Errorf("%s: %+v, want %s", creator, decision, want)
		}
		if want == Refused && !strings.Contains(decision.Violations[len(decision.Violations)-1].Message, "was not judged") {
			t.Errorf("%s: %+v", creator, decision.Violations)
		}
	}
}

// TestUpdateOfUnknownFields has fields of a later version join a sandbox, stay and leave it. The types that hold
// a Pod do not show them.
func TestUpdateOfUnknownFields(t *testing.T) {
	const (
		plain    = `"volumes": []`
		volume   = `"volumes": [{"emptyDir": {}, "future": {"claim": "all"}}]`
		another  = `"volumes": [{"emptyDir": {}, "future": {"claim": "bobs"}}]`
		mount    = `"containers": [{"volumeMounts": [{"future": "../bob"}]}]`
		debugger = `"ephemeralContainers": [{"volumeMounts": [{"future": 1}]}]`
	)
	for _, test := range []struct {
		name, old, pod string
		want           Verdict
	}{
		{"a field of a volume joins", plain, volume, Refused},
		{"a field of a mount joins", plain, mount, Refused},
		{"another takes its place", volume, mount, Refused},
		{"it holds something else", volume, another, Refused},
		{"it stays", volume, volume, Allowed},
		{"it leaves", volume, plain, Allowed},
		{"a field of an ephemeral container joins", plain, debugger, Allowed},
	} {
		t.Run(test.name, func(t *testing.T) {
			req := Request{Namespace: "deer-flow", Creator: Creator{Username: provisioner}}
			stored := sandbox(annotation("user-id", "alice"), annotation("thread-id", "t1"), stamped("alice", "t1"))
			req.Pod = stored.DeepCopy()
			req.Unknown, req.StoredUnknown = unknownIn(t, test.pod), unknownIn(t, test.old)
			if got := Update(policy.Policies{deerflow()}, req, stored); got.Verdict != test.want {
				t.Errorf("got %+v, want %s", got, test.want)
			}
		})
	}
}

func unknownIn(t *testing.T, spec string) []podjson.UnknownField {
	t.Helper()
	_, unknown, err := podjson.Parse([]byte(`{"metadata": {}, "spec": {` + spec + `}}`))
	if err != nil {
		t.Fatal(err)
	}
	return unknown
}

// TestUpdateWithoutAStamp mounts bob's data in a sandbox that nobody's data was in when it was created.
func TestUpdateWithoutAStamp(t *testing.T) {
	never := deerflow(func(p *policy.Policy) { p.Proof = policy.ProofNever })
	bobs := sandbox(annotation(policy.MarkerAnnotation, "deer-flow"), noLabel("user-id"), noLabel("thread-id"), subPath(bobDir))
	idle := bobs.DeepCopy()
	idle.Spec.Volumes, idle.Spec.Containers[0].VolumeMounts = nil, nil
	decision := Update(policy.Policies{never}, Request{Namespace: "deer-flow", Creator: Creator{Username: provisioner}, Pod: bobs}, idle)
	if decision.Verdict != Refused || !slices.ContainsFunc(decision.Violations, func(v Violation) bool {
		return strings.Contains(v.Message, "/metadata/annotations/user-id: is not as Userscope would stamp it")
	}) {
		t.Errorf("%+v", decision)
	}
}

// TestUpdateOfAPodThatOnlyItsMarkerGoverns adds a volume to a Pod that was judged for the claim that it then had.
func TestUpdateOfAPodThatOnlyItsMarkerGoverns(t *testing.T) {
	old := sandbox(annotation(policy.MarkerAnnotation, "deer-flow"), noLabel("app"))
	old.Spec.Volumes, old.Spec.Containers[0].VolumeMounts = nil, nil
	pod := old.DeepCopy()
	pod.Spec.Volumes = []corev1.Volume{hostPathVolume("node", "/")}
	for _, creator := range []Creator{{Username: "dana"}, {Username: "admin", Groups: []string{"system:masters"}}} {
		got := Update(policy.Policies{deerflow()}, Request{Namespace: "deer-flow", Creator: creator, Pod: pod}, old)
		if got.Verdict != Refused || !slices.ContainsFunc(got.Violations, func(v Violation) bool { return v.Rule == RuleHostPath }) {
			t.Errorf("%s: %+v", creator.Username, got)
		}
	}
}

// TestAdditions has lists that grow by keys that they had, and lists whose entries only change.
func TestAdditions(t *testing.T) {
	env := func(names ...string) *corev1.Pod {
		pod := &corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "c"}}}}
		for i, name := range names {
			pod.Spec.Containers[0].Env = append(pod.Spec.Containers[0].Env, corev1.EnvVar{Name: name, Value: strconv.Itoa(i)})
		}
		return pod
	}
	for _, test := range []struct {
		old, pod *corev1.Pod
		want     string
	}{
		{env("A", "B"), env("B", "A"), ""},
		{env("A", "B"), env("B"), ""},
		{env("A", "B"), env("A", "C"), "spec.containers[0].env[1].name C"},
		{env("A", "B"), env("A", "B", "A"), "spec.containers[0].env[2].name A"},
		{env("A"), env("A", "A", "B"), "spec.containers[0].env[2].name B, spec.containers[0].env[1].name A"},
		{env(), env("A"), "spec.containers[0].env[0].name A"},
	} {
		var texts []string
		for _, a := range additions(test.pod, test.old) {
			texts = append(texts, a.at.String()+" "+a.value)
		}
		if got := strings.Join(texts, ", "); got != test.want {
			t.Errorf("%v to %v: %q, want %q", test.old.Spec.Containers[0].Env, test.pod.Spec.Containers[0].Env, got, test.want)
		}
	}
}
