package scope

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"userscope.dev/userscope/webhook/policy"
)

// two returns a policy that has two of everything of which there may be several.
func two() *policy.Policy {
	return deerflow(func(p *policy.Policy) {
		p.Namespaces = []string{"deer-flow", "deer-flow-2"}
		p.Selector = policy.MatchLabels(map[string]string{"app": "deer-flow-sandbox", "tier": "sandbox"})
		p.Provisioners = []string{provisioner, "provisioner-2"}
		p.Exempt.Users = []string{replicaSets, "exempt-2"}
		p.Exempt.Groups = []string{"system:masters", "group-2"}
		p.HostPathBases = []string{"/base", "/base-2"}
		p.Allow = policy.Allow{
			HostPaths:       []string{"/skills", "/skills-2"},
			Claims:          []string{"skills", "skills-2"},
			VolumeTypes:     []string{"image", "nfs"},
			CSIDrivers:      []string{"driver", "driver-2"},
			Secrets:         []string{"secret", "secret-2"},
			ServiceAccounts: []string{"account", "account-2"},
			TokenAudiences:  []string{"audience", "audience-2"},
			ResourceClaims:  []string{"example.com/gpu", "example.com/gpu-2"},
			RuntimeClasses:  []string{"class", "class-2"},
			Capabilities:    []string{"NET_ADMIN", "NET_RAW"},
			Labels:          map[string][]string{"component": {"sandbox", "browser"}, "team": {"*"}},
			Annotations:     []string{"controller.kubernetes.io/a", "controller.kubernetes.io/b"},
		}
	})
}

// TestListsAreReadToTheEnd has what stands first in a list, last, and not at all.
func TestListsAreReadToTheEnd(t *testing.T) {
	wearing := label("tier", "sandbox")
	good := func(tweaks ...func(*corev1.Pod)) *corev1.Pod {
		return sandbox(append([]func(*corev1.Pod){wearing}, tweaks...)...)
	}
	plain := func(tweaks ...func(*corev1.Pod)) *corev1.Pod {
		return sandbox(append([]func(*corev1.Pod){volumes(), mountsOf(), noLabel("app")}, tweaks...)...)
	}
	wrongLabels := func(text string) []Violation {
		return []Violation{{RuleSelectorMismatch, "metadata.labels", text, "this creator's Pods are sandboxes: set the labels app=deer-flow-sandbox,tier=sandbox"}}
	}
	user := func(name string, groups ...string) *Creator { return &Creator{Username: name, Groups: groups} }
	rescoped := setTo(firstSubPath, "x", aliceDir, firstSubPathAt)
	whole := func(change func(*corev1.PodSpec)) *corev1.Pod { return good(spec(change)) }
	inFirst := func(change func(*corev1.Container)) *corev1.Pod { return good(first(change)) }
	claim := func(name string) *corev1.Pod {
		volume := claimVolume("v", name)
		volume.PersistentVolumeClaim.ReadOnly = true
		return good(addVolume(volume))
	}
	hostPath := func(path string) *corev1.Pod { return good(addVolume(hostPathVolume("v", path))) }
	source := func(source corev1.VolumeSource) *corev1.Pod {
		return good(addVolume(corev1.Volume{Name: "v", VolumeSource: source}))
	}
	secret := func(name string) *corev1.Pod {
		return source(corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: name}})
	}
	account := func(name string) *corev1.Pod {
		return whole(func(s *corev1.PodSpec) { s.ServiceAccountName = name })
	}
	token := func(audience string) *corev1.Pod {
		return source(corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{
			{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{Audience: audience}}}}})
	}
	device := func(name corev1.ResourceName) *corev1.Pod {
		return inFirst(func(c *corev1.Container) { c.Resources.Limits = corev1.ResourceList{name: resource.MustParse("1")} })
	}
	claimed := func(names ...string) *corev1.Pod {
		return whole(func(s *corev1.PodSpec) {
			for _, name := range names {
				s.ResourceClaims = append(s.ResourceClaims, corev1.PodResourceClaim{Name: "device", ResourceClaimName: &name})
			}
		})
	}
	class := func(name string) *corev1.Pod { return whole(func(s *corev1.PodSpec) { s.RuntimeClassName = &name }) }
	capability := func(name corev1.Capability) *corev1.Pod {
		return inFirst(func(c *corev1.Container) {
			c.SecurityContext = &corev1.SecurityContext{Capabilities: &corev1.Capabilities{Add: []corev1.Capability{name}}}
		})
	}
	tests := []createTest{
		{name: "namespace/first", namespace: "deer-flow", pod: good(subPath("x")), verdict: Rewritten, edits: rescoped},
		{name: "namespace/last", namespace: "deer-flow-2", pod: good(subPath("x")), verdict: Rewritten, edits: rescoped},
		{name: "namespace/none", namespace: "deer-flow-3", pod: good(subPath("x")), verdict: Ungoverned},

		{name: "selector/all", creator: user("dev"), pod: plain(label("app", "deer-flow-sandbox"), wearing), verdict: Allowed},
		{name: "selector/one", creator: user("dev"), pod: plain(label("app", "deer-flow-sandbox")), verdict: Ungoverned},
		{name: "selector/the other", creator: user("dev"), pod: plain(wearing), verdict: Ungoverned},

		{name: "provisioner/first", pod: plain(), verdict: Refused, violations: wrongLabels("thread-id=t1,user-id=alice")},
		{name: "provisioner/last", creator: user("provisioner-2"), pod: plain(), verdict: Refused, violations: wrongLabels("thread-id=t1,user-id=alice")},
		{name: "provisioner/none", creator: user("provisioner-3"), pod: plain(), verdict: Ungoverned},

		{name: "exempt user/first", creator: user(replicaSets), pod: sandbox(subPath("x")), verdict: Ungoverned},
		{name: "exempt user/last", creator: user("exempt-2"), pod: sandbox(subPath("x")), verdict: Ungoverned},
		{name: "exempt user/none", creator: user("exempt-3"), pod: sandbox(subPath("x")), verdict: Rewritten, edits: rescoped},

		{name: "exempt group/first", creator: user("dev", "system:masters"), pod: sandbox(subPath("x")), verdict: Ungoverned},
		{name: "exempt group/last", creator: user("dev", "group-2"), pod: sandbox(subPath("x")), verdict: Ungoverned},
		{name: "exempt group/last of the creator's", creator: user("dev", "devs", "others", "group-2"), pod: sandbox(subPath("x")), verdict: Ungoverned},
		{name: "exempt group/none", creator: user("dev", "devs", "group-3"), pod: sandbox(subPath("x")), verdict: Rewritten, edits: rescoped},

		{name: "base/first", pod: hostPath("/base/users/alice/skills"), verdict: Allowed},
		{name: "base/last", pod: hostPath("/base-2/users/alice/skills"), verdict: Allowed},
	}
	for _, list := range []struct {
		name               string
		first, last, other *corev1.Pod
		want               Violation // of the other
	}{
		{"hostPath", hostPath("/skills"), hostPath("/skills-2"), hostPath("/skills-3"),
			Violation{RuleHostPath, "spec.volumes[1].hostPath.path", "/skills-3", "is not a hostPath that this sandbox may have: use the claim, or have the policy list it in allow.hostPaths"}},
		{"claim", claim("skills"), claim("skills-2"), claim("skills-3"), otherClaim("spec.volumes[1].", "skills-3")},
		{"CSI driver", source(corev1.VolumeSource{CSI: &corev1.CSIVolumeSource{Driver: "driver"}}), source(corev1.VolumeSource{CSI: &corev1.CSIVolumeSource{Driver: "driver-2"}}),
			source(corev1.VolumeSource{CSI: &corev1.CSIVolumeSource{Driver: "driver-3"}}), Violation{RuleCSIDriver, "spec.volumes[1].csi.driver", "driver-3", notADriver}},
		{"volume type", source(corev1.VolumeSource{Image: &corev1.ImageVolumeSource{}}), source(corev1.VolumeSource{NFS: &corev1.NFSVolumeSource{}}),
			source(corev1.VolumeSource{RBD: &corev1.RBDVolumeSource{}}), notListed("spec.volumes[1].rbd", "rbd")},
		{"Secret", secret("secret"), secret("secret-2"), secret("secret-3"), Violation{RuleSecret, "spec.volumes[1].secret.secretName", "secret-3", notASecret}},
		{"ServiceAccount", account("account"), account("account-2"), account("account-3"),
			Violation{RuleServiceAccount, "spec.serviceAccountName", "account-3", "is a ServiceAccount that sandboxes may not run as: leave it out, or have the policy list it in allow.serviceAccounts"}},
		{"audience", token("audience"), token("audience-2"), token("audience-3"),
			Violation{RuleServiceAccountToken, "spec.volumes[1].projected.sources[0].serviceAccountToken.audience", "audience-3", "is not listed: drop it, or have the policy list it in allow.tokenAudiences"}},
		{"device", device("example.com/gpu"), device("example.com/gpu-2"), device("example.com/gpu-3"),
			Violation{RuleResourceClaim, "spec.containers[0].resources.limits[example.com/gpu-3]", "1", "asks for a device: drop it, or have the policy list it in allow.resourceClaims"}},
		{"claimed device", claimed("example.com/gpu"), claimed("example.com/gpu", "example.com/gpu-2"), claimed("example.com/gpu", "example.com/gpu-3"),
			Violation{RuleResourceClaim, "spec.resourceClaims[1]", "example.com/gpu-3", "is no device for sandboxes: drop it, or have the policy list it in allow.resourceClaims"}},
		{"runtime class", class("class"), class("class-2"), class("class-3"),
			Violation{RuleRuntimeClass, "spec.runtimeClassName", "class-3", "is a runtime that sandboxes may not choose: drop it, or have the policy list it in allow.runtimeClasses"}},
		{"label", good(label("component", "sandbox")), good(label("component", "browser")), good(label("component", "gateway")),
			Violation{RuleLabel, "metadata.labels[component]", "gateway", saysUnlistedLabel}},
		{"label of any value", good(label("team", "")), good(label("team", "red")), good(label("Team", "red")),
			Violation{RuleLabel, "metadata.labels[Team]", "red", saysUnlistedLabel}},
		{"annotation", good(annotation("controller.kubernetes.io/a", "")), good(annotation("controller.kubernetes.io/b", "1")), good(annotation("controller.kubernetes.io/c", "1")),
			Violation{RuleAnnotation, "metadata.annotations[controller.kubernetes.io/c]", "1", saysUnlistedAnnotation}},
		{"capability", capability("NET_ADMIN"), capability("NET_RAW"), capability("SYS_ADMIN"),
			Violation{RulePodSecurity, "spec", "non-default capabilities", `is forbidden by the Pod Security baseline, and no policy may list it: drop it; container "sandbox" must not include "SYS_ADMIN" in securityContext.capabilities.add`}},
	} {
		tests = append(tests,
			createTest{name: list.name + "/first", pod: list.first, verdict: Allowed},
			createTest{name: list.name + "/last", pod: list.last, verdict: Allowed},
			createTest{name: list.name + "/none", pod: list.other, verdict: Refused, violations: []Violation{list.want}})
	}
	for i := range tests {
		tests[i].policy = two()
	}
	runCreate(t, tests)
}
