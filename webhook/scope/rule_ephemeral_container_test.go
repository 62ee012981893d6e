package scope

import (
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"userscope.dev/userscope/webhook/policy"
)

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
		return []Violation{{RuleEphemeralContainer, "spec.ephemeralContainers[0].volumeMounts[0].name", volume, "shows all of " + text + remedy}}
	}
	noSandbox := []Violation{{RuleEphemeralContainer, "spec.ephemeralContainers[0].name", "debug",
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
		}), verdict: Refused, want: []Violation{{RuleEphemeralContainer, "spec.ephemeralContainers[0].volumeDevices[0].name", "user-data", "is a volume as a raw device" + remedy}}},
		{name: "privileged", creator: dev, change: debug("debug", func(c *corev1.EphemeralContainerCommon) {
			c.SecurityContext = &corev1.SecurityContext{Privileged: new(true)}
		}), verdict: Refused, want: []Violation{{RuleEphemeralContainer, "spec.ephemeralContainers[0].securityContext.privileged", "true", "would own the node and everyone's data on it" + remedy}}},
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
		{name: "in the gateway, by a provisioner, with nothing, twice", creator: Creator{Username: provisioner}, before: []func(*corev1.Pod){unmarked, noLabel("app")},
			change: func(pod *corev1.Pod) { debug("debug", nil)(pod); debug("debug-2", nil)(pod) }, verdict: Refused, want: append(noSandbox, Violation{RuleEphemeralContainer,
				"spec.ephemeralContainers[1].name", "debug-2", noSandbox[0].Message})},
		{name: "with the claim, and another with nothing", creator: dev, change: func(pod *corev1.Pod) { mounting("user-data")(pod); debug("debug-2", nil)(pod) }, verdict: Refused,
			want: refused("user-data", "persistentVolumeClaim deer-flow-home")},
		{name: "in the gateway, by a provisioner, where it stands already", creator: Creator{Username: provisioner},
			before: []func(*corev1.Pod){unmarked, noLabel("app"), debug("debug", nil)}, change: noLabel("other"), verdict: Allowed},
		{name: "in a sandbox, by a provisioner", creator: Creator{Username: provisioner}, change: debug("debug", nil), verdict: Allowed},
		{name: "with a listed Secret", creator: dev, change: debug("debug", func(c *corev1.EphemeralContainerCommon) {
			c.Env = []corev1.EnvVar{{Name: "A", Value: "a"}, secretVariable("B", "listed")}
		}), verdict: Allowed},
		{name: "with a Secret as a variable", creator: dev, change: debug("debug", func(c *corev1.EphemeralContainerCommon) {
			c.Env = []corev1.EnvVar{{Name: "A", Value: "a"}, secretVariable("B", "postgres")}
		}), verdict: Refused, want: []Violation{{RuleSecret, "spec.ephemeralContainers[0].env[1].valueFrom.secretKeyRef.name", "postgres", notASecret}}},
		{name: "with a Secret as its environment", creator: dev, change: debug("debug", func(c *corev1.EphemeralContainerCommon) {
			c.EnvFrom = []corev1.EnvFromSource{secretEnvironment("postgres")}
		}), verdict: Refused, want: []Violation{{RuleSecret, "spec.ephemeralContainers[0].envFrom[0].secretRef.name", "postgres", notASecret}}},
		{name: "with a Secret, in the gateway", creator: dev, before: []func(*corev1.Pod){unmarked, noLabel("app")}, change: debug("debug", func(c *corev1.EphemeralContainerCommon) {
			c.EnvFrom = []corev1.EnvFromSource{secretEnvironment("postgres")}
		}), verdict: Allowed},
		{name: "with a variable from a file of the claim", creator: dev, change: debug("debug", func(c *corev1.EphemeralContainerCommon) {
			c.Env = []corev1.EnvVar{fileVariable("A", "user-data")}
		}), verdict: Refused, want: []Violation{{RuleClaimMount, "spec.ephemeralContainers[0].env[0].valueFrom.fileKeyRef.volumeName", "user-data", notScratch}}},
		{name: "beside an old one with a Secret", creator: dev, before: []func(*corev1.Pod){debug("debug", func(c *corev1.EphemeralContainerCommon) {
			c.Env = []corev1.EnvVar{secretVariable("B", "postgres")}
		})}, change: debug("debug-2", nil), verdict: Allowed},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			old := sandbox(append([]func(*corev1.Pod){extra}, test.before...)...)
			pod := old.DeepCopy()
			test.change(pod)
			p := deerflow(func(p *policy.Policy) { p.Allow.Secrets = []string{"listed"} })
			got := AddEphemeralContainers(policy.Policies{p}, Request{Namespace: "deer-flow", Creator: test.creator, Pod: pod}, old)
			if got.Verdict != test.verdict || !slices.Equal(got.Violations, test.want) {
				t.Errorf("got  %+v\nwant %s %+v", got, test.verdict, test.want)
			}
		})
	}
}
