package random

import (
	"maps"
	"slices"
	"strings"

	"userscope.dev/userscope/test/pods/oracle"
)

// harmful are changes that may do harm: what becomes of the Pod is for the decision and the
// oracle to say.
var harmful = []mutation{
	// Mounts of the claim.
	{"another subPath", func(d *drawing) { d.claimMount()["subPath"] = d.path() }},
	{"another subPath", func(d *drawing) { d.claimMount()["subPath"] = d.path() }},
	{"another subPath", func(d *drawing) { d.claimMount()["subPath"] = d.spelled(d.path()) }},
	{"no subPath", func(d *drawing) { delete(d.claimMount(), "subPath") }},
	{"a subPathExpr", func(d *drawing) {
		d.claimMount()["subPathExpr"] = of(d, "$(X)", "", d.path(), d.claimPath(d.userDataDirectory()))
	}},
	{"write access", func(d *drawing) { d.claimMount()["readOnly"] = of[any](d, false, nil) }},
	{"another mountPath", func(d *drawing) {
		d.claimMount()["mountPath"] = of(d, d.spelledMountPath(), d.spelledMountPath(), "", "/", "relative", "/a/../b", `C:\x`, "c:/x", `/x\y`)
	}},
	{"another volume", func(d *drawing) { d.claimMount()["name"] = of(d, "none", "", d.Policy.Volume) }},
	{"other fields of a mount", func(d *drawing) {
		mount := d.claimMount()
		mount[of(d, "recursiveReadOnly", "mountPropagation", "tomorrow", "SubPath", "subpath")] = of[any](d, "Bidirectional", "x", nil)
		mount["bindMountOptions"] = of[any](d, nil, []any{"noexec"})
	}},
	{"one more mount", func(d *drawing) {
		d.mount(d.anyVolume(), of(d, object{}, object{"subPath": d.path()}, object{"mountPath": d.spelledMountPath()}, object{"subPathExpr": "$(X)"}))
	}},
	{"one more mount of the claim", func(d *drawing) {
		d.mount(d.volume("persistentVolumeClaim", object{"claimName": d.Policy.Claim}), object{"subPath": d.path()})
	}},

	// Volumes.
	{"a volume of some kind", func(d *drawing) {
		kind, source := d.source()
		d.mount(d.volume(kind, source), of(d, object{}, object{"subPath": "x"}, object{"subPathExpr": "$(X)"}, object{"readOnly": true}))
	}},
	{"a volume of some kind", func(d *drawing) {
		kind, source := d.source()
		d.mount(d.volume(kind, source), nil)
	}},
	{"a volume's other source", func(d *drawing) {
		if volumes := list(d.spec(), "volumes"); len(volumes) > 0 {
			volume := of(d, volumes...)
			kind, source := d.source()
			if d.chance(50) {
				name := volume["name"]
				clear(volume)
				volume["name"] = name
			}
			volume[kind] = source
		}
	}},
	{"a volume of two sources", func(d *drawing) {
		one, source := d.source()
		other, second := d.source()
		volume := object{"name": of(d, d.Policy.Volume, d.name("volume")), one: source, other: second}
		add(d.spec(), "volumes", volume)
		add(d.container(), "volumeMounts", object{"name": volume["name"], "mountPath": "/" + d.name("path"), "readOnly": true})
	}},
	{"a volume's other name", func(d *drawing) {
		if volumes := list(d.spec(), "volumes"); len(volumes) > 0 {
			of(d, volumes...)["name"] = of(d, append([]any{d.Policy.Volume, "", nil}, volumes[0]["name"])...)
		}
	}},
	{"user data of another kind", func(d *drawing) {
		kind, source := d.source()
		add(d.spec(), "volumes", object{"name": d.Policy.Volume, kind: source})
		d.mount(d.Policy.Volume, object{"mountPath": d.spelledMountPath()})
	}},
	{"user data on the node", func(d *drawing) {
		add(d.spec(), "volumes", object{"name": d.Policy.Volume, "hostPath": object{"path": d.hostPath()}})
		d.mount(d.Policy.Volume, object{"mountPath": d.spelledMountPath()})
	}},
	{"a directory of the node", func(d *drawing) {
		d.mount(d.volume("hostPath", object{"path": d.hostPath()}), of(d, object{}, object{"readOnly": true}, object{"subPath": "x"}))
	}},
	{"as much as there may be, or more", func(d *drawing) {
		d.spec()["automountServiceAccountToken"] = false // to which an API server adds no token's volume
		more := of(d, 0, 1)
		switch of(d, "volumes", "mounts", "containers") {
		case "volumes":
			for len(list(d.spec(), "volumes")) < d.Policy.Bounds["volumes"]+more {
				d.volume("emptyDir", object{})
			}
		case "mounts":
			volume, c := d.volume("emptyDir", object{}), d.container()
			for range d.Policy.Bounds["mounts"] + more - len(d.mounts(func(object) bool { return true })) {
				add(c, "volumeMounts", object{"name": volume, "mountPath": "/" + d.name("path")})
			}
		default:
			for len(d.containers("initContainers", "containers")) < d.Policy.Bounds["containers"]+more {
				add(d.spec(), "containers", object{"name": d.name("container"), "image": "image"})
			}
		}
	}},
	{"another claim", func(d *drawing) {
		d.mount(d.volume("persistentVolumeClaim", object{"claimName": of(d, append(d.Policy.Allowed.Claims, "postgres", d.In.Oracle[0].Claim)...), "readOnly": d.chance(50)}), of(d, nil, object{"readOnly": true}))
	}},
	{"a token", func(d *drawing) {
		token := object{"audience": of(d, "", "vault", "sts"), "path": "token", "expirationSeconds": of(d, 3607, 86400)}
		name := of(d, "kube-api-access-x", "token", d.Policy.Volume)
		add(d.spec(), "volumes", object{"name": name, "projected": object{"sources": []any{object{"serviceAccountToken": token}}}})
		d.mount(name, nil)
	}},
	{"an ephemeral volume", func(d *drawing) {
		template, metadata := d.emptyVolume(), object{}
		of(d,
			func() {},
			func() { template["volumeName"] = of(d, "pv", "") },
			func() { template["selector"] = object{} },
			func() { template["dataSource"] = object{"kind": "PersistentVolumeClaim", "name": "x"} },
			func() { template["dataSourceRef"] = object{"kind": "VolumeSnapshot", "name": "x"} },
			func() { template["storageClassName"] = of[any](d, "standard", "", nil) },
			func() {
				metadata["annotations"] = object{"volume.beta.kubernetes.io/storage-class": of(d, "scratch", "")}
			},
		)()
		d.mount(d.volume("ephemeral", object{"volumeClaimTemplate": object{"metadata": metadata, "spec": template}}), nil)
	}},
	{"a directory of the node like a listed one", func(d *drawing) {
		path := of(d, append(d.Policy.Allowed.HostPaths, "/skills")...)
		source := object{"path": path + of(d, "", "", "x", "/x", "/../x")}
		source["type"] = of[any](d, nil, "", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket", "CharDevice", "BlockDevice", "x")
		d.mount(d.volume("hostPath", source), of(d,
			object{}, object{"subPath": "x"}, object{"subPathExpr": "$(X)"}, object{"subPath": "", "subPathExpr": ""}))
	}},
	{"no volumes", func(d *drawing) { d.spec()["volumes"] = of[any](d, nil, []any{}) }},
	{"a device", func(d *drawing) {
		add(d.container(), "volumeDevices", object{"name": d.anyVolume(), "devicePath": "/dev/x"})
	}},

	// Identity and labels.
	{"an illegal id", func(d *drawing) {
		key := of(d, d.Policy.Identity.UserKey, d.Policy.Identity.ThreadKey)
		of(d, d.labels(), d.annotations())[key] = of[any](d, "", ".", "..", "a/b", "a.b", "u-.", "u-a..b", "u-a@", "lost+found", "é", "a\n", "a b", "Alice", strings.Repeat("a", 65), strings.Repeat("a", 256), nil)
	}},
	{"an id that is illegal alone", func(d *drawing) {
		d.redeclare(d.Policy.Identity.UserKey, of(d, "", ".", "..", "a/b", "a.b", "u-a..b", "u-a+b", "é", "a\n", strings.Repeat("a", 256)))
	}},
	{"a thread that is illegal alone", func(d *drawing) {
		d.redeclare(d.Policy.Identity.ThreadKey, of(d, "", ".", "..", "a/b", "a.b", strings.Repeat("a", 65)))
	}},
	{"an id that the policy alone may refuse", func(d *drawing) {
		d.redeclare(d.Policy.Identity.UserKey, of(d, strings.ToUpper(d.User), "x"+d.User, d.User+"_x"))
	}},
	{"another id", func(d *drawing) {
		user, thread := d.ids()
		place := of(d, d.labels(), d.annotations())
		of(d, func() { place[d.Policy.Identity.UserKey] = user }, func() { place[d.Policy.Identity.ThreadKey] = thread })()
	}},
	{"no id", func(d *drawing) {
		key := of(d, d.Policy.Identity.UserKey, d.Policy.Identity.ThreadKey)
		delete(d.labels(), key)
		delete(d.annotations(), key)
	}},
	{"no labels", func(d *drawing) { at(d.Pod, "metadata")["labels"] = of[any](d, nil, object{}) }},
	{"no annotations", func(d *drawing) { at(d.Pod, "metadata")["annotations"] = of[any](d, nil, object{}) }},
	{"no metadata", func(d *drawing) { d.Pod["metadata"] = object{} }},
	{"other labels", func(d *drawing) {
		keys := slices.Sorted(maps.Keys(oracle.Wear(d.Policy.Selector, oracle.First)))
		if d.chance(50) {
			keys = []string{of(d, keys...)}
		}
		for _, key := range keys {
			d.labels()[key] = of(d, "web", "", "gateway")
			if d.chance(30) {
				delete(d.labels(), key)
			}
		}
	}},
	{"the selector's labels", func(d *drawing) { d.wear() }},
	{"a mirror or static Pod", func(d *drawing) {
		d.annotations()["kubernetes.io/config."+of(d, "mirror", "source", "hash", "seen")] = of(d, "x", "")
	}},
	{"a marker or a stamp that nobody wrote", func(d *drawing) {
		of(d, d.labels(), d.annotations(), d.annotations())[of(d, "userscope.dev/policies", "userscope.dev/user", "userscope.dev/thread")] =
			of(d, "", "x", d.User, d.Policy.Name, "other,"+d.Policy.Name)
	}},
	{"a label of another program", func(d *drawing) { d.dress(d.labels()) }},
	{"an annotation for a controller", func(d *drawing) { d.steer(d.annotations()) }},
	{"a controller", func(d *drawing) {
		add(at(d.Pod, "metadata"), "ownerReferences", object{
			"apiVersion": of(d, "apps/v1", "v1", "box.example/v1", "other.example/v1"), "kind": of(d, "ReplicaSet", "Box", "box"),
			"name": "gateway", "uid": "1", "controller": true,
		})
	}},

	// The request.
	{"another creator", func(d *drawing) {
		d.Request.Username = of(d, append(append(d.Policy.ExemptUsers, d.Policy.Provisioners...), "", "nobody", "system:serviceaccount:kube-system:somebody", "system:serviceaccount:kube-system:replicaset-controllers")...)
	}},
	{"other groups", func(d *drawing) { d.Request.Groups = of(d, nil, d.Policy.ExemptGroups, d.Policy.Provisioners) }},
	{"another namespace", func(d *drawing) { d.Request.Namespace = of(d, append(d.Policy.Namespaces, "", "elsewhere")...) }},
	{"a namespace of its own", func(d *drawing) { at(d.Pod, "metadata")["namespace"] = of(d, "elsewhere", "kube-system") }},
	{"nobody asks", func(d *drawing) { d.Request = oracle.Request{} }},

	// What else reaches data.
	{"a Secret in a variable", func(d *drawing) {
		add(d.container(), "env", object{"name": "S", "valueFrom": object{"secretKeyRef": object{"name": d.secret(), "key": "k"}}})
	}},
	{"a Secret as environment", func(d *drawing) {
		add(d.container(), "envFrom", object{"prefix": "x", "secretRef": object{"name": d.secret()}})
	}},
	{"a ConfigMap in the environment", func(d *drawing) {
		add(d.container(), "envFrom", object{"configMapRef": object{"name": d.configMap()}})
		add(d.container(), "env", object{"name": "M", "valueFrom": object{"configMapKeyRef": object{"name": d.configMap(), "key": "k"}}})
	}},
	{"a file in a variable", func(d *drawing) {
		volume := d.anyVolume()
		if d.chance(50) {
			volume = d.claimVolume()
		}
		add(d.container(), "env", object{"name": "F", "valueFrom": object{"fileKeyRef": object{"volumeName": volume, "path": d.path(), "key": "k"}}})
	}},
	{"a ServiceAccount", func(d *drawing) {
		d.spec()["serviceAccountName"] = of(d, "gateway", "", "default", "lab-worker")
		if d.chance(50) {
			delete(d.spec(), "serviceAccountName")
			d.spec()["serviceAccount"] = of(d, "gateway", "default", "lab-worker")
		}
	}},
	{"a resource claim", func(d *drawing) {
		add(d.spec(), "resourceClaims", of(d,
			object{"name": "r", "resourceClaimName": "disk"}, object{"name": "r", "resourceClaimTemplateName": "disk"},
			object{"name": "r", "resourceClaimName": "gpu", "resourceClaimTemplateName": "disk"}, object{"name": "r"}))
	}},
	{"an extended resource", func(d *drawing) {
		for _, kind := range of(d, []string{"limits"}, []string{"requests"}, []string{"requests"}, []string{"limits", "requests"}) {
			name := of(d, "example.com/gpu", "example.com/disk", "example.com/disk", "gpu", "cpu", "ephemeral-storage")
			at(d.container(), "resources", kind)[name] = of[any](d, "1", 1)
		}
	}},
	{"entries that some lists could have", func(d *drawing) {
		for range 3 {
			of(d, oracle.Lists()...).Write(d.Pod, of(d, "runc", "", "gvisor", "intranet.example", "lab-1", "registry", "hostname", "subdomain"))
		}
	}},
	{"an entry that some list could have", func(d *drawing) {
		of(d, oracle.Lists()...).Write(d.Pod, of(d, "runc", "", "gvisor", "intranet.example", "lab-1"))
	}},
	{"an entry that some list could have", func(d *drawing) {
		of(d, oracle.Lists()...).Write(d.Pod, of(d, "runc", "", "gvisor", "intranet.example", "lab-1"))
	}},
	{"a priority", func(d *drawing) {
		class := of(d, []any{"system-node-critical", 2000001000}, []any{"system-cluster-critical", 2000000000}, []any{"higher", 1001},
			[]any{"high", 1000}, []any{"system-", 0}, []any{"", 1}, []any{"ordinary", 0})
		d.spec()["priorityClassName"] = class[0]
		if d.chance(80) { // else as somebody sends it
			d.spec()["priority"] = class[1]
		}
	}},
	{"a toleration", func(d *drawing) {
		t := object{}
		of(d, func() {}, func() { t["operator"] = of(d, "Exists", "Equal", "", "Gt") })()
		of(d, func() {}, func() {
			t["key"] = of(d, "node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable", "example.com/lab", "example.com/gpu", "")
		})()
		of(d, func() {}, func() { t["effect"] = of(d, "NoExecute", "NoExecute", "NoSchedule", "") })()
		of(d, func() {}, func() { t["value"] = of(d, "a100", "h100") })()
		of(d, func() {}, func() { t["tolerationSeconds"] = of(d, 0, 600, 601) })()
		add(d.spec(), "tolerations", t)
	}},
	{"an fsGroup", func(d *drawing) { at(d.spec(), "securityContext")["fsGroup"] = of(d, 0, 1000, 2000) }},
	{"an fsGroupChangePolicy", func(d *drawing) {
		at(d.spec(), "securityContext")["fsGroupChangePolicy"] = of(d, "Always", "OnRootMismatch", "")
	}},
	{"SELinux options", func(d *drawing) {
		at(of(d, d.spec(), d.container()), "securityContext")["seLinuxOptions"] = of(d,
			object{"level": "s0:c7"}, object{"level": "s0:c1,c2"}, object{"type": "spc_t"}, object{"user": "u"}, object{"role": "r"}, object{"type": "container_t", "level": "s0:c7"})
	}},
	{"an ephemeral container", func(d *drawing) {
		name := d.anyVolume()
		c := object{"name": d.name("debug"), "image": "image"}
		of(d,
			func() { c["volumeMounts"] = []any{object{"name": name, "mountPath": "/x", "subPath": d.path()}} },
			func() { c["volumeDevices"] = []any{object{"name": name, "devicePath": "/dev/x"}} },
			func() { c["securityContext"] = object{"privileged": true} },
			func() { c["envFrom"] = []any{object{"secretRef": object{"name": d.secret()}}} },
			func() { c["envFrom"] = []any{object{"configMapRef": object{"name": d.configMap()}}} },
			func() {},
		)()
		add(d.spec(), "ephemeralContainers", c)
	}},

	// What the baseline forbids.
	{"a namespace of the node", func(d *drawing) { d.spec()[of(d, "hostNetwork", "hostPID", "hostIPC")] = true }},
	{"privileged", func(d *drawing) { at(d.container(), "securityContext")["privileged"] = true }},
	{"a capability", func(d *drawing) {
		at(d.container(), "securityContext")["capabilities"] = object{"add": []any{of(d, "SYS_ADMIN", "NET_ADMIN", "NET_RAW", "ALL", "CAP_CHOWN", "chown", "")}}
	}},
	{"all of /proc", func(d *drawing) {
		at(d.container(), "securityContext")["procMount"] = "Unmasked"
		if d.chance(30) {
			d.spec()["hostUsers"] = of(d, true, false)
		}
	}},
	{"no confinement", func(d *drawing) {
		at(of(d, d.spec(), d.container()), "securityContext")[of(d, "seccompProfile", "appArmorProfile")] = object{"type": of(d, "Unconfined", "Localhost", "x")}
	}},
	{"no AppArmor by annotation", func(d *drawing) {
		d.annotations()["container.apparmor.security.beta.kubernetes.io/main"] = of(d, "unconfined", "localhost/x", "runtime/default", "")
	}},
	{"a sysctl", func(d *drawing) {
		at(d.spec(), "securityContext")["sysctls"] = []any{object{"name": of(d, "kernel.msgmax", "net.ipv4.tcp_rmem", "net/ipv4/tcp_syncookies", "net.ipv4.tcp_notsent_lowat"), "value": "1"}}
	}},
	{"another system", func(d *drawing) { at(d.spec(), "os")["name"] = of(d, "windows", "windows", "linux") }},
	{"a mountPath that is taken", func(d *drawing) {
		mount := d.claimMount()
		all := d.mounts(func(object) bool { return true })
		mount["mountPath"] = of(d, all...)["mountPath"]
	}},
	{"a Windows host process", func(d *drawing) {
		at(of(d, d.spec(), d.container()), "securityContext")["windowsOptions"] = object{"hostProcess": of(d, true, true, false)}
	}},
	{"a port of the node", func(d *drawing) {
		add(d.container(), "ports", object{"containerPort": 80, "hostPort": of(d, 80, 0, 65535)})
	}},
	{"another host", func(d *drawing) {
		handler := object{of(d, "httpGet", "tcpSocket"): object{"host": of(d, "169.254.169.254", "127.0.0.1", "localhost", ""), "port": 80}}
		c := d.container()
		of(d,
			func() { c[of(d, "livenessProbe", "readinessProbe", "startupProbe")] = handler },
			func() { c["lifecycle"] = object{of(d, "postStart", "preStop"): handler} },
		)()
	}},
}

// dress gives a label that may be another program's, or a listed one.
func (d *drawing) dress(labels object) {
	keys := append(slices.Sorted(maps.Keys(d.Policy.Allowed.Labels)), "app.kubernetes.io/component", "pod-template-hash",
		"controller-revision-hash", "team", d.Policy.Identity.ThreadKey+"-of", strings.ToUpper(d.Policy.Identity.SandboxIDKey))
	key := of(d, keys...)
	labels[key] = of(d, append(slices.Clone(d.Policy.Allowed.Labels[key]), "gateway", "", "sandbox", "*")...)
}

// steer gives an annotation that controllers or schedulers may go by, or a listed one.
func (d *drawing) steer(annotations object) {
	keys := append(slices.Clone(d.Policy.Allowed.Annotations), "controller.kubernetes.io/pod-deletion-cost", "controller.kubernetes.io/x",
		"scheduler.alpha.kubernetes.io/critical-pod", "xcontroller.kubernetes.io/x", "controller.kubernetes.io")
	annotations[of(d, keys...)] = of(d, "1", "")
}
