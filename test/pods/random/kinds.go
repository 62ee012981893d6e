package random

import (
	"slices"
	"strings"

	"userscope.dev/userscope/test/pods/oracle"
)

// begin makes a Pod with one container, in one of the policy's namespaces.
func (d *drawing) begin(username string) {
	d.Request = oracle.Request{Namespace: of(d, d.Policy.Namespaces...), Username: username, Groups: []string{"system:authenticated"}}
	d.Pod = object{
		"apiVersion": "v1", "kind": "Pod",
		"metadata": object{"generateName": "pod-"},
		"spec": object{
			"containers": []any{object{"name": "main", "image": "image"}},
		},
	}
	for range of(d, 0, 0, 1, 2) {
		add(d.spec(), "containers", object{"name": d.name("sidecar"), "image": "image"})
	}
	for range of(d, 0, 0, 1, 2) {
		add(d.spec(), "initContainers", object{"name": d.name("init"), "image": "image", "restartPolicy": "Always"})
	}
}

// wear puts the selector's labels on the Pod.
func (d *drawing) wear() {
	for key, value := range oracle.Wear(d.Policy.Selector, func(values []string) string { return of(d, values...) }) {
		d.labels()[key] = value
	}
}

// provisioner draws a creator whose Pods are sandboxes.
func (d *drawing) provisioner() string { return of(d, d.Policy.Provisioners...) }

// The ids that sandboxes have. Not all are label values.
var (
	users   = []string{"alice", "bob", "Carol_2", "-dash-", "_", "0", strings.Repeat("u", 64), strings.Repeat("W", 255)}
	threads = []string{"t1", "b6f0b6de-2f6e-4a6e-9d33-0f5f2c0f8f42", "-thread_", "T", strings.Repeat("x", 64)}
	// Those of the policy that is narrower.
	narrowUsers   = []string{"u-", "u-1", "u-first.last", "u-a.@b", "u-a-b-", "u-" + strings.Repeat("z", 253)}
	narrowThreads = []string{"1", "run00001", "z"}
)

// ids draws an identity that the policy takes for legal.
func (d *drawing) ids() (user, thread string) {
	if d.Policy.Identity.UserPattern != "" {
		return of(d, narrowUsers...), of(d, narrowThreads...)
	}
	user, thread = of(d, users...), of(d, threads...)
	// What one policy refuses, all that govern the Pod refuse.
	if slices.ContainsFunc(d.In.Oracle, func(p oracle.Policy) bool { return p.Identity.LowerCase }) {
		return strings.ToLower(user), strings.ToLower(thread)
	}
	return user, thread
}

// reads reports whether the policy reads an identity from a place.
func (d *drawing) reads(place string) bool { return slices.Contains(d.Policy.Identity.From, place) }

// declare writes an id where it may stand and is read. Elsewhere may stand anything.
func (d *drawing) declare(key, id string) {
	labelled := len(id) < 64 && !strings.ContainsAny(id, "@+~") && isAlphanumeric(id[0]) && isAlphanumeric(id[len(id)-1])
	where := of(d, "label", "annotation", "both")
	switch {
	case !d.reads("Label"):
		d.annotations()[key] = id
		d.labels()[key] = of(d, "somebody", "a.b", "")
		return
	case !d.reads("Annotation"):
		if labelled {
			d.labels()[key] = id
		}
		d.annotations()[key] = of(d, "somebody", "a.b", "")
		return
	}
	if labelled && where != "annotation" {
		d.labels()[key] = id
	}
	if !labelled || where != "label" {
		d.annotations()[key] = id
	}
}

// redeclare writes an id, whatever it is, in one place instead of all others.
func (d *drawing) redeclare(key, id string) {
	delete(d.labels(), key)
	delete(d.annotations(), key)
	of(d, d.labels(), d.annotations(), d.annotations())[key] = id
}

func isAlphanumeric(c byte) bool { return c != '-' && c != '_' }

// sandbox is the Pod of a provisioner, or of somebody who wears the labels or mounts the claim.
func sandbox(d *drawing) {
	if d.reads("Mounts") && !d.reads("Annotation") { // not every id is the value of a label
		adopted(d)
		return
	}
	d.begin(of(d, d.provisioner(), d.provisioner(), "system:serviceaccount:elsewhere:somebody"))
	d.wear()
	d.User, d.Thread = d.ids()
	d.declare(d.Policy.Identity.UserKey, d.User)
	if d.In.Name != "hub" {
		d.declare(d.Policy.Identity.ThreadKey, d.Thread)
	}
	d.identify(false)
	d.userData()
	for range of(d, 0, 0, 1, 2, 4, 9) {
		d.directory()
	}
}

// replacedPath draws a path of the node that becomes the claim.
func (d *drawing) replacedPath() string {
	if !d.Policy.RefusesOthers {
		return "/base/threads/t1/user-data"
	}
	return of(d, d.Policy.HostBases...) + "/" + d.spelled(of(d, d.userDataDirectory(), d.resolved(d.Policy.Legacy)))
}

// userData mounts the user-data directory, in one of the ways that are put right.
func (d *drawing) userData() {
	source := object{"persistentVolumeClaim": object{"claimName": d.Policy.Claim}}
	if !d.tidy && d.chance(30) {
		source = object{"emptyDir": object{}}
		if d.In.Name != "lists" && (!d.Policy.RefusesOthers || len(d.Policy.HostBases) > 0) && d.chance(70) {
			source = object{"hostPath": object{"path": d.replacedPath(), "type": "DirectoryOrCreate"}}
		}
	}
	source["name"] = d.Policy.Volume
	add(d.spec(), "volumes", source)
	for _, c := range d.containers("initContainers", "containers") {
		if d.chance(20) {
			continue
		}
		mount := object{"name": d.Policy.Volume, "mountPath": d.spelledMountPath(), "subPath": d.claimPath(d.userDataDirectory())}
		switch {
		case d.tidy:
		case d.Policy.RefusesOthers && present(source, "hostPath"):
			delete(mount, "subPath")
			mount["mountPath"] = d.userDataPath()
		case mount["mountPath"] == "/elsewhere" || d.Policy.RefusesOthers:
			mount["subPath"] = d.ownDirectory()
		default:
			of(d,
				func() {},
				func() { mount["subPath"] = d.path() },
				func() { mount["subPathExpr"] = "$(X)"; delete(mount, "subPath") },
				func() { delete(mount, "subPath") },
			)()
		}
		d.readOnly(mount)
		add(c, "volumeMounts", mount)
	}
}

// directory mounts a directory of the identity other than the user-data directory, in one of the
// ways that are put right. A layout may have none.
func (d *drawing) directory() {
	var paths []oracle.Directory
	for _, directory := range d.Policy.Directories {
		if !directory.UserData {
			paths = append(paths, directory)
		}
	}
	if len(paths) == 0 {
		return
	}
	drawn := of(d, paths...)
	path := d.resolved(drawn.Path)
	everybodys := drawn.Writable && !strings.Contains(drawn.Path, "{user}") // which is on the claim only
	// Where two policies meet, the node's directories of one are strange to the other.
	if len(d.Policy.HostBases) > 0 && !everybodys && len(d.In.Oracle) == 1 && d.chance(25) {
		source := object{"path": of(d, d.Policy.HostBases...) + "/" + d.spelled(path)}
		if d.chance(60) {
			source["type"] = of(d, "", "Directory", "DirectoryOrCreate")
		}
		mount := object{}
		d.readOnly(mount)
		d.mount(d.volume("hostPath", source), mount)
		return
	}
	volume := d.Policy.Volume
	if d.chance(80) {
		volume = d.volume("persistentVolumeClaim", object{"claimName": d.Policy.Claim, "readOnly": d.chance(10)})
	}
	mount := object{"subPath": d.spelled(d.claimPath(path))}
	d.readOnly(mount)
	d.mount(volume, mount)
}

// readOnly sets the field of a mount or leaves it out.
func (d *drawing) readOnly(mount object) {
	if d.tidy {
		mount["readOnly"] = true
		return
	}
	of(d, func() {}, func() { mount["readOnly"] = true }, func() { mount["readOnly"] = false }, func() { mount["readOnly"] = nil })()
}

// idle is a sandbox that references no data, and so needs no identity.
func idle(d *drawing) {
	d.begin(of(d, d.provisioner(), "somebody"))
	d.wear()
}

// bystander is a Pod that no policy speaks of.
func bystander(d *drawing) {
	d.begin(of(d, "system:serviceaccount:kube-system:job-controller", "somebody"))
	d.labels()["app"] = of(d, "web", "", "sandbox")
	if d.chance(20) {
		d.Request = oracle.Request{Namespace: "elsewhere", Username: d.provisioner()}
		d.wear()
		d.mount(d.volume("persistentVolumeClaim", object{"claimName": d.Policy.Claim}), nil)
	}
}

// gateway is a Pod that may mount all of the claim.
func gateway(d *drawing) {
	d.begin("somebody")
	if len(d.Policy.ExemptUsers) > 0 && d.chance(50) {
		d.Request.Username = of(d, d.Policy.ExemptUsers...)
	} else {
		d.Request.Groups = append(d.Request.Groups, d.Policy.ExemptGroups...)
	}
	d.labels()["app"] = "gateway"
	d.mount(d.volume("persistentVolumeClaim", object{"claimName": d.Policy.Claim}), of(d, object{}, object{"subPath": "deer-flow"}))
}

// thief mounts the claim without a label that would give it away.
func thief(d *drawing) {
	d.Good = false
	d.begin("system:serviceaccount:" + of(d, d.Policy.Namespaces...) + ":default")
	d.User, d.Thread = d.ids()
	of(d,
		func() {
			d.mount(d.volume("persistentVolumeClaim", object{"claimName": d.Policy.Claim}), object{"subPath": d.path()})
		},
		func() {
			source := of(d, "dataSource", "dataSourceRef")
			d.mount(d.volume("ephemeral", object{"volumeClaimTemplate": object{"spec": object{source: object{"kind": "PersistentVolumeClaim", "name": d.Policy.Claim}}}}), nil)
		},
	)()
	if d.chance(50) {
		d.declare(d.Policy.Identity.UserKey, d.User)
		d.declare(d.Policy.Identity.ThreadKey, d.Thread)
	}
}
