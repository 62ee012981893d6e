package scope

import (
	"testing"

	corev1 "k8s.io/api/core/v1"

	"userscope.dev/userscope/webhook/policy"
)

func TestGoverning(t *testing.T) {
	plain := func(pod *corev1.Pod) { pod.Spec.Volumes, pod.Spec.Containers[0].VolumeMounts = nil, nil }
	wrongSelector := []Violation{{RuleSelectorMismatch, "metadata.labels", "thread-id=t1,user-id=alice",
		"this creator's Pods are sandboxes: set the labels app=deer-flow-sandbox"}}
	anyone, admin := &Creator{Username: "dev"}, &Creator{Username: "root", Groups: []string{"devs", "system:masters"}}
	runCreate(t, []createTest{
		{name: "another namespace", namespace: "default", pod: sandbox(subPath(bobDir)), verdict: Ungoverned},
		{name: "the selector's labels, whoever creates it", creator: anyone, pod: sandbox(subPath("x")),
			verdict: Rewritten, edits: setTo(firstSubPath, "x", aliceDir, firstSubPathAt)},
		{name: "the selector's labels, of an exempt user", creator: &Creator{Username: replicaSets}, pod: sandbox(subPath("x")),
			verdict: Rewritten, edits: setTo(firstSubPath, "x", aliceDir, firstSubPathAt)},
		{name: "the selector's labels, of a member of an exempt group", creator: admin, pod: sandbox(subPath("x")),
			verdict: Rewritten, edits: setTo(firstSubPath, "x", aliceDir, firstSubPathAt)},
		{name: "a provisioner without the selector's labels", pod: sandbox(plain, noLabel("app")),
			verdict: Refused, violations: wrongSelector},
		{name: "a provisioner with another value of the selector's label", pod: sandbox(plain, noLabel("user-id", "thread-id"), label("app", "gateway")),
			verdict: Refused, identity: nobody, violations: []Violation{{RuleSelectorMismatch, "metadata.labels", "app=gateway",
				"this creator's Pods are sandboxes: set the labels app=deer-flow-sandbox"}}},
		{name: "a provisioner in an exempt group", creator: &Creator{Username: provisioner, Groups: []string{"system:masters"}}, pod: sandbox(plain, noLabel("app")),
			verdict: Refused, violations: wrongSelector},
		{name: "a provisioner that is an exempt user", policy: deerflow(func(p *policy.Policy) { p.Exempt.Users = []string{provisioner} }), pod: sandbox(plain, noLabel("app")),
			verdict: Refused, violations: wrongSelector},
		{name: "a group with a provisioner's name", creator: &Creator{Username: "dev", Groups: []string{provisioner}}, pod: sandbox(plain, noLabel("app")), verdict: Ungoverned},
		{name: "a name that begins like a provisioner's", creator: &Creator{Username: provisioner + "-2"}, pod: sandbox(plain, noLabel("app")), verdict: Ungoverned},
		{name: "neither label nor provisioner nor claim", creator: anyone, pod: sandbox(plain, noLabel("app")), verdict: Ungoverned},
		{name: "without a label whose value would be empty", creator: anyone, policy: deerflow(func(p *policy.Policy) { p.Selector = policy.MatchLabels(map[string]string{"sandbox": ""}) }),
			pod: sandbox(plain), verdict: Ungoverned},
		{name: "with a label whose value is empty", creator: anyone, policy: deerflow(func(p *policy.Policy) { p.Selector = policy.MatchLabels(map[string]string{"sandbox": ""}) }),
			pod: sandbox(plain, label("sandbox", "")), verdict: Allowed},
		{name: "no labels at all", creator: anyone, pod: sandbox(plain, func(pod *corev1.Pod) { pod.Labels = nil }), verdict: Ungoverned},
		{name: "a listed claim alone", creator: anyone, pod: sandbox(noLabel("app"), volumes(claimVolume("skills", "skills"))), verdict: Ungoverned},
		{name: "the claim", creator: anyone, pod: sandbox(noLabel("app"), subPath("x")),
			verdict: Rewritten, edits: setTo(firstSubPath, "x", aliceDir, firstSubPathAt)},
		{name: "the claim, by an exempt user", creator: &Creator{Username: replicaSets}, pod: sandbox(noLabel("app")), verdict: Ungoverned},
		{name: "the claim, by a member of an exempt group", creator: admin, pod: sandbox(noLabel("app")), verdict: Ungoverned},
		{name: "the claim, by another account of an exempt user's namespace", creator: &Creator{Username: "system:serviceaccount:kube-system:somebody"}, pod: sandbox(noLabel("app"), subPath("x")),
			verdict: Rewritten, edits: setTo(firstSubPath, "x", aliceDir, firstSubPathAt)},
		{name: "the claim, by a user with an exempt group's name", creator: &Creator{Username: "system:masters"}, pod: sandbox(noLabel("app"), subPath("x")),
			verdict: Rewritten, edits: setTo(firstSubPath, "x", aliceDir, firstSubPathAt)},
		{name: "the claim, by a member of a group with an exempt user's name", creator: &Creator{Username: "dev", Groups: []string{replicaSets}}, pod: sandbox(noLabel("app"), subPath("x")),
			verdict: Rewritten, edits: setTo(firstSubPath, "x", aliceDir, firstSubPathAt)},
		{name: "the claim, under a harmless name", creator: anyone,
			pod:     sandbox(noLabel("app"), volumes(claimVolume("cache", "deer-flow-home")), mountsOf(corev1.VolumeMount{Name: "cache", MountPath: "/mnt/user-data"})),
			verdict: Rewritten, edits: setTo(firstSubPath, "", aliceDir, firstSubPathAt)},
		{name: "another claim", creator: anyone,
			pod: sandbox(noLabel("app"), volumes(claimVolume("user-data", "database"))), verdict: Ungoverned},
		{name: "an ephemeral volume that copies something", creator: anyone,
			pod: sandbox(noLabel("app", "user-id", "thread-id"), mountsOf(), volumes(ephemeral(corev1.PersistentVolumeClaimSpec{
				DataSource: &corev1.TypedLocalObjectReference{Kind: "PersistentVolumeClaim", Name: "deer-flow-home"}}))),
			verdict: Refused, identity: nobody, violations: []Violation{notListed("spec.volumes[0].ephemeral", "ephemeral")}},
		{name: "an ephemeral volume that copies by dataSourceRef", creator: anyone,
			pod: sandbox(noLabel("app", "user-id", "thread-id"), mountsOf(), volumes(ephemeral(corev1.PersistentVolumeClaimSpec{
				DataSourceRef: &corev1.TypedObjectReference{Kind: "PersistentVolumeClaim", Name: "deer-flow-home"}}))),
			verdict: Refused, identity: nobody, violations: []Violation{notListed("spec.volumes[0].ephemeral", "ephemeral")}},
		{name: "an empty ephemeral volume", creator: anyone,
			pod: sandbox(noLabel("app"), volumes(ephemeral(corev1.PersistentVolumeClaimSpec{}))), verdict: Ungoverned},
		{name: "an ephemeral volume without a template", creator: anyone,
			pod: sandbox(noLabel("app"), volumes(corev1.Volume{Name: "tmp", VolumeSource: corev1.VolumeSource{Ephemeral: &corev1.EphemeralVolumeSource{}}})), verdict: Ungoverned},
		{name: "a sandbox without data needs no identity", pod: sandbox(plain, noLabel("user-id", "thread-id")), verdict: Allowed, identity: nobody},
		{name: "a sandbox without containers", pod: sandbox(func(pod *corev1.Pod) { pod.Spec.Containers = nil }), verdict: Allowed, identity: "alice/t1 label"},
		{name: "an empty Pod of somebody", creator: anyone, pod: &corev1.Pod{}, verdict: Ungoverned},
	})
}

// A new Pod that says of itself that it was judged is judged, by the policies that it names, and by all of its
// namespace if these are none.
func TestClaimsToBeJudged(t *testing.T) {
	other := deerflow(func(p *policy.Policy) {
		p.Name, p.Claim, p.UserDataVolume, p.UserDataMountPath = "homes", "homes", "home", "/home"
	})
	both := policy.Policies{deerflow(), other}
	for _, test := range []struct {
		name                string
		labels, annotations map[string]string
		want                string // the marker afterwards; none if nobody governs
	}{
		{"nothing", map[string]string{"team": "red"}, map[string]string{"note": "x"}, ""},
		{"a marker", nil, map[string]string{policy.MarkerAnnotation: "deer-flow"}, "deer-flow"},
		{"a marker of the other", nil, map[string]string{policy.MarkerAnnotation: "homes"}, "homes"},
		{"a marker of both, and one more", nil, map[string]string{policy.MarkerAnnotation: "x,homes,deer-flow"}, "deer-flow,homes"},
		{"a marker of nobody", nil, map[string]string{policy.MarkerAnnotation: "x"}, "deer-flow,homes"},
		{"an empty marker", nil, map[string]string{policy.MarkerAnnotation: ""}, "deer-flow,homes"},
		{"a stamp", nil, map[string]string{policy.UserStamp: "bob"}, "deer-flow,homes"},
		{"an empty stamp", nil, map[string]string{policy.ThreadStamp: ""}, "deer-flow,homes"},
		{"a stamp as a label", map[string]string{policy.UserStamp: "bob"}, nil, "deer-flow,homes"},
		{"a stamp and a marker", map[string]string{policy.ThreadStamp: "t1"}, map[string]string{policy.MarkerAnnotation: "homes"}, "homes"},
	} {
		t.Run(test.name, func(t *testing.T) {
			pod := &corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "main"}}}}
			pod.Labels, pod.Annotations = test.labels, test.annotations
			got := Create(both, Request{Namespace: "deer-flow", Creator: Creator{Username: replicaSets}, Pod: pod})
			marker := test.annotations[policy.MarkerAnnotation]
			if got.Verdict == Ungoverned {
				marker = ""
			}
			for _, edit := range got.Edits {
				switch value := edit.Value.(type) {
				case string:
					if edit.Path == "/metadata/annotations/userscope.dev~1policies" {
						marker = value
					}
				case map[string]string:
					marker = value[policy.MarkerAnnotation]
				}
				if edit.Op == "add" && (edit.Path == "/metadata/annotations/userscope.dev~1user" || edit.Path == "/metadata/labels/userscope.dev~1user") {
					t.Errorf("nobody's Pod is stamped: %+v", edit)
				}
			}
			if marker != test.want {
				t.Errorf("%s, marked %q, want %q", got.Verdict, marker, test.want)
			}
		})
	}
}
