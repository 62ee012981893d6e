package random

import (
	"maps"
	"slices"

	"pgregory.net/rapid"

	"userscope.dev/userscope/test/pods/differential"
	"userscope.dev/userscope/test/pods/oracle"
)

// Operation is a request about a stored Pod. The sample's Pod is what shall become of it.
type Operation struct {
	*Sample
	// Stored is the Pod as it is, in JSON.
	Stored []byte
}

// Updates returns a generator of requests that change what may say whose sandbox a Pod is, and
// other things.
func Updates(stored *rapid.Generator[*Sample]) *rapid.Generator[*Operation] {
	return operations(stored, func(d *drawing) {
		switch {
		case d.chance(25):
			give(d)
		case d.chance(10):
			d.steer(d.annotations())
		default:
			relabel(d)
		}
	})
}

// Deletions returns a generator of requests to delete a Pod.
func Deletions(stored *rapid.Generator[*Sample]) *rapid.Generator[*Operation] {
	return operations(stored, func(*drawing) {})
}

// Debuggers returns a generator of requests to add ephemeral containers. Good tells that they are
// as kubectl debug has them.
func Debuggers(stored *rapid.Generator[*Sample]) *rapid.Generator[*Operation] {
	return operations(stored, debug)
}

// Stored returns a generator of Pods that are stored already: as the decision leaves them or, where
// it refuses them, as Pods that are older than the installation.
func Stored(installations []differential.Installation) *rapid.Generator[*Sample] {
	return rapid.Custom(func(t *rapid.T) *Sample {
		s := Creations(installations).Draw(t, "stored Pod")
		if outcome, err := s.In.Create(s.Request, s.Raw()); err == nil && outcome.Final != nil {
			if err := s.Replace(outcome.Final); err != nil {
				t.Fatal(err)
			}
		}
		return s
	})
}

// operations returns a generator of requests about stored Pods, to each of which up to two changes
// are made.
func operations(stored *rapid.Generator[*Sample], change func(*drawing)) *rapid.Generator[*Operation] {
	return rapid.Custom(func(t *rapid.T) *Operation {
		drawn := *stored.Draw(t, "stored Pod")
		o := &Operation{Sample: &drawn, Stored: drawn.Raw()}
		if err := o.Replace(o.Stored); err != nil {
			t.Fatal(err)
		}
		d := &drawing{t: t, Sample: o.Sample}
		d.Good = true
		d.Request = oracle.Request{
			Namespace: of(d, d.Request.Namespace, d.Request.Namespace, d.Request.Namespace, "elsewhere"),
			Username:  of(d, append(slices.Clone(d.Policy.ExemptUsers), d.provisioner(), d.provisioner(), "somebody")...),
			Groups:    of(d, nil, nil, d.Policy.ExemptGroups),
		}
		for range of(d, 0, 1, 1, 2) {
			change(d)
		}
		return o
	})
}

// relabel changes what may say whose sandbox a Pod is, or what says nothing.
func relabel(d *drawing) {
	worn := oracle.Wear(d.Policy.Selector, func(values []string) string { return of(d, values...) })
	keys := append(slices.Sorted(maps.Keys(worn)),
		d.Policy.Identity.UserKey, d.Policy.Identity.ThreadKey, d.Policy.Identity.SandboxIDKey,
		"userscope.dev/policies", userStamp, threadStamp, "other", "app.kubernetes.io/name")
	key := of(d, keys...)
	entries := of(d, d.labels(), d.annotations())
	of(d,
		func() { delete(entries, key) },
		func() { entries[key] = of(d, "bob", "", worn[key], d.Policy.Name) },
		d.wear,
		func() { d.dress(d.labels()) },
		func() { d.steer(d.annotations()) },
		func() { d.steer(d.annotations()) },
		func() { d.steer(d.annotations()) },
		func() { at(d.Pod, "metadata")["finalizers"] = of[any](d, []any{"x/y"}, nil) },
		func() { at(d.Pod, "metadata")["deletionTimestamp"] = "2026-01-01T00:00:00Z" },
		func() { d.Pod["status"] = object{"phase": "Running", "tomorrow": 1} },
		func() { delete(at(d.Pod, "metadata"), of(d, "labels", "annotations")) },
	)()
}

// give makes a sandbox somebody's, or half of it.
func give(d *drawing) {
	user, thread := d.ids()
	d.declare(d.Policy.Identity.UserKey, user)
	if d.In.Name != "hub" && d.chance(90) {
		d.declare(d.Policy.Identity.ThreadKey, thread)
	}
	of(d,
		func() {},
		func() { d.labels()[d.Policy.Identity.SandboxIDKey] = d.proof(user, thread) },
		func() { d.labels()[d.Policy.Identity.SandboxIDKey] = of(d, d.proof(user, "other"), "264ee9e3") },
		func() { d.annotations()[userStamp] = of(d, user, user, "bob") },
		func() { d.annotations()[threadStamp] = of(d, thread, thread, "other") },
	)()
}

// Respecifications returns a generator of updates as no released API server makes them: they change volumes and
// containers.
func Respecifications(stored *rapid.Generator[*Sample]) *rapid.Generator[*Operation] {
	return operations(stored, respecify)
}

// respecify adds a volume, a container or what one mounts or reads, changes it, or takes it away.
func respecify(d *drawing) {
	c := d.container()
	volume := d.anyVolume()
	of(d,
		func() { add(d.spec(), "volumes", object{"name": d.name("more"), "emptyDir": object{}}) },
		func() {
			add(d.spec(), of(d, "containers", "initContainers"), object{"name": d.name("more"), "image": "image"})
		},
		func() { add(c, "volumeMounts", object{"name": volume, "mountPath": of(d, "/more", "/mnt/user-data")}) },
		func() { add(c, "volumeDevices", object{"name": volume, "devicePath": "/dev/more"}) },
		func() { add(c, "env", object{"name": "MORE", "value": "1"}) },
		func() { add(c, "envFrom", object{"configMapRef": object{"name": "more"}}) },
		func() { c["securityContext"] = object{"privileged": of[any](d, false, true)} },
		func() { c["image"] = "another" },
		func() { delete(c, of(d, "volumeMounts", "env")) },
		func() {
			for _, mount := range d.mounts(d.isClaim) {
				mount["subPath"] = of(d, "elsewhere", "..")
			}
		},
	)()
}

// debug adds ephemeral containers of all kinds. The first are as kubectl debug has them.
func debug(d *drawing) {
	volume := d.anyVolume()
	c := object{"name": of(d, d.name("debugger"), "debug-1"), "image": "image"}
	choice := of(d, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)
	if d.Policy.Allowed.RestrictsConfigMaps && d.chance(50) {
		choice = of(d, 10, 11)
	}
	// A provisioner debugs nothing but sandboxes.
	d.Good = d.Good && choice < 3 && !slices.Contains(d.Policy.Provisioners, d.Request.Username)
	[]func(){
		func() {},
		func() { c["securityContext"] = object{"capabilities": object{"add": []any{"SYS_PTRACE"}}} },
		func() { c["securityContext"] = object{"privileged": of[any](d, false, nil)} },
		func() { c["securityContext"] = object{"privileged": true} },
		func() { c["volumeMounts"] = []any{object{"name": volume, "mountPath": "/x"}} },
		func() { c["volumeMounts"] = []any{object{"name": volume, "mountPath": "/x", "subPath": "x"}} },
		func() { c["volumeDevices"] = []any{object{"name": volume, "devicePath": "/dev/x"}} },
		func() { c["envFrom"] = []any{object{"secretRef": object{"name": d.secret()}}} },
		func() {
			c["env"] = []any{object{"name": "S", "valueFrom": object{"secretKeyRef": object{"name": d.secret(), "key": "k"}}}}
		},
		func() {
			c["env"] = []any{object{"name": "F", "valueFrom": object{"fileKeyRef": object{"volumeName": volume, "path": "x", "key": "k"}}}}
		},
		func() { c["envFrom"] = []any{object{"configMapRef": object{"name": of(d, d.configMap(), "x")}}} },
		func() {
			c["env"] = []any{object{"name": "M", "valueFrom": object{"configMapKeyRef": object{"name": of(d, d.configMap(), "x"), "key": "k"}}}}
		},
	}[choice]()
	add(d.spec(), "ephemeralContainers", c)
}
