package oracle

import (
	"reflect"
	"slices"
	"strings"
)

// secrets is I4 for Secrets: whoever may create Pods would otherwise read every Secret of the
// namespace through one.
func (j *judgement) secrets() {
	listed := j.policy.Allowed.Secrets
	for _, volume := range volumes(j.pod) {
		if present(volume, "secret") {
			j.allow(listed, text(child(volume, "secret"), "secretName"), "the Secret of volume %q", text(volume, "name"))
		}
		for _, projection := range children(child(volume, "projected"), "sources") {
			if present(projection, "secret") {
				j.allow(listed, text(child(projection, "secret"), "name"), "a Secret of volume %q", text(volume, "name"))
			}
		}
	}
	for _, c := range containers(j.pod, everyone) {
		j.environment(c)
	}
}

// environment judges where a container's variables come from: I4 for Secrets, and I3 for files,
// which the kubelet reads from the root of their volume, whatever part of it is mounted.
func (j *judgement) environment(c container) {
	listed := j.policy.Allowed.Secrets
	for _, variable := range children(c.object, "env") {
		source, name := child(variable, "valueFrom"), text(variable, "name")
		if present(source, "secretKeyRef") {
			j.allow(listed, text(child(source, "secretKeyRef"), "name"), "the Secret in variable %q of %s", name, c.where)
		}
		if file := child(source, "fileKeyRef"); file != nil && !j.isScratch(text(file, "volumeName")) {
			j.condemn("I3", "variable %q of %s is read from volume %q as a whole", name, c.where, text(file, "volumeName"))
		}
	}
	for _, source := range children(c.object, "envFrom") {
		if present(source, "secretRef") {
			j.allow(listed, text(child(source, "secretRef"), "name"), "a Secret in the environment of %s", c.where)
		}
	}
}

// configMaps is I4 for ConfigMaps, where the policy says which.
func (j *judgement) configMaps() {
	for _, volume := range volumes(j.pod) {
		j.configMap(volume, "configMap", "volume "+text(volume, "name"))
		for _, projection := range children(child(volume, "projected"), "sources") {
			j.configMap(projection, "configMap", "volume "+text(volume, "name"))
		}
	}
	for _, c := range containers(j.pod, everyone) {
		j.configMapVariables(c)
	}
}

// configMapVariables judges the ConfigMaps in a container's environment.
func (j *judgement) configMapVariables(c container) {
	for _, variable := range children(c.object, "env") {
		j.configMap(child(variable, "valueFrom"), "configMapKeyRef", c.where)
	}
	for _, source := range children(c.object, "envFrom") {
		j.configMap(source, "configMapRef", c.where)
	}
}

// configMap condemns the ConfigMap of a source, unless it is listed or holds the cluster's own certificates.
func (j *judgement) configMap(source object, key, where string) {
	if !j.policy.Allowed.RestrictsConfigMaps || !present(source, key) {
		return
	}
	switch name := text(child(source, key), "name"); name {
	case "kube-root-ca.crt", "openshift-service-ca.crt":
	default:
		j.allow(j.policy.Allowed.ConfigMaps, name, "a ConfigMap of %s", where)
	}
}

// isScratch reports whether a volume holds nothing but what the Pod itself wrote.
func (j *judgement) isScratch(name string) bool {
	return slices.ContainsFunc(volumes(j.pod), func(volume object) bool {
		return text(volume, "name") == name && (present(volume, "emptyDir") || isBare(volume))
	})
}

// isBare reports whether a volume has a name only, of which Kubernetes makes an emptyDir.
func isBare(volume object) bool {
	for key, source := range volume {
		if key != "name" && source != nil {
			return false
		}
	}
	return true
}

// accounts is I4 for ServiceAccounts. The API server reads the second field where the first is
// empty.
func (j *judgement) accounts() {
	spec := child(j.pod, "spec")
	account := text(spec, "serviceAccountName")
	if account == "" {
		account = text(spec, "serviceAccount")
	}
	if account != "" && account != "default" {
		j.allow(j.policy.Allowed.ServiceAccounts, account, "the ServiceAccount")
	}
}

// resources is I4 for what is made or prepared outside the Pod.
func (j *judgement) resources() {
	spec := child(j.pod, "spec")
	for _, claim := range children(spec, "resourceClaims") {
		// Kubernetes 1.30 has the names below source.
		for _, at := range []map[string]any{claim, child(claim, "source")} {
			for _, key := range []string{"resourceClaimName", "resourceClaimTemplateName"} {
				if present(at, key) {
					j.allow(j.policy.Allowed.ResourceClaims, text(at, key), "the %s of %q", key, text(claim, "name"))
				}
			}
		}
	}
	// A resource with a domain in its name is a device, or whatever else some plugin of the node
	// makes of it.
	for _, c := range containers(j.pod, everyone) {
		for _, kind := range []string{"limits", "requests"} {
			for resource := range child(c.object, "resources", kind) {
				if strings.Contains(resource, "/") {
					j.allow(j.policy.Allowed.ResourceClaims, resource, "a resource of %s", c.where)
				}
			}
		}
	}
}

// ownership is I4 for the settings that change a volume as a whole, other tenants' files
// included.
func (j *judgement) ownership() {
	security := child(j.pod, "spec", "securityContext")
	if present(security, "fsGroup") {
		if group := number(security["fsGroup"]); group != j.policy.Allowed.FSGroup {
			j.condemn("I4", "the fsGroup is %s", group)
		}
		if policy := text(security, "fsGroupChangePolicy"); policy != "OnRootMismatch" {
			j.condemn("I4", "the fsGroupChangePolicy is %q", policy)
		}
	}
	j.seLinux("the Pod", security)
	for _, c := range containers(j.pod, lasting) {
		j.seLinux(c.where, child(c.object, "securityContext"))
	}
}

func (j *judgement) seLinux(where string, security object) {
	if present(security, "seLinuxOptions") && !reflect.DeepEqual(child(security, "seLinuxOptions"), j.policy.Allowed.SELinuxOptions) {
		j.condemn("I4", "%s sets seLinuxOptions %v", where, security["seLinuxOptions"])
	}
}

// crowd is I4 for how much of something there is.
func (j *judgement) crowd() {
	has := map[string]int{"volumes": len(volumes(j.pod))}
	for _, volume := range volumes(j.pod) {
		has["volumes"] += len(children(child(volume, "projected"), "sources"))
	}
	for _, c := range containers(j.pod, []string{"initContainers", "containers"}) {
		has["containers"]++
		has["mounts"] += len(children(c.object, "volumeMounts"))
		has["environment"] += len(children(c.object, "env")) + len(children(c.object, "envFrom"))
	}
	for name, bound := range j.policy.Bounds {
		if has[name] > bound {
			j.condemn("I4", "%d of %s, and %d may be", has[name], name, bound)
		}
	}
}
