package scope

import (
	"fmt"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"userscope.dev/userscope/webhook/policy"
)

// crowd returns alice's sandbox with three init and three regular containers of ten mounts each, all
// of them right, three ephemeral ones without a mount, and further volumes.
func crowd() *corev1.Pod {
	pod := sandbox(addVolume(claimVolume("extra-0", "deer-flow-home")), addVolume(hostPathVolume("host", "/skills")))
	full := corev1.Container{Name: "full"}
	for i := range 10 {
		full.VolumeMounts = append(full.VolumeMounts, corev1.VolumeMount{Name: "user-data", MountPath: fmt.Sprint("/m/", i), SubPath: aliceDir})
	}
	pod.Spec.Containers = nil
	for range 3 {
		pod.Spec.InitContainers = append(pod.Spec.InitContainers, *full.DeepCopy())
		pod.Spec.Containers = append(pod.Spec.Containers, *full.DeepCopy())
		pod.Spec.EphemeralContainers = append(pod.Spec.EphemeralContainers, corev1.EphemeralContainer{})
	}
	return pod
}

// TestTheLastContainer makes one mistake, in the last container of a list of three, and there in the
// last of ten mounts where it is one of a mount.
func TestTheLastContainer(t *testing.T) {
	const (
		ro     = "the policy lists the directory as ReadOnly"
		device = "asks for a device: drop it, or have the policy list it in allow.resourceClaims"
	)
	lists := []struct {
		name string
		last func(*corev1.PodSpec) *corev1.Container
	}{
		{"initContainers", func(s *corev1.PodSpec) *corev1.Container { return &s.InitContainers[2] }},
		{"containers", func(s *corev1.PodSpec) *corev1.Container { return &s.Containers[2] }},
		{"ephemeralContainers", func(s *corev1.PodSpec) *corev1.Container {
			return (*corev1.Container)(&s.EphemeralContainers[2].EphemeralContainerCommon)
		}},
	}
	mistakes := []struct {
		name    string
		mount   *corev1.VolumeMount // the last one, where the mistake is one of a mount
		change  func(*corev1.Container)
		rule    Rule // where it is refused
		field   string
		value   string
		message string
		edits   func(path, at string) []Edit // where it is rewritten
	}{
		{name: "user data", mount: &corev1.VolumeMount{Name: "user-data", MountPath: "/mnt/user-data", SubPath: "x"},
			edits: func(path, at string) []Edit {
				return setTo(path+"/volumeMounts/9/subPath", "x", aliceDir, at+".volumeMounts[9].subPath")
			}},
		{name: "another user's directory", mount: &corev1.VolumeMount{Name: "extra-0", MountPath: "/m/9", SubPath: "deer-flow/users/bob/skills"},
			rule: RuleClaimMount, field: "volumeMounts[9].subPath", value: "deer-flow/users/bob/skills", message: noDirectory},
		{name: "a read-only directory, mounted writable", mount: &corev1.VolumeMount{Name: "extra-0", MountPath: "/m/9", SubPath: "deer-flow/shared/tools"},
			edits: func(path, at string) []Edit {
				return []Edit{readOnly(path+"/volumeMounts/9/readOnly", at+".volumeMounts[9].readOnly", ro)}
			}},
		{name: "a listed hostPath, mounted writable", mount: &corev1.VolumeMount{Name: "host", MountPath: "/m/9"},
			edits: func(path, at string) []Edit {
				return []Edit{readOnly(path+"/volumeMounts/9/readOnly", at+".volumeMounts[9].readOnly", ro)}
			}},
		{name: "a part of a hostPath", mount: &corev1.VolumeMount{Name: "host", MountPath: "/m/9", SubPath: "x", ReadOnly: true},
			rule: RuleHostPath, field: "volumeMounts[9].subPath", value: "x", message: "is a part of a hostPath volume: mount the volume without subPath"},
		{name: "a Secret as a variable", change: func(c *corev1.Container) {
			c.Env = []corev1.EnvVar{{Name: "A"}, {Name: "B"}, secretVariable("C", "db")}
		}, rule: RuleSecret, field: "env[2].valueFrom.secretKeyRef.name", value: "db", message: notASecret},
		{name: "a Secret as the environment", change: func(c *corev1.Container) {
			c.EnvFrom = []corev1.EnvFromSource{{ConfigMapRef: &corev1.ConfigMapEnvSource{}}, {ConfigMapRef: &corev1.ConfigMapEnvSource{}}, secretEnvironment("db")}
		}, rule: RuleSecret, field: "envFrom[2].secretRef.name", value: "db", message: notASecret},
		{name: "a variable from a file of the claim", change: func(c *corev1.Container) {
			c.Env = []corev1.EnvVar{{Name: "A"}, {Name: "B"}, fileVariable("C", "user-data")}
		}, rule: RuleClaimMount, field: "env[2].valueFrom.fileKeyRef.volumeName", value: "user-data", message: notScratch},
		{name: "a device that is limited", change: func(c *corev1.Container) {
			c.Resources.Limits = corev1.ResourceList{"cpu": resource.MustParse("1"), "example.com/gpu": resource.MustParse("2")}
		}, rule: RuleResourceClaim, field: "resources.limits[example.com/gpu]", value: "2", message: device},
		{name: "a device that is requested", change: func(c *corev1.Container) {
			c.Resources.Requests = corev1.ResourceList{"cpu": resource.MustParse("1"), "example.com/gpu": resource.MustParse("2")}
		}, rule: RuleResourceClaim, field: "resources.requests[example.com/gpu]", value: "2", message: device},
		{name: "SELinux options", change: func(c *corev1.Container) {
			c.SecurityContext = &corev1.SecurityContext{SELinuxOptions: &corev1.SELinuxOptions{Level: "s0:c1,c2"}}
		}, rule: RuleSELinuxOptions, field: "securityContext.seLinuxOptions", value: "level=s0:c1,c2", message: "would relabel files that others use: drop it, or have the policy name it in allow.seLinuxOptions"},
		{name: "a capability", change: func(c *corev1.Container) {
			c.Name = "last"
			c.SecurityContext = &corev1.SecurityContext{Capabilities: &corev1.Capabilities{Add: []corev1.Capability{"NET_ADMIN"}}}
		}, rule: RulePodSecurity, value: "non-default capabilities",
			message: `is forbidden by the Pod Security baseline: drop it, or have the policy list it in allow.capabilities; container "last" must not include "NET_ADMIN" in securityContext.capabilities.add`},
	}
	var tests []createTest
	for _, list := range lists {
		for _, mistake := range mistakes {
			if mistake.mount != nil && list.name == "ephemeralContainers" {
				continue // see TestTheLastEphemeralContainer
			}
			pod := crowd()
			last := list.last(&pod.Spec)
			if mistake.mount != nil {
				last.VolumeMounts[9] = *mistake.mount
			} else {
				mistake.change(last)
			}
			test := createTest{name: mistake.name + "/" + list.name, pod: pod, verdict: Rewritten}
			switch {
			case mistake.edits != nil:
				test.edits = mistake.edits("/spec/"+list.name+"/2", "spec."+list.name+"[2]")
			case mistake.field == "":
				test.verdict, test.violations = Refused, []Violation{{mistake.rule, "spec", mistake.value, mistake.message}}
			default:
				test.verdict, test.violations = Refused, []Violation{{mistake.rule, "spec." + list.name + "[2]." + mistake.field, mistake.value, mistake.message}}
			}
			tests = append(tests, test)
		}
	}
	tests = append(tests, createTest{name: "none", pod: crowd(), verdict: Allowed})
	for _, list := range lists[:2] {
		pod := crowd()
		list.last(&pod.Spec).VolumeDevices = []corev1.VolumeDevice{{Name: "user-data"}}
		tests = append(tests, createTest{name: "a block device/" + list.name, pod: pod, verdict: Refused, violations: []Violation{
			{RuleVolumeDevice, "spec." + list.name + "[2].volumeDevices[0].name", "user-data", "is a raw device, which shows all of the volume, and no policy may list it: mount it as a directory"}}})
	}
	runCreate(t, tests)
}

// TestTheLastEphemeralContainer makes one mistake in the last of three ephemeral containers of a
// running sandbox, of which one is there already.
func TestTheLastEphemeralContainer(t *testing.T) {
	const at = "spec.ephemeralContainers[2]."
	many := func(volume string) []corev1.VolumeMount {
		mounts := make([]corev1.VolumeMount, 10)
		for i := range mounts {
			mounts[i].Name = "tmp"
		}
		mounts[9].Name = volume
		return mounts
	}
	tests := []struct {
		name   string
		change func(*corev1.EphemeralContainerCommon)
		want   []Violation
	}{
		{"none", func(c *corev1.EphemeralContainerCommon) { c.VolumeMounts = many("tmp") }, nil},
		{"the claim", func(c *corev1.EphemeralContainerCommon) { c.VolumeMounts = many("user-data") },
			[]Violation{{RuleEphemeralContainer, at + "volumeMounts[9].name", "user-data", "shows all of persistentVolumeClaim deer-flow-home: debug without it"}}},
		{"a device", func(c *corev1.EphemeralContainerCommon) {
			c.VolumeDevices = []corev1.VolumeDevice{{Name: "tmp"}, {Name: "user-data"}}
		}, []Violation{{RuleEphemeralContainer, at + "volumeDevices[0].name", "tmp", "is a volume as a raw device: debug without it"},
			{RuleEphemeralContainer, at + "volumeDevices[1].name", "user-data", "is a volume as a raw device: debug without it"}}},
		{"privileged", func(c *corev1.EphemeralContainerCommon) {
			c.SecurityContext = &corev1.SecurityContext{Privileged: new(true)}
		}, []Violation{{RuleEphemeralContainer, at + "securityContext.privileged", "true", "would own the node and everyone's data on it: debug without it"}}},
		{"a Secret as a variable", func(c *corev1.EphemeralContainerCommon) { c.Env = []corev1.EnvVar{secretVariable("A", "db")} },
			[]Violation{{RuleSecret, at + "env[0].valueFrom.secretKeyRef.name", "db", notASecret}}},
		{"a Secret as the environment", func(c *corev1.EphemeralContainerCommon) {
			c.EnvFrom = []corev1.EnvFromSource{secretEnvironment("db")}
		}, []Violation{{RuleSecret, at + "envFrom[0].secretRef.name", "db", notASecret}}},
		{"a variable from a file of the claim", func(c *corev1.EphemeralContainerCommon) { c.Env = []corev1.EnvVar{fileVariable("A", "user-data")} },
			[]Violation{{RuleClaimMount, at + "env[0].valueFrom.fileKeyRef.volumeName", "user-data", notScratch}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			pod := sandbox(spec(func(s *corev1.PodSpec) {
				for _, name := range []string{"old", "new", "last"} {
					s.EphemeralContainers = append(s.EphemeralContainers, corev1.EphemeralContainer{EphemeralContainerCommon: corev1.EphemeralContainerCommon{Name: name}})
				}
			}))
			old := pod.DeepCopy()
			old.Spec.EphemeralContainers = old.Spec.EphemeralContainers[:1]
			test.change(&pod.Spec.EphemeralContainers[2].EphemeralContainerCommon)
			got := AddEphemeralContainers(policy.Policies{deerflow()}, Request{Namespace: "deer-flow", Creator: Creator{Username: "dev"}, Pod: pod}, old)
			if !slices.Equal(got.Violations, test.want) || (got.Verdict == Refused) != (len(test.want) > 0) {
				t.Errorf("got  %+v\nwant %+v", got, test.want)
			}
		})
	}
}

// TestTheLastVolume makes one mistake, in the last of ten volumes or of ten sources of a projected one.
func TestTheLastVolume(t *testing.T) {
	many := func(last corev1.VolumeSource) *corev1.Pod {
		pod := sandbox()
		for i := range 8 {
			addVolume(corev1.Volume{Name: fmt.Sprint("tmp-", i), VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}})(pod)
		}
		addVolume(corev1.Volume{Name: "last", VolumeSource: last})(pod)
		return pod
	}
	projected := func(last corev1.VolumeProjection) *corev1.Pod {
		var sources []corev1.VolumeProjection
		for range 9 {
			sources = append(sources, corev1.VolumeProjection{ConfigMap: &corev1.ConfigMapProjection{}})
		}
		return many(corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: append(sources, last)}})
	}
	const at, inSource = "spec.volumes[9].", "spec.volumes[9].projected.sources[9]."
	runCreate(t, []createTest{
		{name: "none", pod: many(corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}), verdict: Allowed},
		{name: "a type", pod: many(corev1.VolumeSource{NFS: &corev1.NFSVolumeSource{}}), verdict: Refused, violations: []Violation{notListed(at+"nfs", "nfs")}},
		{name: "a claim", pod: many(claimVolume("", "db").VolumeSource), verdict: Refused, violations: []Violation{otherClaim(at, "db")}},
		{name: "a hostPath", pod: many(hostPathVolume("", "/etc").VolumeSource), verdict: Refused, violations: []Violation{{RuleHostPath, at + "hostPath.path", "/etc",
			"is not a hostPath that this sandbox may have: use the claim, or have the policy list it in allow.hostPaths"}}},
		{name: "a Secret", pod: many(corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "db"}}), verdict: Refused,
			violations: []Violation{{RuleSecret, at + "secret.secretName", "db", notASecret}}},
		{name: "a projected certificate", pod: projected(corev1.VolumeProjection{PodCertificate: &corev1.PodCertificateProjection{}}), verdict: Refused,
			violations: []Violation{notListed(inSource+"podCertificate", "podCertificate")}},
		{name: "a projected Secret", pod: projected(corev1.VolumeProjection{Secret: &corev1.SecretProjection{}}), verdict: Refused,
			violations: []Violation{{RuleSecret, inSource + "secret.name", "", notASecret}}},
		{name: "a projected token", pod: projected(corev1.VolumeProjection{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{}}), verdict: Refused,
			violations: []Violation{{RuleServiceAccountToken, inSource + "serviceAccountToken.audience", "", "is missing, and no policy may list the API server's own: drop it, a Pod has its own"}}},
	})
}
