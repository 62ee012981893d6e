package oracle

import (
	"slices"
	"strings"
)

// The values that the Pod Security Standards' baseline allows, as of Kubernetes 1.37.
var (
	baselineCapabilities = []string{
		"AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD",
		"NET_BIND_SERVICE", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
	}
	baselineSysctls = []string{
		"kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.ip_unprivileged_port_start",
		"net.ipv4.tcp_syncookies", "net.ipv4.ping_group_range", "net.ipv4.ip_local_reserved_ports",
		"net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_keepalive_intvl",
		"net.ipv4.tcp_keepalive_probes", "net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem",
		"net.ipv4.tcp_slow_start_after_idle", "net.ipv4.tcp_notsent_lowat",
	}
	baselineSELinuxTypes = []string{"", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"}
	baselineProfiles     = []string{"", "RuntimeDefault", "Localhost"}
)

// baseline is I4 for all that the Pod Security Standards' baseline forbids but hostPath volumes:
// a Pod that owns its node owns the data of everyone.
func (j *judgement) baseline() {
	spec := child(j.pod, "spec")
	for _, namespace := range []string{"hostNetwork", "hostPID", "hostIPC"} {
		if flag(spec, namespace) {
			j.condemn("I4", "the Pod has %s", namespace)
		}
	}
	security := child(spec, "securityContext")
	for _, sysctl := range children(security, "sysctls") {
		if name := text(sysctl, "name"); !slices.Contains(baselineSysctls, name) {
			j.condemn("I4", "the Pod sets sysctl %q", name)
		}
	}
	for key, value := range child(j.pod, "metadata", "annotations") {
		if strings.HasPrefix(key, "container.apparmor.security.beta.kubernetes.io/") {
			if profile, _ := value.(string); profile != "" && profile != "runtime/default" && !strings.HasPrefix(profile, "localhost/") {
				j.condemn("I4", "annotation %s is %q", key, profile)
			}
		}
	}
	j.profiles("the Pod", security)
	for _, c := range containers(j.pod, everyone) {
		j.baselineContainer(c)
	}
}

// profiles judges what a security context of a Pod and one of a container have in common.
func (j *judgement) profiles(where string, security object) {
	if flag(child(security, "windowsOptions"), "hostProcess") {
		j.condemn("I4", "%s is a process of its Windows host", where)
	}
	for _, key := range []string{"seccompProfile", "appArmorProfile"} {
		if kind := text(child(security, key), "type"); !slices.Contains(baselineProfiles, kind) {
			j.condemn("I4", "%s has %s %q", where, key, kind)
		}
	}
	options := child(security, "seLinuxOptions")
	if !slices.Contains(baselineSELinuxTypes, text(options, "type")) || text(options, "user") != "" || text(options, "role") != "" {
		j.condemn("I4", "%s has SELinux options beyond the baseline: %v", where, options)
	}
}

func (j *judgement) baselineContainer(c container) {
	security := child(c.object, "securityContext")
	j.profiles(c.where, security)
	if flag(security, "privileged") {
		j.condemn("I4", "%s is privileged", c.where)
	}
	// In a user namespace of its own a Pod may see all of /proc.
	hostUsers := child(j.pod, "spec")["hostUsers"]
	if kind := text(security, "procMount"); kind != "" && kind != "Default" && hostUsers != false {
		j.condemn("I4", "%s has procMount %q", c.where, kind)
	}
	added, _ := child(security, "capabilities")["add"].([]any)
	for _, capability := range added {
		name, _ := capability.(string)
		if !slices.Contains(baselineCapabilities, name) && !slices.Contains(j.policy.Allowed.Capabilities, name) {
			j.condemn("I4", "%s has capability %q", c.where, name)
		}
	}
	for _, port := range children(c.object, "ports") {
		if host := number(port["hostPort"]); host != "" && host != "0" {
			j.condemn("I4", "%s has port %s of the host", c.where, host)
		}
	}
	j.hosts(c)
}

// hosts judges what the kubelet connects to on behalf of a container.
func (j *judgement) hosts(c container) {
	lifecycle := child(c.object, "lifecycle")
	for name, handler := range map[string]object{
		"livenessProbe":  child(c.object, "livenessProbe"),
		"readinessProbe": child(c.object, "readinessProbe"),
		"startupProbe":   child(c.object, "startupProbe"),
		"postStart":      child(lifecycle, "postStart"),
		"preStop":        child(lifecycle, "preStop"),
	} {
		for _, key := range []string{"httpGet", "tcpSocket"} {
			if host := text(child(handler, key), "host"); host != "" {
				j.condemn("I4", "the %s of %s asks the host %q", name, c.where, host)
			}
		}
	}
}
