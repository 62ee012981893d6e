package scope

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// createTest is one creation of a Pod: by the provisioner under DeerFlow's policy, unless it
// says otherwise.
type createTest struct {
	name      string
	policy    *Policy
	namespace string
	creator   *Creator
	pod       *corev1.Pod

	verdict    Verdict
	identity   string // "user/thread source"
	edits      []Edit
	violations []Violation
}

func (test createTest) run(t *testing.T) {
	t.Helper()
	policies := Policies{test.policy}
	if test.policy == nil {
		policies = Policies{deerflow()}
	}
	req := Request{Namespace: "deer-flow", Creator: Creator{Username: provisioner}, Pod: test.pod}
	if test.namespace != "" {
		req.Namespace = test.namespace
	}
	if test.creator != nil {
		req.Creator = *test.creator
	}
	sent := test.pod.DeepCopy()
	got := policies.Create(req)

	if got.Verdict != test.verdict {
		t.Errorf("verdict %s, want %s", got.Verdict, test.verdict)
	}
	if identity := strings.TrimSuffix(got.Identity.String()+" "+string(got.Identity.Source), " "); identity != test.identity && test.identity != "" {
		t.Errorf("identity %q, want %q", identity, test.identity)
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

func TestGoverning(t *testing.T) {
	plain := func(pod *corev1.Pod) { pod.Spec.Volumes, pod.Spec.Containers[0].VolumeMounts = nil, nil }
	wrongSelector := []Violation{{SelectorMismatch, "metadata.labels", "thread-id=t1,user-id=alice",
		"this creator's Pods are sandboxes: set the labels app=deer-flow-sandbox"}}
	anyone, admin := &Creator{Username: "dev"}, &Creator{Username: "root", Groups: []string{"devs", "system:masters"}}
	runCreate(t, []createTest{
		{name: "another namespace", namespace: "default", pod: sandbox(subPath(bobDir)), verdict: Ungoverned},
		{name: "the selector's labels, whoever creates it", creator: anyone, pod: sandbox(subPath("x")),
			verdict: Rewritten, edits: setTo(firstSubPath, "x", aliceDir, firstSubPathAt)},
		{name: "the selector's labels, of an exempt creator", creator: admin, pod: sandbox(subPath("x")),
			verdict: Rewritten, edits: setTo(firstSubPath, "x", aliceDir, firstSubPathAt)},
		{name: "a provisioner without the selector's labels", pod: sandbox(plain, noLabel("app")),
			verdict: Refused, violations: wrongSelector},
		{name: "a provisioner with another value of the selector's label", pod: sandbox(plain, noLabel("user-id", "thread-id"), label("app", "gateway")),
			verdict: Refused, violations: []Violation{{SelectorMismatch, "metadata.labels", "app=gateway",
				"this creator's Pods are sandboxes: set the labels app=deer-flow-sandbox"}}},
		{name: "neither label nor provisioner nor claim", creator: anyone, pod: sandbox(plain, noLabel("app")), verdict: Ungoverned},
		{name: "without a label whose value would be empty", creator: anyone, policy: deerflow(func(p *Policy) { p.Selector = map[string]string{"sandbox": ""} }),
			pod: sandbox(plain), verdict: Ungoverned},
		{name: "with a label whose value is empty", creator: anyone, policy: deerflow(func(p *Policy) { p.Selector = map[string]string{"sandbox": ""} }),
			pod: sandbox(plain, label("sandbox", "")), verdict: Allowed},
		{name: "no labels at all", creator: anyone, pod: sandbox(plain, func(pod *corev1.Pod) { pod.Labels = nil }), verdict: Ungoverned},
		{name: "a listed claim alone", creator: anyone, pod: sandbox(noLabel("app"), volumes(claimVolume("skills", "skills"))), verdict: Ungoverned},
		{name: "the claim", creator: anyone, pod: sandbox(noLabel("app"), subPath("x")),
			verdict: Rewritten, edits: setTo(firstSubPath, "x", aliceDir, firstSubPathAt)},
		{name: "the claim, by an exempt user", creator: &Creator{Username: replicaSets}, pod: sandbox(noLabel("app")), verdict: Ungoverned},
		{name: "the claim, by a member of an exempt group", creator: admin, pod: sandbox(noLabel("app")), verdict: Ungoverned},
		{name: "the claim, under a harmless name", creator: anyone,
			pod:     sandbox(noLabel("app"), volumes(claimVolume("cache", "deer-flow-home")), mountsOf(corev1.VolumeMount{Name: "cache", MountPath: "/mnt/user-data"})),
			verdict: Rewritten, edits: setTo(firstSubPath, "", aliceDir, firstSubPathAt)},
		{name: "another claim", creator: anyone,
			pod: sandbox(noLabel("app"), volumes(claimVolume("user-data", "database"))), verdict: Ungoverned},
		{name: "an ephemeral volume that copies something", creator: anyone,
			pod: sandbox(noLabel("app", "user-id", "thread-id"), mountsOf(), volumes(ephemeral(corev1.PersistentVolumeClaimSpec{
				DataSource: &corev1.TypedLocalObjectReference{Kind: "PersistentVolumeClaim", Name: "deer-flow-home"}}))),
			verdict: Refused, violations: []Violation{notListed("spec.volumes[0].ephemeral", "ephemeral")}},
		{name: "an ephemeral volume that copies by dataSourceRef", creator: anyone,
			pod: sandbox(noLabel("app", "user-id", "thread-id"), mountsOf(), volumes(ephemeral(corev1.PersistentVolumeClaimSpec{
				DataSourceRef: &corev1.TypedObjectReference{Kind: "PersistentVolumeClaim", Name: "deer-flow-home"}}))),
			verdict: Refused, violations: []Violation{notListed("spec.volumes[0].ephemeral", "ephemeral")}},
		{name: "an empty ephemeral volume", creator: anyone,
			pod: sandbox(noLabel("app"), volumes(ephemeral(corev1.PersistentVolumeClaimSpec{}))), verdict: Ungoverned},
		{name: "an ephemeral volume without a template", creator: anyone,
			pod: sandbox(noLabel("app"), volumes(corev1.Volume{Name: "tmp", VolumeSource: corev1.VolumeSource{Ephemeral: &corev1.EphemeralVolumeSource{}}})), verdict: Ungoverned},
		{name: "a sandbox without data needs no identity", pod: sandbox(plain, noLabel("user-id", "thread-id")), verdict: Allowed},
		{name: "a sandbox without containers", pod: sandbox(func(pod *corev1.Pod) { pod.Spec.Containers = nil }), verdict: Allowed, identity: "alice/t1 label"},
		{name: "an empty Pod of somebody", creator: anyone, pod: &corev1.Pod{}, verdict: Ungoverned},
	})
}

// notListed is the violation of a volume type that the policy does not list.
func notListed(at, name string) Violation {
	return Violation{VolumeType, at, name, "is a volume type that sandboxes may not have: drop the volume, or have the policy list the type"}
}

func ephemeral(spec corev1.PersistentVolumeClaimSpec) corev1.Volume {
	return corev1.Volume{Name: "tmp", VolumeSource: corev1.VolumeSource{Ephemeral: &corev1.EphemeralVolumeSource{
		VolumeClaimTemplate: &corev1.PersistentVolumeClaimTemplate{Spec: spec}}}}
}

func TestDeclaredIdentity(t *testing.T) {
	missing := func(noun, key string) Violation {
		return Violation{IdentityMissing, "metadata.labels[" + key + "]", "",
			"no " + noun + ": set this label to the sandbox's " + noun + " id or, if the id is no legal label value, an annotation with the same key"}
	}
	invalid := func(where, value, problem, noun string) Violation {
		return Violation{IdentityInvalid, "metadata." + where, value, problem + ": set it to the " + noun + " id that the data belongs to"}
	}
	const alphabet = "has characters other than A-Z, a-z, 0-9, _ and -"
	t64, t65 := strings.Repeat("t", 64), strings.Repeat("t", 65)
	u255, u256 := strings.Repeat("u", 255), strings.Repeat("u", 256)
	at := func(user, thread string) []Edit {
		return setTo(firstSubPath, "x", "deer-flow/users/"+user+"/threads/"+thread+"/user-data", firstSubPathAt)
	}
	hub := deerflow(func(p *Policy) { p.Layout = Layout{UserData: template("home/{user}")} })

	runCreate(t, []createTest{
		{name: "labels", pod: sandbox(), verdict: Allowed, identity: "alice/t1 label"},
		{name: "annotations", pod: sandbox(noLabel("user-id", "thread-id"), annotation("user-id", "alice"), annotation("thread-id", "t1")),
			verdict: Allowed, identity: "alice/t1 annotation"},
		{name: "a label and an annotation", pod: sandbox(noLabel("thread-id"), annotation("thread-id", "t1")),
			verdict: Allowed, identity: "alice/t1 annotation"},
		{name: "an annotation and a label", pod: sandbox(noLabel("user-id"), annotation("user-id", "alice")),
			verdict: Allowed, identity: "alice/t1 annotation"},
		{name: "both, alike", pod: sandbox(annotation("user-id", "alice"), annotation("thread-id", "t1")), verdict: Allowed, identity: "alice/t1 label"},
		{name: "both, different", pod: sandbox(annotation("user-id", "bob")), verdict: Refused,
			violations: []Violation{{IdentityConflict, "metadata.annotations[user-id]", "bob", `contradicts the label with the same key: set only one of them, or both alike; the label says "alice"`}}},
		{name: "no user", pod: sandbox(subPath("x"), noLabel("user-id")), verdict: Refused, violations: []Violation{missing("user", "user-id")}},
		{name: "no thread", pod: sandbox(subPath("x"), noLabel("thread-id")), verdict: Refused, violations: []Violation{missing("thread", "thread-id")}},
		{name: "neither", pod: sandbox(subPath("x"), noLabel("user-id", "thread-id")), verdict: Refused,
			violations: []Violation{missing("user", "user-id"), missing("thread", "thread-id")}},
		{name: "an empty user beside a good annotation", pod: sandbox(label("user-id", ""), annotation("user-id", "alice")), verdict: Refused,
			violations: []Violation{invalid("labels[user-id]", "", "is empty", "user"),
				{IdentityConflict, "metadata.annotations[user-id]", "alice", `contradicts the label with the same key: set only one of them, or both alike; the label says ""`}}},
		{name: "an empty thread annotation beside a good label", pod: sandbox(annotation("thread-id", "")), verdict: Refused,
			violations: []Violation{invalid("annotations[thread-id]", "", "is empty", "thread"),
				{IdentityConflict, "metadata.annotations[thread-id]", "", `contradicts the label with the same key: set only one of them, or both alike; the label says "t1"`}}},
		{name: "dots", pod: sandbox(label("user-id", "a.b")), verdict: Refused, violations: []Violation{invalid("labels[user-id]", "a.b", alphabet, "user")}},
		{name: "the parent directory", pod: sandbox(noLabel("user-id"), annotation("user-id", "..")), verdict: Refused,
			violations: []Violation{invalid("annotations[user-id]", "..", alphabet, "user")}},
		{name: "the same directory", pod: sandbox(noLabel("thread-id"), annotation("thread-id", ".")), verdict: Refused,
			violations: []Violation{invalid("annotations[thread-id]", ".", alphabet, "thread")}},
		{name: "a slash", pod: sandbox(noLabel("user-id"), annotation("user-id", "a/b")), verdict: Refused,
			violations: []Violation{invalid("annotations[user-id]", "a/b", alphabet, "user")}},
		{name: "unicode", pod: sandbox(noLabel("user-id"), annotation("user-id", "ålice")), verdict: Refused,
			violations: []Violation{invalid("annotations[user-id]", "ålice", alphabet, "user")}},
		{name: "a newline at the end", pod: sandbox(noLabel("user-id"), annotation("user-id", "alice\n")), verdict: Refused,
			violations: []Violation{invalid("annotations[user-id]", "alice\n", alphabet, "user")}},
		{name: "a NUL", pod: sandbox(noLabel("user-id"), annotation("user-id", "alice\x00")), verdict: Refused,
			violations: []Violation{invalid("annotations[user-id]", "alice\x00", alphabet, "user")}},
		{name: "ids that are no label values", pod: sandbox(noLabel("user-id", "thread-id"), annotation("user-id", "-alice_"), annotation("thread-id", "_"), subPath("x")),
			verdict: Rewritten, identity: "-alice_/_ annotation", edits: at("-alice_", "_")},
		{name: "every kind of character", pod: sandbox(label("user-id", "azAZ09_-x"), subPath("x")),
			verdict: Rewritten, identity: "azAZ09_-x/t1 label", edits: at("azAZ09_-x", "t1")},
		{name: "the longest thread", pod: sandbox(noLabel("thread-id"), annotation("thread-id", t64), subPath("x")),
			verdict: Rewritten, edits: at("alice", t64)},
		{name: "a longer thread", pod: sandbox(noLabel("thread-id"), annotation("thread-id", t65)), verdict: Refused,
			violations: []Violation{invalid("annotations[thread-id]", t65, "is 65 bytes long, and 64 are allowed", "thread")}},
		{name: "the longest user", pod: sandbox(noLabel("user-id"), annotation("user-id", u255), subPath("x")),
			verdict: Rewritten, edits: []Edit{{Op: "replace", Path: firstSubPath, Value: "deer-flow/users/" + u255 + "/threads/t1/user-data",
				Warning: firstSubPathAt + `: "x" is now "deer-flow/users/` + strings.Repeat("u", 112) + `"…`}}},
		{name: "a longer user", pod: sandbox(noLabel("user-id"), annotation("user-id", u256)), verdict: Refused,
			violations: []Violation{invalid("annotations[user-id]", u256, "is 256 bytes long, and 255 are allowed", "user")}},
		{name: "an id that the policy's pattern leaves out", pod: sandbox(),
			policy:  deerflow(func(p *Policy) { p.User.Pattern = regexp.MustCompile("^(?:u[0-9]+)$") }),
			verdict: Refused, violations: []Violation{invalid("labels[user-id]", "alice", "does not match the policy's pattern", "user")}},
		{name: "an id that the policy's pattern takes", pod: sandbox(),
			policy:  deerflow(func(p *Policy) { p.User.Pattern = regexp.MustCompile("^(?:[a-z]+)$") }),
			verdict: Allowed},
		{name: "an upper-case letter where the filesystem ignores case", pod: sandbox(label("user-id", "alicE")),
			policy:  deerflow(func(p *Policy) { p.User.LowerCase = true }),
			verdict: Refused, violations: []Violation{invalid("labels[user-id]", "alicE",
				"has upper-case letters, which the policy's filesystem cannot tell from lower-case ones", "user")}},
		{name: "every other character where the filesystem ignores case", pod: sandbox(label("user-id", "az09_-x")),
			policy:  deerflow(func(p *Policy) { p.User.LowerCase = true }),
			verdict: Rewritten, identity: "az09_-x/t1 label", edits: setTo(firstSubPath, aliceDir, "deer-flow/users/az09_-x/threads/t1/user-data", firstSubPathAt)},
		{name: "the first upper-case letter where the filesystem ignores case", pod: sandbox(label("user-id", "A")),
			policy:  deerflow(func(p *Policy) { p.User.LowerCase = true }),
			verdict: Refused, violations: []Violation{invalid("labels[user-id]", "A",
				"has upper-case letters, which the policy's filesystem cannot tell from lower-case ones", "user")}},
		{name: "the last upper-case letter where the filesystem ignores case", pod: sandbox(label("user-id", "Z")),
			policy:  deerflow(func(p *Policy) { p.User.LowerCase = true }),
			verdict: Refused, violations: []Violation{invalid("labels[user-id]", "Z",
				"has upper-case letters, which the policy's filesystem cannot tell from lower-case ones", "user")}},
		{name: "a layout without threads", policy: hub, pod: sandbox(noLabel("thread-id"), subPath("home/bob")),
			verdict: Rewritten, identity: "alice label", edits: setTo(firstSubPath, "home/bob", "home/alice", firstSubPathAt)},
		{name: "a malformed thread where no layout asks for one", policy: hub, pod: sandbox(label("thread-id", "a.b"), subPath("home/alice")), verdict: Allowed},
	})
}

func TestUserDataMounts(t *testing.T) {
	const removed = " is removed: user data is mounted by its literal path"
	removeExpr := Edit{Op: "remove", Path: "/spec/containers/0/volumeMounts/0/subPathExpr",
		Warning: `spec.containers[0].volumeMounts[0].subPathExpr: "$(X)"` + removed}
	other := corev1.VolumeMount{Name: "extra-0", MountPath: "/mnt/user-data", SubPath: "x"}
	second := "/spec/containers/0/volumeMounts/1/subPath"
	secondAt := "spec.containers[0].volumeMounts[1].subPath"

	runCreate(t, []createTest{
		{name: "its own directory", pod: sandbox(), verdict: Allowed},
		{name: "another user's", pod: sandbox(subPath(bobDir)), verdict: Rewritten, edits: setTo(firstSubPath, bobDir, aliceDir, firstSubPathAt)},
		{name: "the thread-only path of old", pod: sandbox(subPath("threads/t1/user-data")), verdict: Rewritten,
			edits: setTo(firstSubPath, "threads/t1/user-data", aliceDir, firstSubPathAt)},
		{name: "the whole claim", pod: sandbox(subPath("")), verdict: Rewritten, edits: setTo(firstSubPath, "", aliceDir, firstSubPathAt)},
		{name: "an unclean spelling of its own", pod: sandbox(subPath("./" + aliceDir)), verdict: Rewritten,
			edits: setTo(firstSubPath, "./"+aliceDir, aliceDir, firstSubPathAt)},
		{name: "subPathExpr", pod: sandbox(mountsOf(corev1.VolumeMount{Name: "user-data", MountPath: "/mnt/user-data", SubPathExpr: "$(X)"})),
			verdict: Rewritten, edits: append([]Edit{removeExpr}, setTo(firstSubPath, "", aliceDir, firstSubPathAt)...)},
		{name: "subPathExpr beside a good subPath", pod: sandbox(mountsOf(corev1.VolumeMount{Name: "user-data", MountPath: "/mnt/user-data", SubPath: aliceDir, SubPathExpr: "$(X)"})),
			verdict: Rewritten, edits: []Edit{removeExpr}},
		{name: "an init container", pod: sandbox(initContainer, func(pod *corev1.Pod) { pod.Spec.InitContainers[0].VolumeMounts[0].SubPath = "x" }),
			verdict: Rewritten, edits: setTo("/spec/initContainers/0/volumeMounts/0/subPath", "x", aliceDir, "spec.initContainers[0].volumeMounts[0].subPath")},
		{name: "a second container", pod: sandbox(func(pod *corev1.Pod) {
			pod.Spec.Containers = append(pod.Spec.Containers, corev1.Container{VolumeMounts: []corev1.VolumeMount{{Name: "user-data", MountPath: "/d", SubPath: "x"}}})
		}), verdict: Rewritten, edits: setTo("/spec/containers/1/volumeMounts/0/subPath", "x", aliceDir, "spec.containers[1].volumeMounts[0].subPath")},
		{name: "an ephemeral container", pod: sandbox(func(pod *corev1.Pod) {
			pod.Spec.EphemeralContainers = []corev1.EphemeralContainer{{EphemeralContainerCommon: corev1.EphemeralContainerCommon{
				VolumeMounts: []corev1.VolumeMount{{Name: "user-data", MountPath: "/d", SubPath: "x"}}}}}
		}), verdict: Refused, violations: []Violation{{EphemeralContainer, "spec.ephemeralContainers[0].volumeMounts[0].name", "user-data",
			"shows all of persistentVolumeClaim deer-flow-home: debug without it"}}},
		{name: "another volume of the claim at the user-data path", pod: sandbox(addVolume(claimVolume("extra-0", "deer-flow-home")), addMount(other)),
			verdict: Rewritten, edits: setTo(second, "x", aliceDir, secondAt)},
		{name: "at a path that means the same", pod: sandbox(addVolume(claimVolume("extra-0", "deer-flow-home")),
			addMount(corev1.VolumeMount{Name: "extra-0", MountPath: "mnt/x/../user-data/", SubPath: "x"})),
			verdict: Rewritten, edits: append(setTo(second, "x", aliceDir, secondAt),
				setTo("/spec/containers/0/volumeMounts/1/mountPath", "mnt/x/../user-data/", "/mnt/user-data", "spec.containers[0].volumeMounts[1].mountPath")...)},
		{name: "at a path from above the root", pod: sandbox(addVolume(claimVolume("extra-0", "deer-flow-home")),
			addMount(corev1.VolumeMount{Name: "extra-0", MountPath: "../mnt/user-data", SubPath: aliceDir})),
			verdict: Rewritten, edits: setTo("/spec/containers/0/volumeMounts/1/mountPath", "../mnt/user-data", "/mnt/user-data", "spec.containers[0].volumeMounts[1].mountPath")},
		{name: "the user-data volume elsewhere", pod: sandbox(addMount(corev1.VolumeMount{Name: "user-data", MountPath: "/elsewhere", SubPath: "x"})),
			verdict: Rewritten, edits: setTo(second, "x", aliceDir, secondAt)},
		{name: "an emptyDir at the user-data path", pod: sandbox(addVolume(corev1.Volume{Name: "extra-0", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}),
			addMount(other)), verdict: Allowed},
		{name: "a volume twice, once the claim", pod: sandbox(
			volumes(claimVolume("user-data", "deer-flow-home"), claimVolume("extra-0", "skills"), claimVolume("extra-0", "deer-flow-home")), addMount(other),
			spec(func(s *corev1.PodSpec) { s.Volumes[1].PersistentVolumeClaim.ReadOnly = true })),
			verdict: Rewritten, edits: setTo(second, "x", aliceDir, secondAt)},
	})
}

func TestTwoPolicies(t *testing.T) {
	home := deerflow(func(p *Policy) {
		p.Name, p.Claim, p.UserDataVolume, p.UserDataMountPath = "home", "home", "home", "/home"
		p.Layout = Layout{UserData: template("{user}")}
	})
	policies := Policies{deerflow(), home}
	pod := sandbox(annotation(MarkerAnnotation, "deer-flow,home"), addVolume(claimVolume("home", "home")), addMount(corev1.VolumeMount{Name: "home", MountPath: "/home", SubPath: "bob"}))

	got := policies.Create(Request{Namespace: "deer-flow", Creator: Creator{Username: provisioner}, Pod: pod})
	if want := setTo("/spec/containers/0/volumeMounts/1/subPath", "bob", "alice", "spec.containers[0].volumeMounts[1].subPath")[0]; !reflect.DeepEqual(got.Edits[0], want) {
		t.Errorf("first edit %+v, want %+v", got.Edits[0], want)
	}

	delete(pod.Labels, "user-id")
	pod.Spec.Containers[0].VolumeMounts = nil
	got = policies.Create(Request{Namespace: "deer-flow", Creator: Creator{Username: provisioner}, Pod: pod})
	if len(got.Violations) != 1 || got.Violations[0].Rule != IdentityMissing {
		t.Errorf("both policies miss the same user, which is one violation: %+v", got.Violations)
	}
}

// A volume that drew one policy in and was replaced by another leaves the Pod to the other alone.
func TestReplacedVolumesDrawNobodyIn(t *testing.T) {
	home := deerflow(func(p *Policy) {
		p.Name, p.Claim, p.UserDataVolume, p.UserDataMountPath = "home", "home", "tmp", "/home"
	})
	pod := sandbox(noLabel("app"), mountsOf(), volumes(ephemeral(corev1.PersistentVolumeClaimSpec{DataSource: &corev1.TypedLocalObjectReference{Name: "x"}})))
	got := Policies{deerflow(), home}.Create(Request{Namespace: "deer-flow", Creator: Creator{Username: "dev"}, Pod: pod})
	if want := (Edit{Op: "add", Path: "/metadata/annotations/userscope.dev~1policies", Value: "home"}); got.Verdict != Rewritten || !reflect.DeepEqual(got.Edits[1], want) {
		t.Errorf("got %+v", got)
	}
}

// A Pod that has only data of a policy without threads needs none, also where another policy that
// knows threads governs it.
func TestThreadsAreForThosePoliciesWhoseDataThePodHas(t *testing.T) {
	home := deerflow(func(p *Policy) {
		p.Name, p.Claim, p.UserDataVolume, p.UserDataMountPath = "home", "home", "home", "/home"
		p.Layout = Layout{UserData: template("{user}")}
	})
	request := Request{Namespace: "deer-flow", Creator: Creator{Username: provisioner}}
	request.Pod = sandbox(noLabel("thread-id"), volumes(claimVolume("home", "home")), mountsOf(corev1.VolumeMount{Name: "home", MountPath: "/home", SubPath: "alice"}))
	if got := (Policies{deerflow(), home}).Create(request); got.Verdict != Allowed || got.Identity.String() != "alice" {
		t.Errorf("data of the policy without threads: %+v", got)
	}
	addVolume(claimVolume("user-data", "deer-flow-home"))(request.Pod)
	if got := (Policies{deerflow(), home}).Create(request); got.Verdict != Refused || got.Violations[0].Rule != IdentityMissing {
		t.Errorf("data of both: %+v", got)
	}
	request.Pod = sandbox(noLabel("thread-id"), volumes(), mountsOf())
	if got := (Policies{deerflow(), home}).Create(request); got.Verdict != Refused || got.Violations[0].Rule != IdentityMissing {
		t.Errorf("half a declaration and no data: %+v", got)
	}
}

func TestViolationsAreCapped(t *testing.T) {
	pod := sandbox()
	for i := range 40 {
		pod.Spec.Volumes = append(pod.Spec.Volumes, claimVolume(fmt.Sprint("other-", i), "other"))
	}
	got := Policies{deerflow()}.Create(Request{Namespace: "deer-flow", Creator: Creator{Username: provisioner}, Pod: pod})
	if len(got.Violations) != 32 || got.More != 8 {
		t.Errorf("%d violations and %d more, want 32 and 8", len(got.Violations), got.More)
	}
}
