package scope

import (
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	podsecurity "k8s.io/pod-security-admission/api"
	checks "k8s.io/pod-security-admission/policy"

	"userscope.dev/userscope/webhook/policy"
)

func TestPodSecurity(t *testing.T) {
	refused := func(reason, detail string) []Violation {
		return []Violation{{RulePodSecurity, "spec", reason, "is forbidden by the Pod Security baseline, and no policy may list it: drop it; " + detail}}
	}
	listable := func(detail string) []Violation {
		return []Violation{{RulePodSecurity, "spec", "non-default capabilities", saysNetworkCapability + "; " + detail}}
	}
	container := func(change func(*corev1.SecurityContext)) *corev1.Pod {
		return sandbox(first(func(c *corev1.Container) {
			c.SecurityContext = &corev1.SecurityContext{}
			change(c.SecurityContext)
		}))
	}
	whole := func(change func(*corev1.PodSecurityContext)) *corev1.Pod {
		return sandbox(spec(func(s *corev1.PodSpec) {
			s.SecurityContext = &corev1.PodSecurityContext{}
			change(s.SecurityContext)
		}))
	}
	sysctl := func(name string) *corev1.Pod {
		return whole(func(s *corev1.PodSecurityContext) { s.Sysctls = []corev1.Sysctl{{Name: name, Value: "0"}} })
	}
	probe := &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Host: "127.0.0.1"}}}
	label := corev1.SELinuxOptions{Type: "spc_t"}
	add := func(names ...corev1.Capability) *corev1.Pod {
		return sandbox(first(func(c *corev1.Container) {
			c.SecurityContext = &corev1.SecurityContext{Capabilities: &corev1.Capabilities{Add: names}}
		}))
	}
	listed := allowing(func(a *policy.Allow) { a.Capabilities = []string{"NET_ADMIN"} })
	runCreate(t, []createTest{
		{name: "a port of the node", pod: sandbox(first(func(c *corev1.Container) { c.Ports = []corev1.ContainerPort{{HostPort: 10250}} })), verdict: Refused,
			violations: refused("hostPort", `container "sandbox" uses hostPort 10250`)},
		{name: "a sysctl", pod: sysctl("kernel.core_pattern"), verdict: Refused, violations: refused("forbidden sysctls", "kernel.core_pattern")},
		{name: "a sysctl that the latest version allows", pod: sysctl("net.ipv4.tcp_notsent_lowat"), verdict: Allowed},
		{name: "no seccomp filter", pod: whole(func(s *corev1.PodSecurityContext) { s.SeccompProfile = &corev1.SeccompProfile{Type: "Unconfined"} }), verdict: Refused,
			violations: refused("seccompProfile", `pod must not set securityContext.seccompProfile.type to "Unconfined"`)},
		{name: "no seccomp filter of a container", pod: container(func(s *corev1.SecurityContext) { s.SeccompProfile = &corev1.SeccompProfile{Type: "Unconfined"} }), verdict: Refused,
			violations: refused("seccompProfile", `container "sandbox" must not set securityContext.seccompProfile.type to "Unconfined"`)},
		{name: "no AppArmor", pod: container(func(s *corev1.SecurityContext) { s.AppArmorProfile = &corev1.AppArmorProfile{Type: "Unconfined"} }), verdict: Refused,
			violations: refused("forbidden AppArmor profile", `container "sandbox" must not set AppArmor profile type to "Unconfined"`)},
		{name: "no AppArmor, by annotation", pod: sandbox(annotation("container.apparmor.security.beta.kubernetes.io/sandbox", "unconfined")), verdict: Refused,
			violations: refused("forbidden AppArmor profile", `annotation must not set AppArmor profile type to "container.apparmor.security.beta.kubernetes.io/sandbox="unconfined""`)},
		{name: "all of /proc", pod: container(func(s *corev1.SecurityContext) { s.ProcMount = new(corev1.UnmaskedProcMount) }), verdict: Refused,
			violations: refused("procMount", `container "sandbox" must not set securityContext.procMount to "Unmasked"`)},
		{name: "a probe of the node", pod: sandbox(first(func(c *corev1.Container) { c.LivenessProbe = probe })), verdict: Refused,
			violations: refused("probe or lifecycle host", `container "sandbox" uses probe or lifecycle host "127.0.0.1"`)},
		{name: "a lifecycle hook of the node", pod: sandbox(first(func(c *corev1.Container) {
			c.Lifecycle = &corev1.Lifecycle{PreStop: &corev1.LifecycleHandler{TCPSocket: &corev1.TCPSocketAction{Host: "10.0.0.1"}}}
		})), verdict: Refused, violations: refused("probe or lifecycle host", `container "sandbox" uses probe or lifecycle host "10.0.0.1"`)},
		{name: "a Windows host process", pod: container(func(s *corev1.SecurityContext) {
			s.WindowsOptions = &corev1.WindowsSecurityContextOptions{HostProcess: new(true)}
		}), verdict: Refused, violations: refused("hostProcess", `container "sandbox" must not set securityContext.windowsOptions.hostProcess=true`)},
		{name: "an SELinux type that may do everything, though the policy names it", policy: allowing(func(a *policy.Allow) { a.SELinuxOptions = &label }),
			pod: whole(func(s *corev1.PodSecurityContext) { s.SELinuxOptions = &label }), verdict: Refused,
			violations: refused("seLinuxOptions", `pod set forbidden securityContext.seLinuxOptions: type "spc_t"`)},
		{name: "the node's network", pod: sandbox(spec(func(s *corev1.PodSpec) { s.HostNetwork = true })), verdict: Refused,
			violations: refused("host namespaces", "hostNetwork=true")},
		{name: "the node's shared memory", pod: sandbox(spec(func(s *corev1.PodSpec) { s.HostIPC = true })), verdict: Refused,
			violations: refused("host namespaces", "hostIPC=true")},
		{name: "privileged", pod: sandbox(first(func(c *corev1.Container) { c.SecurityContext = &corev1.SecurityContext{Privileged: new(true)} })), verdict: Refused,
			violations: refused("privileged", `container "sandbox" must not set securityContext.privileged=true`)},
		{name: "the node's processes", pod: sandbox(spec(func(s *corev1.PodSpec) { s.HostPID = true })), verdict: Refused,
			violations: refused("host namespaces", "hostPID=true")},
		{name: "a listed hostPath, which the baseline forbids", pod: sandbox(addVolume(hostPathVolume("s", "/skills"))), verdict: Allowed},
		{name: "a capability of the baseline", pod: add("CHOWN"), verdict: Allowed},
		{name: "a capability beyond it", pod: add("NET_ADMIN"), verdict: Refused,
			violations: listable(`container "sandbox" must not include "NET_ADMIN" in securityContext.capabilities.add`)},
		{name: "a capability that would break a line", pod: add("X\nall is well"), verdict: Refused,
			violations: refused("non-default capabilities", `container "sandbox" must not include "X\nall is well" in securityContext.capabilities.add`)},
		{name: "a capability beyond it beside one that no policy may list", pod: add("NET_ADMIN", "SYS_ADMIN"), verdict: Refused,
			violations: refused("non-default capabilities", `container "sandbox" must not include "NET_ADMIN", "SYS_ADMIN" in securityContext.capabilities.add`)},
		{name: "a listed capability", policy: listed, pod: add("NET_ADMIN", "CHOWN"), verdict: Allowed},
		{name: "a capability beside a listed one", policy: listed, pod: add("NET_ADMIN", "NET_RAW"), verdict: Refused,
			violations: listable(`container "sandbox" must not include "NET_RAW" in securityContext.capabilities.add`)},
		{name: "no capabilities, where some are listed", policy: listed, pod: sandbox(first(func(c *corev1.Container) { c.SecurityContext = &corev1.SecurityContext{} })), verdict: Allowed},
	})
}

// TestBaselineIsWhole holds the checks that are made against those of the library, so that a new
// version of it loses none: a check that this list does not know is to be looked at, and to get a
// row above.
func TestBaselineIsWhole(t *testing.T) {
	known := []checks.CheckID{
		"appArmorProfile", "capabilities_baseline", "hostNamespaces", "hostPathVolumes", "hostPorts", "hostProbesAndHostLifecycle",
		"privileged", "procMount", "seLinuxOptions", "seccompProfile_baseline", "sysctls", "windowsHostProcess",
	}
	var ids []checks.CheckID
	for _, check := range checks.DefaultChecks() {
		if check.Level == podsecurity.LevelBaseline {
			ids = append(ids, check.ID)
		}
	}
	slices.Sort(ids)
	if !slices.Equal(ids, known) {
		t.Errorf("the library checks %v, want %v", ids, known)
	}

	latest := podsecurity.LevelVersion{Level: podsecurity.LevelBaseline, Version: podsecurity.LatestVersion()}
	everything := sandbox(addVolume(hostPathVolume("h", "/")))
	results := baseline.EvaluatePod(latest, &everything.ObjectMeta, &everything.Spec)
	if len(results) != len(ids)-1 {
		t.Errorf("%d checks are made, want all %d but one", len(results), len(ids))
	}
	for _, result := range results {
		if !result.Allowed {
			t.Errorf("a hostPath is forbidden: %s", result.ForbiddenReason)
		}
	}
}
