package corpus

import (
	"path"
	"slices"

	"k8s.io/apimachinery/pkg/util/validation"
)

// What DeerFlow calls the things that matter here.
const (
	claimName         = "deer-flow-home"
	userDataVolume    = "user-data"
	userDataMountPath = "/mnt/user-data"
	userKey           = "user-id"
	threadKey         = "thread-id"
	sandboxIDKey      = "sandbox-id"
)

// ownKeys are the keys of Userscope's own stamps, by DeerFlow's for the same.
var ownKeys = map[string]string{userKey: "userscope.dev/user", threadKey: "userscope.dev/thread"}

// stampKeys are the keys of labels and annotations that Userscope sets.
var stampKeys = []string{userKey, threadKey, ownKeys[userKey], ownKeys[threadKey], marker}

// object is a JSON object.
type object = map[string]any

// child returns a member that is an object, and makes it if it is not there.
func child(parent object, key string) object {
	if found, ok := parent[key].(object); ok {
		return found
	}
	made := object{}
	parent[key] = made
	return made
}

// list returns the objects of a member that is a list of objects.
func list(parent object, key string) []object {
	items, _ := parent[key].([]any)
	objects := make([]object, 0, len(items))
	for _, item := range items {
		if found, ok := item.(object); ok {
			objects = append(objects, found)
		}
	}
	return objects
}

// text returns a member that is a string.
func text(parent object, key string) string {
	found, _ := parent[key].(string)
	return found
}

// containers returns the init and regular containers of a Pod.
func containers(pod object) []object {
	spec := child(pod, "spec")
	return slices.Concat(list(spec, "initContainers"), list(spec, "containers"))
}

// userDataMounts returns the mounts that show user data: of the claim at the user-data path, and
// of the volume of that name wherever it is mounted.
func userDataMounts(pod object) []object {
	claims := map[string]bool{}
	for _, volume := range list(child(pod, "spec"), "volumes") {
		source, _ := volume["persistentVolumeClaim"].(object)
		if source != nil && text(source, "claimName") == claimName {
			claims[text(volume, "name")] = true
		}
	}
	var mounts []object
	for _, container := range containers(pod) {
		for _, mount := range list(container, "volumeMounts") {
			name := text(mount, "name")
			if name == userDataVolume || claims[name] && path.Clean(text(mount, "mountPath")) == userDataMountPath {
				mounts = append(mounts, mount)
			}
		}
	}
	return mounts
}

// MountsTwice reports whether a container mounts something twice at one path, which no API server stores.
func MountsTwice(pod map[string]any) bool {
	for _, container := range containers(pod) {
		taken := map[string]bool{}
		for _, mount := range list(container, "volumeMounts") {
			if taken[text(mount, "mountPath")] {
				return true
			}
			taken[text(mount, "mountPath")] = true
		}
	}
	return false
}

// declare writes the identity on a Pod: an id as a label or, if it is no label value, as an
// annotation.
func declare(pod object, id identity) {
	metadata := child(pod, "metadata")
	for key, value := range id.byKey() {
		kind := "labels"
		if len(validation.IsValidLabelValue(value)) > 0 {
			kind = "annotations"
		}
		child(metadata, kind)[key] = value
	}
}

// byKey is the identity as labels or annotations spell it.
func (i identity) byKey() map[string]string {
	return map[string]string{userKey: i.user, threadKey: i.thread}
}
