package corpus

// variant is a change to a Pod, and what has to become of it.
type variant struct {
	name   string
	change func(pod object, id identity)
	// claimOnly variants leave no user-data volume in a Pod that has it as a hostPath.
	claimOnly bool
	// unlabelled variants leave it to the mounts to say whose the Pod is, as DeerFlow's
	// provisioner does; the others declare it.
	unlabelled bool
	// rule has to refuse the Pod. If it is empty, the Pod has to be stored, and right.
	rule string
}

// variantsOf are all variants of a Pod.
func variantsOf(pod object, entry Entry) []variant {
	var all []variant
	for _, v := range declared {
		if entry.Claimed() || !v.claimOnly {
			all = append(all, v)
		}
	}
	return append(all, unlabelled(pod, entry)...)
}

// declared are the Pod as it is, and what a provisioner may make of its user-data mounts by
// mistake or malice, which must not change what they show.
var declared = []variant{
	{name: "as sent", change: func(object, identity) {}},
	{name: "another user's subPath", change: mountMallorys},
	{name: "the whole volume", change: func(pod object, _ identity) {
		eachUserDataMount(pod, func(mount object) { mount["subPath"] = "." })
	}},
	{name: "an empty subPath", change: func(pod object, _ identity) {
		eachUserDataMount(pod, func(mount object) { mount["subPath"] = "" })
	}},
	{name: "no subPath", change: func(pod object, _ identity) {
		eachUserDataMount(pod, func(mount object) { delete(mount, "subPath") })
	}},
	{name: "subPathExpr", change: func(pod object, _ identity) {
		for _, container := range containers(pod) {
			env, _ := container["env"].([]any)
			container["env"] = append(env, object{"name": "WHOLE_VOLUME", "value": "."})
		}
		eachUserDataMount(pod, func(mount object) {
			delete(mount, "subPath")
			mount["subPathExpr"] = "$(WHOLE_VOLUME)"
		})
	}},
	{name: "in an init container, another user's", change: func(pod object, id identity) {
		mountMallorys(pod, id)
		moveToInitContainer(pod)
	}},
	{name: "in an init container too, the whole volume", change: func(pod object, _ identity) {
		eachUserDataMount(pod, func(mount object) { delete(mount, "subPath") })
		addInitContainer(pod, copies(userDataMounts(pod)))
	}},
	{name: "at another path, another user's", rule: "claim-mount", change: func(pod object, id identity) {
		mountMallorys(pod, id)
		eachUserDataMount(pod, func(mount object) { mount["mountPath"] = "/data" })
	}},
	{name: "at an unclean path", change: func(pod object, _ identity) {
		eachUserDataMount(pod, func(mount object) { mount["mountPath"] = "/mnt//user-data/./" })
	}},
	{name: "through a volume of another name, another user's", claimOnly: true, change: func(pod object, id identity) {
		mountMallorys(pod, id)
		for _, volume := range list(child(pod, "spec"), "volumes") {
			if text(volume, "name") == userDataVolume {
				eachUserDataMount(pod, func(mount object) { mount["name"] = "home" })
				volume["name"] = "home"
			}
		}
	}},
}

func eachUserDataMount(pod object, change func(mount object)) {
	for _, mount := range userDataMounts(pod) {
		change(mount)
	}
}

// mountMallorys asks for the directory of another user with a thread of the same id.
func mountMallorys(pod object, id identity) {
	mallory := identity{"mallory", id.thread}
	eachUserDataMount(pod, func(mount object) { mount["subPath"] = mallory.userData() })
}

// moveToInitContainer takes the user-data mounts from their containers to a new init container.
func moveToInitContainer(pod object) {
	moved := copies(userDataMounts(pod))
	for _, container := range containers(pod) {
		var kept []any
		for _, mount := range list(container, "volumeMounts") {
			if text(mount, "name") != userDataVolume {
				kept = append(kept, mount)
			}
		}
		container["volumeMounts"] = kept
	}
	addInitContainer(pod, moved)
}

func addInitContainer(pod object, mounts []any) {
	spec := child(pod, "spec")
	before, _ := spec["initContainers"].([]any)
	spec["initContainers"] = append(before, object{"name": "first", "image": "sandbox:latest", "volumeMounts": mounts})
}

// copies are the objects again, so that both may be changed.
func copies(objects []object) []any {
	copied := make([]any, len(objects))
	for i, found := range objects {
		copied[i] = deepCopy(found)
	}
	return copied
}
