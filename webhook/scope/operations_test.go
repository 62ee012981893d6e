package scope

import (
	"reflect"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

func TestUpdate(t *testing.T) {
	const (
		fixed   = "marks the Pod as the sandbox of its user, and cannot be added, changed or removed: create a new Pod instead"
		adopted = "would make a sandbox of a Pod that was not created as one: create a new Pod instead"
	)
	label := func(key, value string) []Violation {
		return []Violation{{ImmutableField, "metadata.labels[" + key + "]", value, fixed}}
	}
	inAnnotation := func(key, value string) []Violation {
		return []Violation{{ImmutableField, "metadata.annotations[" + key + "]", value, fixed}}
	}
	unmarked := func(tweaks ...func(*corev1.Pod)) *corev1.Pod {
		pod := sandbox(noLabel("app"))
		pod.Annotations = map[string]string{"a": "b"}
		for _, tweak := range tweaks {
			tweak(pod)
		}
		return pod
	}
	setLabel := func(key, value string) func(*corev1.Pod) { return func(pod *corev1.Pod) { pod.Labels[key] = value } }
	hub := deerflow(func(p *Policy) { p.Layout = Layout{UserData: template("home/{user}")} })

	tests := []struct {
		name      string
		policy    *Policy
		namespace string
		old, pod  *corev1.Pod
		verdict   Verdict
		want      []Violation
	}{
		{name: "nothing", old: sandbox(), pod: sandbox(), verdict: Allowed},
		{name: "another label", old: sandbox(), pod: sandbox(setLabel("x", "y")), verdict: Allowed},
		{name: "finalizers", old: sandbox(), pod: sandbox(func(pod *corev1.Pod) { pod.Finalizers = []string{"x/y"} }), verdict: Allowed},
		{name: "the user", old: sandbox(), pod: sandbox(setLabel("user-id", "bob")), verdict: Refused, want: label("user-id", "bob")},
		{name: "the thread", old: sandbox(), pod: sandbox(setLabel("thread-id", "t2")), verdict: Refused, want: label("thread-id", "t2")},
		{name: "no user any more", old: sandbox(), pod: sandbox(noLabel("user-id")), verdict: Refused, want: label("user-id", "")},
		{name: "a user for the first time", old: sandbox(noLabel("user-id")), pod: sandbox(setLabel("user-id", "")), verdict: Refused, want: label("user-id", "")},
		{name: "a user annotation", old: sandbox(), pod: sandbox(annotation("user-id", "bob")), verdict: Refused, want: inAnnotation("user-id", "bob")},
		{name: "a thread annotation", old: sandbox(annotation("thread-id", "t1")), pod: sandbox(), verdict: Refused, want: inAnnotation("thread-id", "")},
		{name: "the sandbox id", old: sandbox(setLabel("sandbox-id", "1")), pod: sandbox(setLabel("sandbox-id", "2")), verdict: Refused, want: label("sandbox-id", "2")},
		{name: "the selector's label", old: sandbox(), pod: sandbox(setLabel("app", "gateway")), verdict: Refused, want: label("app", "gateway")},
		{name: "the marker", old: sandbox(), pod: sandbox(annotation(MarkerAnnotation, "x")), verdict: Refused, want: inAnnotation(MarkerAnnotation, "x")},
		{name: "no marker any more", old: sandbox(), pod: sandbox(func(pod *corev1.Pod) { pod.Annotations = nil }), verdict: Refused, want: inAnnotation(MarkerAnnotation, "")},
		{name: "a thread that the layout does not know", policy: hub, old: sandbox(), pod: sandbox(setLabel("thread-id", "t2")), verdict: Allowed},
		{name: "another namespace", namespace: "default", old: sandbox(), pod: sandbox(setLabel("user-id", "bob")), verdict: Ungoverned},
		{name: "a Pod that was never judged", old: unmarked(), pod: unmarked(setLabel("user-id", "bob")), verdict: Ungoverned},
		{name: "a Pod older than the installation", old: unmarked(setLabel("app", "deer-flow-sandbox")), pod: unmarked(setLabel("app", "deer-flow-sandbox"), setLabel("x", "y")), verdict: Ungoverned},
		{name: "a marker for a Pod that was never judged", old: unmarked(), pod: unmarked(annotation(MarkerAnnotation, "deer-flow")), verdict: Refused,
			want: []Violation{{ImmutableField, "metadata.annotations[userscope.dev/policies]", "deer-flow", adopted}}},
		{name: "the selector's labels for a Pod that was never judged", old: unmarked(), pod: unmarked(setLabel("app", "deer-flow-sandbox")), verdict: Refused,
			want: []Violation{{ImmutableField, "metadata.labels", "app=deer-flow-sandbox", adopted}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			policy, namespace := test.policy, test.namespace
			if policy == nil {
				policy = deerflow()
			}
			if namespace == "" {
				namespace = "deer-flow"
			}
			sent := test.pod.DeepCopy()
			got := Policies{policy}.Update(Request{Namespace: namespace, Pod: test.pod}, test.old)
			if got.Verdict != test.verdict || !equal(got.Violations, test.want) || len(got.Edits) > 0 {
				t.Errorf("got  %+v\nwant %s %+v", got, test.verdict, test.want)
			}
			if !reflect.DeepEqual(sent, test.pod) {
				t.Error("the decision changed the Pod")
			}
		})
	}
}

func TestDelete(t *testing.T) {
	gateway := &corev1.Pod{}
	gateway.Labels = map[string]string{"app": "gateway"}
	unmarked := sandbox()
	unmarked.Annotations = nil
	unlabelled := sandbox(noLabel("app"))
	wrong := []Violation{{DeleteNotSandbox, "metadata.labels", "app=gateway", "are not a sandbox's (app=deer-flow-sandbox), and a provisioner deletes nothing else: use another user"}}
	tests := []struct {
		name, namespace, creator string
		old                      *corev1.Pod
		verdict                  Verdict
		want                     []Violation
	}{
		{"a sandbox by the provisioner", "deer-flow", provisioner, sandbox(), Allowed, nil},
		{"a sandbox older than the installation", "deer-flow", provisioner, unmarked, Allowed, nil},
		{"a marked Pod without the selector's labels", "deer-flow", provisioner, unlabelled, Allowed, nil},
		{"the gateway by the provisioner", "deer-flow", provisioner, gateway, Refused, wrong},
		{"the gateway by somebody else", "deer-flow", "dev", gateway, Ungoverned, nil},
		{"the gateway of another namespace", "default", provisioner, gateway, Ungoverned, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := Policies{deerflow()}.Delete(Request{Namespace: test.namespace, Creator: Creator{Username: test.creator}}, test.old)
			if got.Verdict != test.verdict || !equal(got.Violations, test.want) {
				t.Errorf("got  %+v\nwant %s %+v", got, test.verdict, test.want)
			}
		})
	}
}

func TestEphemeralContainers(t *testing.T) {
	const remedy = ": debug without it"
	debug := func(name string, change func(*corev1.EphemeralContainerCommon)) func(*corev1.Pod) {
		return func(pod *corev1.Pod) {
			common := corev1.EphemeralContainerCommon{Name: name}
			if change != nil {
				change(&common)
			}
			pod.Spec.EphemeralContainers = append(pod.Spec.EphemeralContainers, corev1.EphemeralContainer{EphemeralContainerCommon: common})
		}
	}
	mounting := func(volume string) func(*corev1.Pod) {
		return debug("debug", func(c *corev1.EphemeralContainerCommon) {
			c.VolumeMounts = []corev1.VolumeMount{{Name: volume, MountPath: "/d"}}
		})
	}
	extra := volumes(claimVolume("user-data", "deer-flow-home"), claimVolume("skills", "skills"), hostPathVolume("host", "/skills"),
		corev1.Volume{Name: "tmp", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}})
	refused := func(volume, text string) []Violation {
		return []Violation{{EphemeralContainer, "spec.ephemeralContainers[0].volumeMounts[0].name", volume, "shows all of " + text + remedy}}
	}
	secretVariable := func(name, secret string) corev1.EnvVar {
		return corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: secret}}}}
	}
	const noSecret = "is no Secret for sandboxes: drop it, or have the policy list it"
	noSandbox := []Violation{{EphemeralContainer, "spec.ephemeralContainers[0].name", "debug",
		"joins a Pod that is no sandbox (app=deer-flow-sandbox), and a provisioner debugs nothing else: use another user"}}
	unmarked := func(pod *corev1.Pod) { pod.Annotations = nil }
	admin, dev := Creator{Username: "root", Groups: []string{"system:masters"}}, Creator{Username: "dev"}
	tests := []struct {
		name    string
		creator Creator
		before  []func(*corev1.Pod) // the sandbox as it is
		change  func(*corev1.Pod)
		verdict Verdict
		want    []Violation
	}{
		{name: "as kubectl debug does it", creator: dev, change: debug("debug", func(c *corev1.EphemeralContainerCommon) {
			c.SecurityContext = &corev1.SecurityContext{Privileged: new(false), Capabilities: &corev1.Capabilities{Add: []corev1.Capability{"SYS_PTRACE"}}}
		}), verdict: Allowed},
		{name: "without a security context", creator: dev, change: debug("debug", nil), verdict: Allowed},
		{name: "with an empty security context", creator: dev, change: debug("debug", func(c *corev1.EphemeralContainerCommon) { c.SecurityContext = &corev1.SecurityContext{} }), verdict: Allowed},
		{name: "with an emptyDir", creator: dev, change: mounting("tmp"), verdict: Allowed},
		{name: "with the claim", creator: dev, change: mounting("user-data"), verdict: Refused, want: refused("user-data", "persistentVolumeClaim deer-flow-home")},
		{name: "with the claim, by an exempt admin", creator: admin, change: mounting("user-data"), verdict: Refused, want: refused("user-data", "persistentVolumeClaim deer-flow-home")},
		{name: "with another claim", creator: dev, change: mounting("skills"), verdict: Refused, want: refused("skills", "persistentVolumeClaim skills")},
		{name: "with a hostPath", creator: dev, change: mounting("host"), verdict: Refused, want: refused("host", "hostPath /skills")},
		{name: "with a device", creator: dev, change: debug("debug", func(c *corev1.EphemeralContainerCommon) {
			c.VolumeDevices = []corev1.VolumeDevice{{Name: "user-data"}}
		}), verdict: Refused, want: []Violation{{EphemeralContainer, "spec.ephemeralContainers[0].volumeDevices[0].name", "user-data", "is a volume as a raw device" + remedy}}},
		{name: "privileged", creator: dev, change: debug("debug", func(c *corev1.EphemeralContainerCommon) {
			c.SecurityContext = &corev1.SecurityContext{Privileged: new(true)}
		}), verdict: Refused, want: []Violation{{EphemeralContainer, "spec.ephemeralContainers[0].securityContext.privileged", "true", "would own the node and everyone's data on it" + remedy}}},
		{name: "beside an old one with the claim", creator: dev, before: []func(*corev1.Pod){mounting("user-data")}, change: debug("debug-2", nil), verdict: Allowed},
		{name: "in a sandbox older than the installation", creator: admin, before: []func(*corev1.Pod){unmarked}, change: mounting("user-data"), verdict: Refused,
			want: refused("user-data", "persistentVolumeClaim deer-flow-home")},
		{name: "in the gateway", creator: dev, before: []func(*corev1.Pod){unmarked, noLabel("app")}, change: mounting("user-data"), verdict: Refused,
			want: refused("user-data", "persistentVolumeClaim deer-flow-home")},
		{name: "in the gateway, by an exempt admin", creator: admin, before: []func(*corev1.Pod){unmarked, noLabel("app")}, change: mounting("user-data"), verdict: Ungoverned},
		{name: "in some other Pod", creator: dev, before: []func(*corev1.Pod){unmarked, noLabel("app"), spec(func(s *corev1.PodSpec) { s.Volumes = s.Volumes[2:] })}, change: mounting("host"), verdict: Ungoverned},
		{name: "in some other Pod, by a provisioner", creator: Creator{Username: provisioner},
			before: []func(*corev1.Pod){unmarked, noLabel("app"), spec(func(s *corev1.PodSpec) { s.Volumes = s.Volumes[2:] })}, change: mounting("host"), verdict: Refused,
			want: append(noSandbox, refused("host", "hostPath /skills")...)},
		{name: "in the gateway, by a provisioner, with nothing", creator: Creator{Username: provisioner}, before: []func(*corev1.Pod){unmarked, noLabel("app")},
			change: debug("debug", nil), verdict: Refused, want: noSandbox},
		{name: "in the gateway, by a provisioner, where it stands already", creator: Creator{Username: provisioner},
			before: []func(*corev1.Pod){unmarked, noLabel("app"), debug("debug", nil)}, change: noLabel("other"), verdict: Allowed},
		{name: "in a sandbox, by a provisioner", creator: Creator{Username: provisioner}, change: debug("debug", nil), verdict: Allowed},
		{name: "with a listed Secret", creator: dev, change: debug("debug", func(c *corev1.EphemeralContainerCommon) {
			c.Env = []corev1.EnvVar{{Name: "A", Value: "a"}, secretVariable("B", "listed")}
		}), verdict: Allowed},
		{name: "with a Secret as a variable", creator: dev, change: debug("debug", func(c *corev1.EphemeralContainerCommon) {
			c.Env = []corev1.EnvVar{{Name: "A", Value: "a"}, secretVariable("B", "postgres")}
		}), verdict: Refused, want: []Violation{{Secret, "spec.ephemeralContainers[0].env[1].valueFrom.secretKeyRef.name", "postgres", noSecret}}},
		{name: "with a Secret as its environment", creator: dev, change: debug("debug", func(c *corev1.EphemeralContainerCommon) {
			c.EnvFrom = []corev1.EnvFromSource{{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "postgres"}}}}
		}), verdict: Refused, want: []Violation{{Secret, "spec.ephemeralContainers[0].envFrom[0].secretRef.name", "postgres", noSecret}}},
		{name: "with a variable from a file of the claim", creator: dev, change: debug("debug", func(c *corev1.EphemeralContainerCommon) {
			c.Env = []corev1.EnvVar{{Name: "A", ValueFrom: &corev1.EnvVarSource{FileKeyRef: &corev1.FileKeySelector{VolumeName: "user-data"}}}}
		}), verdict: Refused, want: []Violation{{ClaimMount, "spec.ephemeralContainers[0].env[0].valueFrom.fileKeyRef.volumeName", "user-data", "is read from the volume's root: use an emptyDir"}}},
		{name: "beside an old one with a Secret", creator: dev, before: []func(*corev1.Pod){debug("debug", func(c *corev1.EphemeralContainerCommon) {
			c.Env = []corev1.EnvVar{secretVariable("B", "postgres")}
		})}, change: debug("debug-2", nil), verdict: Allowed},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			old := sandbox(append([]func(*corev1.Pod){extra}, test.before...)...)
			pod := old.DeepCopy()
			test.change(pod)
			policy := deerflow(func(p *Policy) { p.Allow.Secrets = []string{"listed"} })
			got := Policies{policy}.AddEphemeralContainers(Request{Namespace: "deer-flow", Creator: test.creator, Pod: pod}, old)
			if got.Verdict != test.verdict || !equal(got.Violations, test.want) {
				t.Errorf("got  %+v\nwant %s %+v", got, test.verdict, test.want)
			}
		})
	}
}
