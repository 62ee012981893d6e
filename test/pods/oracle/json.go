package oracle

import (
	"encoding/json"
	"fmt"
	"strings"
)

// object is a JSON object.
type object = map[string]any

// child returns an object's member that is itself an object; nil where there is none.
func child(o object, keys ...string) object {
	for _, key := range keys {
		o, _ = o[key].(object)
	}
	return o
}

// children returns the objects of a list.
func children(o object, key string) []object {
	list, _ := o[key].([]any)
	found := make([]object, 0, len(list))
	for _, entry := range list {
		member, _ := entry.(object)
		found = append(found, member)
	}
	return found
}

// text returns a string; empty where there is none.
func text(o object, key string) string {
	value, _ := o[key].(string)
	return value
}

// flag returns a boolean; false where there is none.
func flag(o object, key string) bool {
	value, _ := o[key].(bool)
	return value
}

// present reports whether a member is there and not null: the API takes null for absent.
func present(o object, key string) bool {
	return o[key] != nil
}

// number writes a number the way JSON does, whichever way it was decoded.
func number(value any) string {
	switch value := value.(type) {
	case nil:
		return ""
	case json.Number:
		return value.String()
	case float64:
		return fmt.Sprintf("%.0f", value)
	default:
		return fmt.Sprint(value)
	}
}

// container is one container and where it stands.
type container struct {
	object
	where string
}

// The three lists of containers that a Pod has.
var (
	lasting  = []string{"initContainers", "containers"}
	everyone = []string{"initContainers", "containers", "ephemeralContainers"}
)

// containers returns the containers of some lists of a Pod.
func containers(pod object, lists []string) []container {
	var found []container
	for _, list := range lists {
		for i, c := range children(child(pod, "spec"), list) {
			found = append(found, container{c, fmt.Sprintf("%s %d", strings.TrimSuffix(list, "s"), i)})
		}
	}
	return found
}

// volumes returns the volumes of a Pod.
func volumes(pod object) []object { return children(child(pod, "spec"), "volumes") }

// absolutePath is the place in a filesystem that an absolute path leads to. What the API calls
// an absolute path may lack the slash: the kubelet adds it.
func absolutePath(path string) string {
	var kept []string
	for _, part := range strings.Split(path, "/") {
		switch {
		case part == "" || part == ".":
		case part != "..":
			kept = append(kept, part)
		case len(kept) > 0:
			kept = kept[:len(kept)-1]
		}
	}
	return "/" + strings.Join(kept, "/")
}

// relativePath is a path below some directory without the parts that say nothing. There is none
// for paths that leave the directory on their way, or that name the directory itself.
func relativePath(path string) (string, bool) {
	if strings.HasPrefix(path, "/") {
		return "", false
	}
	var kept []string
	for _, part := range strings.Split(path, "/") {
		switch part {
		case "", ".":
		case "..":
			return "", false
		default:
			kept = append(kept, part)
		}
	}
	return strings.Join(kept, "/"), len(kept) > 0
}
