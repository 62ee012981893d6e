package corpus

import (
	"fmt"
	"maps"
	"path"
	"reflect"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation"
)

// marker is the annotation that names the policies by which a Pod was judged.
const (
	marker     = "userscope.dev/policies"
	policyName = "deer-flow"
)

// compare returns what is wrong with a stored Pod. Plain is the same Pod as it is stored without
// the webhook.
func compare(plain, stored object, id identity, claimed bool) []string {
	want, got := deepCopy(plain), deepCopy(stored)
	var problems []string
	if !claimed {
		useClaim(want)
	}
	mounts := userDataMounts(want)
	if len(mounts) == 0 {
		problems = append(problems, "the Pod has no user-data mount: nothing is judged")
	}
	for _, mount := range mounts {
		delete(mount, "subPathExpr")
		mount["subPath"] = id.userData()
		mount["mountPath"] = path.Clean(text(mount, "mountPath"))
	}
	problems = append(problems, stampProblems(got, id)...)
	forget(want)
	forget(got)
	return append(problems, differences("", want, got)...)
}

// useClaim makes the user-data volume of a Pod the claim.
func useClaim(pod object) {
	for _, volume := range list(child(pod, "spec"), "volumes") {
		if text(volume, "name") == userDataVolume {
			clear(volume)
			volume["name"] = userDataVolume
			volume["persistentVolumeClaim"] = object{"claimName": claimName}
		}
	}
}

// stampProblems are what is wrong with the stamps: the marker and both ids as annotations, and as
// labels the ids that are label values, in DeerFlow's keys and in Userscope's own.
func stampProblems(pod object, id identity) []string {
	annotations, labels := object{marker: policyName}, object{}
	for key, value := range id.byKey() {
		for _, key := range []string{key, ownKeys[key]} {
			annotations[key] = value
			if len(validation.IsValidLabelValue(value)) == 0 {
				labels[key] = value
			}
		}
	}
	metadata := child(pod, "metadata")
	return slices.Concat(
		stampDifferences("metadata.labels", labels, child(metadata, "labels")),
		stampDifferences("metadata.annotations", annotations, child(metadata, "annotations")),
	)
}

// stampDifferences are the differences at the keys of stamps.
func stampDifferences(at string, want, got object) []string {
	stamps := object{}
	for _, key := range stampKeys {
		if value, ok := got[key]; ok {
			stamps[key] = value
		}
	}
	return differences(at, want, stamps)
}

// forget removes what differs between any two stored Pods, and the stamps.
func forget(pod object) {
	metadata := child(pod, "metadata")
	for _, key := range []string{"namespace", "uid", "resourceVersion", "creationTimestamp", "managedFields"} {
		delete(metadata, key)
	}
	for _, kind := range []string{"labels", "annotations"} {
		keys := child(metadata, kind)
		for _, key := range stampKeys {
			delete(keys, key)
		}
	}
}

// differences are the paths at which two JSON values differ, with both values.
func differences(at string, want, got any) []string {
	wantObject, wantIs := want.(object)
	gotObject, gotIs := got.(object)
	if wantIs && gotIs {
		var found []string
		keys := maps.Clone(wantObject)
		maps.Copy(keys, gotObject)
		for _, key := range slices.Sorted(maps.Keys(keys)) {
			found = append(found, differences(strings.TrimPrefix(at+"."+key, "."), wantObject[key], gotObject[key])...)
		}
		return found
	}
	wantList, wantIs := want.([]any)
	gotList, gotIs := got.([]any)
	if wantIs && gotIs && len(wantList) == len(gotList) {
		var found []string
		for i := range wantList {
			found = append(found, differences(fmt.Sprintf("%s[%d]", at, i), wantList[i], gotList[i])...)
		}
		return found
	}
	if reflect.DeepEqual(want, got) {
		return nil
	}
	return []string{fmt.Sprintf("%s: %s, want %s", at, show(got), show(want))}
}

func show(value any) string {
	switch value := value.(type) {
	case nil:
		return "nothing"
	case string:
		return fmt.Sprintf("%q", value)
	default:
		return fmt.Sprint(value)
	}
}

func deepCopy(o object) object { return runtime.DeepCopyJSON(o) }
