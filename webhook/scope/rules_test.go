package scope

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"userscope.dev/userscope/webhook/policy"
)

func TestSecrets(t *testing.T) {
	refused := func(at string) []Violation {
		return []Violation{{RuleSecret, at, "db", notASecret}}
	}
	volume := sandbox(addVolume(corev1.Volume{Name: "s", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "db"}}}))
	twoSources := sandbox(addVolume(corev1.Volume{Name: "s", VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{
		{ConfigMap: &corev1.ConfigMapProjection{}},
		{Secret: &corev1.SecretProjection{LocalObjectReference: corev1.LocalObjectReference{Name: "db"}}},
	}}}}))
	nameless := func(at string) []Violation { return []Violation{{RuleSecret, at, "", notASecret}} }
	key := &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: "db"}, Key: "listed"}}
	env := sandbox(first(func(c *corev1.Container) {
		c.Env = []corev1.EnvVar{{Name: "A", Value: "db"}, {Name: "B", ValueFrom: &corev1.EnvVarSource{}}, {Name: "C", ValueFrom: key}}
	}))
	envFrom := sandbox(first(func(c *corev1.Container) {
		c.EnvFrom = []corev1.EnvFromSource{{ConfigMapRef: &corev1.ConfigMapEnvSource{}}, {SecretRef: &corev1.SecretEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "db"}}}}
	}))
	inInit := sandbox(spec(func(s *corev1.PodSpec) {
		s.InitContainers = []corev1.Container{{Env: []corev1.EnvVar{{Name: "C", ValueFrom: key}}}}
	}))
	listed := allowing(func(a *policy.Allow) { a.Secrets = []string{"db"} })
	another := allowing(func(a *policy.Allow) { a.Secrets = []string{"listed"} })
	runCreate(t, []createTest{
		{name: "volume", pod: volume, verdict: Refused, violations: refused("spec.volumes[1].secret.secretName")},
		{name: "projection", pod: twoSources, verdict: Refused, violations: refused("spec.volumes[1].projected.sources[1].secret.name")},
		{name: "environment", pod: env, verdict: Refused, violations: refused("spec.containers[0].env[2].valueFrom.secretKeyRef.name")},
		{name: "environment of an init container", pod: inInit, verdict: Refused, violations: refused("spec.initContainers[0].env[0].valueFrom.secretKeyRef.name")},
		{name: "whole environment", pod: envFrom, verdict: Refused, violations: refused("spec.containers[0].envFrom[1].secretRef.name")},
		{name: "volume without a name", policy: listed, pod: withSource(corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{}}), verdict: Refused,
			violations: nameless("spec.volumes[1].secret.secretName")},
		{name: "optional volume", pod: withSource(corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "db", Optional: new(true)}}), verdict: Refused,
			violations: refused("spec.volumes[1].secret.secretName")},
		{name: "projection without a name", policy: listed, pod: projected(corev1.VolumeProjection{Secret: &corev1.SecretProjection{}}), verdict: Refused,
			violations: nameless("spec.volumes[1].projected.sources[0].secret.name")},
		{name: "environment without a name", policy: listed, pod: sandbox(first(func(c *corev1.Container) { c.Env = []corev1.EnvVar{secretVariable("A", "")} })), verdict: Refused,
			violations: nameless("spec.containers[0].env[0].valueFrom.secretKeyRef.name")},
		{name: "whole environment without a name", policy: listed, pod: sandbox(first(func(c *corev1.Container) { c.EnvFrom = []corev1.EnvFromSource{secretEnvironment("")} })), verdict: Refused,
			violations: nameless("spec.containers[0].envFrom[0].secretRef.name")},
		{name: "volume, listed", policy: listed, pod: volume, verdict: Allowed},
		{name: "projection, listed", policy: listed, pod: twoSources, verdict: Allowed},
		{name: "environment, listed", policy: listed, pod: env, verdict: Allowed},
		{name: "whole environment, listed", policy: listed, pod: envFrom, verdict: Allowed},
		{name: "environment, listed by the key's name", policy: another, pod: env, verdict: Refused, violations: refused("spec.containers[0].env[2].valueFrom.secretKeyRef.name")},
	})
}

func TestServiceAccounts(t *testing.T) {
	account := func(name string) func(*corev1.Pod) {
		return spec(func(s *corev1.PodSpec) { s.ServiceAccountName = name })
	}
	refused := func(field string) Violation {
		return Violation{RuleServiceAccount, "spec." + field, "gateway", "is a ServiceAccount that sandboxes may not run as: leave it out, or have the policy list it"}
	}
	token := func(volume, audience, path string, seconds *int64) func(*corev1.Pod) {
		return addVolume(corev1.Volume{Name: volume, VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{
			{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{Audience: audience, Path: path, ExpirationSeconds: seconds}}}}}})
	}
	noToken := func(audience string) []Violation {
		problem := "is missing, so the token is for the API server: drop it, a Pod has its own"
		if audience != "" {
			problem = "is not listed: drop the token, or have the policy list it"
		}
		return []Violation{{RuleServiceAccountToken, "spec.volumes[1].projected.sources[0].serviceAccountToken.audience", audience, problem}}
	}
	runCreate(t, []createTest{
		{name: "default", pod: sandbox(account("default")), verdict: Allowed},
		{name: "another", pod: sandbox(account("gateway")), verdict: Refused, violations: []Violation{refused("serviceAccountName")}},
		{name: "another, in the old spelling", pod: sandbox(spec(func(s *corev1.PodSpec) { s.DeprecatedServiceAccount = "gateway" })), verdict: Refused,
			violations: []Violation{refused("serviceAccount")}},
		{name: "another, listed", policy: allowing(func(a *policy.Allow) { a.ServiceAccounts = []string{"gateway"} }), pod: sandbox(account("gateway")), verdict: Allowed},
		{name: "the API server's own token", pod: sandbox(token("kube-api-access-x7k2p", "", "token", new(int64(3607)))), verdict: Allowed},
		{name: "a token of another volume name", pod: sandbox(token("mine", "", "token", new(int64(3607)))), verdict: Refused, violations: noToken("")},
		{name: "a token for another audience", pod: sandbox(token("kube-api-access-x7k2p", "vault", "token", new(int64(3607)))), verdict: Refused, violations: noToken("vault")},
		{name: "a token at another path", pod: sandbox(token("kube-api-access-x7k2p", "", "t", new(int64(3607)))), verdict: Refused, violations: noToken("")},
		{name: "a token of another lifetime", pod: sandbox(token("kube-api-access-x7k2p", "", "token", new(int64(99999)))), verdict: Refused, violations: noToken("")},
		{name: "a token without a lifetime", pod: sandbox(token("kube-api-access-x7k2p", "", "token", nil)), verdict: Refused, violations: noToken("")},
		{name: "a token for a listed audience", policy: allowing(func(a *policy.Allow) { a.TokenAudiences = []string{"vault"} }), pod: sandbox(token("t", "vault", "t", nil)), verdict: Allowed},
	})
}

func TestDevices(t *testing.T) {
	claims := func(claims ...corev1.PodResourceClaim) func(*corev1.Pod) {
		return spec(func(s *corev1.PodSpec) { s.ResourceClaims = claims })
	}
	refused := func(name string) []Violation {
		return []Violation{{RuleResourceClaim, "spec.resourceClaims[0]", name, "is a device that sandboxes may not claim: drop it, or have the policy list it"}}
	}
	listed := allowing(func(a *policy.Allow) { a.ResourceClaims, a.RuntimeClasses = []string{"gpu"}, []string{"gvisor"} })
	resources := func(names ...corev1.ResourceName) func(*corev1.Pod) {
		return first(func(c *corev1.Container) {
			c.Resources = corev1.ResourceRequirements{Limits: corev1.ResourceList{}, Requests: corev1.ResourceList{}}
			for _, name := range names {
				c.Resources.Limits[name], c.Resources.Requests[name] = resource.MustParse("1"), resource.MustParse("1")
			}
		})
	}
	runtimeClass := func(name string) func(*corev1.Pod) {
		return spec(func(s *corev1.PodSpec) { s.RuntimeClassName = &name })
	}
	runCreate(t, []createTest{
		{name: "a block device", pod: sandbox(first(func(c *corev1.Container) {
			c.VolumeDevices = []corev1.VolumeDevice{{Name: "user-data", DevicePath: "/dev/x"}}
		})), verdict: Refused, identity: "alice/t1 label", violations: []Violation{{RuleVolumeDevice, "spec.containers[0].volumeDevices[0].name", "user-data", "is a raw device, which shows all of the volume: mount it as a directory"}}},
		{name: "a claimed device", pod: sandbox(claims(corev1.PodResourceClaim{Name: "gpu", ResourceClaimName: new("tpu")})), verdict: Refused, violations: refused("tpu")},
		{name: "a claimed device by template", pod: sandbox(claims(corev1.PodResourceClaim{Name: "gpu", ResourceClaimTemplateName: new("tpu")})), verdict: Refused, violations: refused("tpu")},
		{name: "a claim of nothing", policy: listed, pod: sandbox(claims(corev1.PodResourceClaim{Name: "gpu"})), verdict: Refused, violations: refused("gpu")},
		{name: "two names that make a listed one together", policy: listed, pod: sandbox(claims(corev1.PodResourceClaim{Name: "x", ResourceClaimName: new("gp"), ResourceClaimTemplateName: new("u")})), verdict: Refused, violations: refused("gp")},
		{name: "a listed device and a template", policy: listed, pod: sandbox(claims(corev1.PodResourceClaim{Name: "x", ResourceClaimName: new("gpu"), ResourceClaimTemplateName: new("tpu")})), verdict: Refused, violations: refused("gpu")},
		{name: "a listed device", policy: listed, pod: sandbox(claims(corev1.PodResourceClaim{Name: "x", ResourceClaimName: new("gpu")})), verdict: Allowed},
		{name: "a listed device by template", policy: listed, pod: sandbox(claims(corev1.PodResourceClaim{Name: "x", ResourceClaimTemplateName: new("gpu")})), verdict: Allowed},
		{name: "an extended resource", pod: sandbox(resources("example.com/gpu")), verdict: Refused, violations: []Violation{
			{RuleResourceClaim, "spec.containers[0].resources.limits[example.com/gpu]", "1", "asks for a device that is not listed: drop it, or have the policy list it"},
			{RuleResourceClaim, "spec.containers[0].resources.requests[example.com/gpu]", "1", "asks for a device that is not listed: drop it, or have the policy list it"}}},
		{name: "a listed extended resource", policy: allowing(func(a *policy.Allow) { a.ResourceClaims = []string{"example.com/gpu"} }), pod: sandbox(resources("example.com/gpu")), verdict: Allowed},
		{name: "CPU and memory", pod: sandbox(resources("cpu", "memory", "ephemeral-storage", "hugepages-2Mi")), verdict: Allowed},
		{name: "a runtime class", pod: sandbox(runtimeClass("gvisor")), verdict: Refused,
			violations: []Violation{{RuleRuntimeClass, "spec.runtimeClassName", "gvisor", "is a runtime that sandboxes may not choose: drop it, or have the policy list it"}}},
		{name: "a listed runtime class", policy: listed, pod: sandbox(runtimeClass("gvisor")), verdict: Allowed},
	})
}

func TestVolumeOwnership(t *testing.T) {
	group := func(group int64, change *corev1.PodFSGroupChangePolicy) func(*corev1.Pod) {
		return spec(func(s *corev1.PodSpec) {
			s.SecurityContext = &corev1.PodSecurityContext{FSGroup: &group, FSGroupChangePolicy: change}
		})
	}
	refusedGroup := []Violation{{RuleFSGroup, "spec.securityContext.fsGroup", "1000", "would change the group and mode of every user's files: drop it, or have the policy name it"}}
	named := allowing(func(a *policy.Allow) {
		a.FSGroup, a.SELinuxOptions = new(int64(1000)), &corev1.SELinuxOptions{Type: "container_t", Level: "s0:c1,c2"}
	})
	another := allowing(func(a *policy.Allow) {
		a.FSGroup, a.SELinuxOptions = new(int64(1001)), &corev1.SELinuxOptions{Level: "s0:c3"}
	})
	label := &corev1.SELinuxOptions{Type: "container_t", Level: "s0:c1,c2"}
	podLabel := sandbox(spec(func(s *corev1.PodSpec) { s.SecurityContext = &corev1.PodSecurityContext{SELinuxOptions: label} }))
	containerLabel := sandbox(first(func(c *corev1.Container) { c.SecurityContext = &corev1.SecurityContext{SELinuxOptions: label} }))
	refusedLabel := func(where string) []Violation {
		return []Violation{{RuleSELinuxOptions, "spec." + where + "securityContext.seLinuxOptions", "type=container_t,level=s0:c1,c2", "would relabel files that others use: drop it, or have the policy name it"}}
	}
	const changePath, changeAt = "/spec/securityContext/fsGroupChangePolicy", "spec.securityContext.fsGroupChangePolicy"
	runCreate(t, []createTest{
		{name: "an empty security context", pod: sandbox(spec(func(s *corev1.PodSpec) { s.SecurityContext = &corev1.PodSecurityContext{} })), verdict: Allowed},
		{name: "an fsGroup", pod: sandbox(group(1000, nil)), verdict: Refused, violations: refusedGroup},
		{name: "an fsGroup other than the policy's", policy: another, pod: sandbox(group(1000, nil)), verdict: Refused, violations: refusedGroup},
		{name: "the policy's fsGroup", policy: named, pod: sandbox(group(1000, nil)), verdict: Rewritten, edits: setTo(changePath, "", "OnRootMismatch", changeAt)},
		{name: "the policy's fsGroup, always applied", policy: named, pod: sandbox(group(1000, new(corev1.FSGroupChangeAlways))), verdict: Rewritten,
			edits: setTo(changePath, "Always", "OnRootMismatch", changeAt)},
		{name: "the policy's fsGroup, as it should be", policy: named, pod: sandbox(group(1000, new(corev1.FSGroupChangeOnRootMismatch))), verdict: Allowed},
		{name: "SELinux options of the Pod", pod: podLabel, verdict: Refused, violations: refusedLabel("")},
		{name: "SELinux options of a container", pod: containerLabel, verdict: Refused, violations: refusedLabel("containers[0].")},
		{name: "SELinux options other than the policy's", policy: another, pod: podLabel, verdict: Refused, violations: refusedLabel("")},
		{name: "the policy's SELinux options", policy: named, pod: podLabel, verdict: Allowed},
		{name: "the policy's SELinux options of a container", policy: named, pod: containerLabel, verdict: Allowed},
	})
}

func TestOrigin(t *testing.T) {
	owner := func(controller *bool) func(*corev1.Pod) {
		return func(pod *corev1.Pod) {
			pod.OwnerReferences = []metav1.OwnerReference{{Kind: "Node", Name: "n"}, {Kind: "ReplicaSet", Name: "gateway", Controller: controller}}
		}
	}
	runCreate(t, []createTest{
		{name: "a controller", pod: sandbox(owner(new(true))), verdict: Refused, violations: []Violation{{RuleControllerOwner, "metadata.ownerReferences[1]", "ReplicaSet/gateway",
			"would make the sandbox a controller's Pod: drop the reference, or set controller: false"}}},
		{name: "a controller, by somebody else", creator: &Creator{Username: replicaSets}, pod: sandbox(owner(new(true))), verdict: Allowed},
		{name: "an owner that does not control", pod: sandbox(owner(new(false))), verdict: Allowed},
		{name: "an owner that says nothing", pod: sandbox(owner(nil)), verdict: Allowed},
		{name: "a mirror Pod", pod: sandbox(annotation("kubernetes.io/config.mirror", "x"), annotation("kubernetes.io/config.hash", "y")), verdict: Refused,
			violations: []Violation{
				{RuleStaticPod, "metadata.annotations[kubernetes.io/config.hash]", "y", "marks a Pod of the kubelet's own: drop it"},
				{RuleStaticPod, "metadata.annotations[kubernetes.io/config.mirror]", "x", "marks a Pod of the kubelet's own: drop it"}}},
		{name: "a mirror Pod, by somebody else", creator: &Creator{Username: "system:node:n"}, pod: sandbox(annotation("kubernetes.io/config.mirror", "x")), verdict: Allowed},
		{name: "an annotation that would break a line", pod: sandbox(annotation("kubernetes.io/config.x\nall is well\u200b", "y")), verdict: Refused,
			violations: []Violation{{RuleStaticPod, `metadata.annotations[kubernetes.io/config.x\nall is well\u200b]`, "y", "marks a Pod of the kubelet's own: drop it"}}},
		{name: "another annotation of Kubernetes", pod: sandbox(annotation("kubernetes.io/configured", "x")), verdict: Allowed},
	})
}
