package random

import (
	"maps"
	"slices"
	"strings"

	"userscope.dev/userscope/test/pods/oracle"
)

// harmless are changes after which a good Pod still passes.
var harmless = []mutation{
	{"fields of tomorrow outside volumes", func(d *drawing) {
		of(d, d.Pod, d.spec(), d.container(), at(d.Pod, "metadata"), at(d.spec(), "securityContext"))["tomorrow"] =
			of[any](d, object{"a": []any{1.5, nil, true, "\u2028"}}, 12345678901234567, "x", nil)
	}},
	{"a volume that anybody may have", func(d *drawing) {
		kind := of(d, "emptyDir", "configMap", "downwardAPI")
		source := object{}
		if kind == "configMap" {
			source["name"] = d.readableConfigMap()
		}
		d.mount(d.volume(kind, source), of(d, object{}, object{"subPath": "../any"}, object{"subPathExpr": "$(ANY)"}))
	}},
	{"the API server's own token", func(d *drawing) {
		name := d.name("kube-api-access")
		add(d.spec(), "volumes", object{"name": name, "projected": object{"defaultMode": 420, "sources": []any{
			object{"serviceAccountToken": object{"expirationSeconds": 3607, "path": "token"}},
			object{"configMap": object{"name": "kube-root-ca.crt", "items": []any{object{"key": "ca.crt", "path": "ca.crt"}}}},
			object{"downwardAPI": object{"items": []any{object{"path": "namespace", "fieldRef": object{"apiVersion": "v1", "fieldPath": "metadata.namespace"}}}}},
		}}})
		d.mount(name, object{"readOnly": true})
		d.spec()["serviceAccountName"], d.spec()["serviceAccount"] = "default", "default"
	}},
	{"what the API server's plugins add", func(d *drawing) {
		spec := d.spec()
		of(d,
			func() { spec["priority"] = 0 },
			func() { spec["priorityClassName"], spec["priority"] = "ordinary", 0 },
			func() { spec["priorityClassName"], spec["priority"] = "batch-system", -10 },
		)()
		spec["preemptionPolicy"] = "PreemptLowerPriority"
		for _, key := range []string{"node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"} {
			add(spec, "tolerations", object{"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": of(d, 300, 30)})
		}
	}},
	{"tolerations of what only keeps new Pods away", func(d *drawing) {
		add(d.spec(), "tolerations", object{"key": "example.com/spot", "operator": of(d, "Exists", "Equal", ""), "effect": of(d, "NoSchedule", "PreferNoSchedule")})
	}},
	{"what the policy lists", listed},
	{"settings within the baseline", func(d *drawing) {
		context := at(d.container(), "securityContext")
		of(d,
			func() {
				context["capabilities"] = object{"add": []any{"CHOWN", "NET_BIND_SERVICE"}, "drop": []any{"ALL"}}
			},
			func() { context["seccompProfile"] = object{"type": of(d, "RuntimeDefault", "Localhost")} },
			func() {
				context["privileged"], context["runAsUser"], context["allowPrivilegeEscalation"] = false, 0, true
			},
			func() { context["procMount"] = "Default" },
			func() { d.spec()["hostUsers"], context["procMount"] = false, "Unmasked" },
			func() {
				at(d.spec(), "securityContext")["sysctls"] = []any{object{"name": "net.ipv4.tcp_syncookies", "value": "1"}}
			},
			func() { at(d.spec(), "securityContext")["supplementalGroups"] = []any{1000} },
			func() { d.annotations()["container.apparmor.security.beta.kubernetes.io/main"] = "runtime/default" },
			func() { d.spec()["hostNetwork"] = false },
		)()
	}},
	{"environment", func(d *drawing) {
		c := d.container()
		add(c, "env", of(d,
			object{"name": "A", "value": "$(B)"},
			object{"name": "A", "valueFrom": object{"configMapKeyRef": object{"name": d.readableConfigMap(), "key": "y"}}},
			object{"name": "A", "valueFrom": object{"fieldRef": object{"fieldPath": "metadata.name"}}},
		))
		add(c, "envFrom", object{"configMapRef": object{"name": d.readableConfigMap()}})
	}},
	{"probes and ports", func(d *drawing) {
		c := d.container()
		c["livenessProbe"] = object{"httpGet": object{"path": "/", "port": 8080}}
		c["lifecycle"] = object{"preStop": object{"exec": object{"command": []any{"true"}}}}
		c["ports"] = []any{object{"containerPort": 8080, "hostPort": 0}}
	}},
	{"names that are empty", func(d *drawing) {
		spec := d.spec()
		spec["hostname"], spec["subdomain"], spec["setHostnameAsFQDN"], spec["hostnameOverride"] = "", "", false, nil
		spec["imagePullSecrets"] = []any{object{}}
	}},
	{"an owner that is no controller", func(d *drawing) {
		add(at(d.Pod, "metadata"), "ownerReferences", object{"apiVersion": "v1", "kind": "Pod", "name": "gateway", "uid": "1", "controller": of[any](d, false, nil)})
	}},
	{"a marker that somebody made up", func(d *drawing) {
		if len(oracle.Governed(d.In.Oracle, d.Request, d.Pod)) == len(d.In.Oracle) {
			d.annotations()["userscope.dev/policies"] = of(d, "", "x", d.Policy.Name)
		}
	}},
	{"annotations and labels of others", func(d *drawing) {
		d.annotations()["a/b~c"], d.annotations()["x"] = "1", ""
		if !slices.Contains(d.Policy.Provisioners, d.Request.Username) {
			d.labels()["user"] = "../bob"
		}
	}},
	{"lists that are null", func(d *drawing) {
		c := d.container()
		for _, key := range []string{"volumeMounts", "volumeDevices", "env", "envFrom"} {
			if _, ok := c[key]; !ok {
				c[key] = nil
			}
		}
		if len(list(d.spec(), "initContainers")) == 0 {
			d.spec()["initContainers"] = of[any](d, nil, []any{})
		}
		d.spec()["ephemeralContainers"] = nil
		if len(d.annotations()) == 0 {
			at(d.Pod, "metadata")["annotations"] = of[any](d, nil, object{})
		}
	}},
}

// listed adds something that the policy lists; nothing where it lists nothing.
func listed(d *drawing) {
	a := d.Policy.Allowed
	mountOf := func(kind string, source object) {
		d.mount(d.volume(kind, source), of(d, object{"readOnly": d.tidy}, object{"readOnly": true}))
	}
	var choices []func()
	some := func(entries []string, use func(entry string)) {
		// Where two policies meet both must list it.
		for _, entry := range entries {
			if d.In.Name != "two-claims" || entry == "studio" || entry == "/srv/fonts" {
				choices = append(choices, func() { use(entry) })
			}
		}
	}
	some(a.HostPaths, func(path string) { mountOf("hostPath", object{"path": of(d, path, path+"/")}) })
	some(a.Claims, func(claim string) {
		mountOf("persistentVolumeClaim", object{"claimName": claim, "readOnly": d.tidy || d.chance(50)})
	})
	some(a.VolumeTypes, func(kind string) { mountOf(kind, object{}) })
	some(a.StorageClasses, func(class string) {
		template := d.emptyVolume()
		template["storageClassName"] = class
		mountOf("ephemeral", object{"volumeClaimTemplate": object{"metadata": object{"labels": object{"a": "b"}}, "spec": template}})
	})
	some(a.Secrets, func(secret string) {
		c := d.container()
		of(d,
			func() { mountOf("secret", object{"secretName": secret}) },
			func() { mountOf("projected", object{"sources": []any{object{"secret": object{"name": secret}}}}) },
			func() {
				add(c, "env", object{"name": "S", "valueFrom": object{"secretKeyRef": object{"name": secret, "key": "k"}}})
			},
			func() { add(c, "envFrom", object{"secretRef": object{"name": secret}}) },
		)()
	})
	some(slices.Sorted(maps.Keys(a.Labels)), func(key string) {
		value := of(d, a.Labels[key]...)
		if value == "*" {
			value = of(d, "gateway", "", "*")
		}
		d.labels()[key] = value
	})
	some(a.Annotations, func(key string) { d.annotations()[key] = of(d, "1", "") })
	some(a.ServiceAccounts, func(account string) { d.spec()["serviceAccountName"] = account; delete(d.spec(), "serviceAccount") })
	some(a.TokenAudiences, func(audience string) {
		mountOf("projected", object{"sources": []any{object{"serviceAccountToken": object{"path": "t", "audience": audience}}}})
	})
	some(a.ResourceClaims, func(claim string) {
		d.spec()["resourceClaims"] = []any{object{"name": "r", of(d, "resourceClaimName", "resourceClaimTemplateName"): claim}}
	})
	for _, list := range oracle.Lists() {
		some(a.Listed[list.Field], func(entry string) { list.Write(d.Pod, entry) })
	}
	some(a.ControllerOwners, func(owner string) {
		kind, group, _ := strings.Cut(owner, ".")
		add(at(d.Pod, "metadata"), "ownerReferences", object{
			"apiVersion": group + of(d, "/v1", "/v1beta1"), "kind": kind, "name": "box-1", "uid": "1", "controller": true,
		})
	})
	some(a.Capabilities, func(capability string) {
		at(d.container(), "securityContext")["capabilities"] = object{"add": []any{capability, "CHOWN"}}
	})
	if len(a.Tolerations) > 0 && d.In.Name != "two-claims" {
		choices = append(choices,
			func() { d.spec()["priority"], d.spec()["priorityClassName"] = a.MaxPriority, "high" },
			func() { add(d.spec(), "tolerations", of(d, a.Tolerations...)) },
		)
	}
	if a.FSGroup != "" {
		choices = append(choices,
			func() {
				context := at(d.spec(), "securityContext")
				context["fsGroup"] = 2000
				of(d, func() {}, func() { context["fsGroupChangePolicy"] = "Always" }, func() { context["fsGroupChangePolicy"] = "OnRootMismatch" })()
			},
			func() { at(of(d, d.spec(), d.container()), "securityContext")["seLinuxOptions"] = a.SELinuxOptions },
		)
	}
	if len(choices) > 0 {
		of(d, choices...)()
	}
}
