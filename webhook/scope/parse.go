package scope

import (
	stdjson "encoding/json"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/json"
)

// UnknownField is a field inside a volume or a volumeMount that this build does not know, as a
// later version of the Kubernetes API may have it.
type UnknownField struct {
	at    location
	value string
}

// volume returns the index of the volume that the field stands in.
func (f UnknownField) volume() (int, bool) {
	index, ok := f.at[2].(int)
	return index, ok && f.at[1] == "volumes"
}

// isSource reports whether the field is a whole volume source of one of the names.
func (f UnknownField) isSource(names []string) bool {
	if f.at[1] != "volumes" || len(f.at) != 4 {
		return false
	}
	name, _ := f.at[3].(string)
	return slices.Contains(names, name)
}

// ParsePod reads a Pod from JSON. Unknown fields are no error: outside volumes and
// volumeMounts they are none of a sandbox's roads to data, and inside they are returned, for
// the decision to judge. The error says what makes the JSON no Pod.
func ParsePod(raw []byte) (*corev1.Pod, []UnknownField, error) {
	pod := &corev1.Pod{}
	strict, err := json.UnmarshalStrict(raw, pod)
	if err != nil {
		return nil, nil, err
	}
	if len(strict) == 0 {
		return pod, nil, nil
	}
	unknown, err := unknownFields(raw)
	return pod, unknown, err
}

// unknownFields looks at each volume and volumeMount alone: the decoder stops to collect strict
// errors after a while, so that those of a whole Pod may hide some.
func unknownFields(raw []byte) ([]UnknownField, error) {
	type containerParts struct {
		VolumeMounts []stdjson.RawMessage `json:"volumeMounts"`
	}
	var parts struct {
		Spec struct {
			Volumes             []stdjson.RawMessage `json:"volumes"`
			InitContainers      []containerParts     `json:"initContainers"`
			Containers          []containerParts     `json:"containers"`
			EphemeralContainers []containerParts     `json:"ephemeralContainers"`
		} `json:"spec"`
	}
	if err := json.UnmarshalCaseSensitivePreserveInts(raw, &parts); err != nil {
		return nil, err
	}
	var unknown []UnknownField
	collect := func(part []byte, into any, at location) {
		// Only strict errors: the whole Pod was read, so this part can be.
		strict, _ := json.UnmarshalStrict(part, into)
		for _, problem := range strict {
			field, text := at, ""
			if named, ok := errors.AsType[json.FieldError](problem); ok {
				field = at.child(named.FieldPath())
				text, _ = member(part, named.FieldPath())
			}
			unknown = append(unknown, UnknownField{field, text})
		}
	}
	for i, part := range parts.Spec.Volumes {
		collect(part, &corev1.Volume{}, location{"spec", "volumes", i})
	}
	for _, list := range []struct {
		name       string
		containers []containerParts
	}{
		{"initContainers", parts.Spec.InitContainers},
		{"containers", parts.Spec.Containers},
		{"ephemeralContainers", parts.Spec.EphemeralContainers},
	} {
		for i, c := range list.containers {
			for j, part := range c.VolumeMounts {
				collect(part, &corev1.VolumeMount{}, location{"spec", list.name, i, "volumeMounts", j})
			}
		}
	}
	return unknown, nil
}

// member returns the text of a string, or the JSON of another member, named by its path:
// emptyDir.future, sources[0].future. A name may have dots and brackets itself.
func member(object []byte, path string) (string, bool) {
	if path == "" {
		var text string
		if stdjson.Unmarshal(object, &text) == nil {
			return text, true
		}
		return string(object), true
	}
	var elements []stdjson.RawMessage
	if index, rest, ok := strings.Cut(strings.TrimPrefix(path, "["), "]"); ok && stdjson.Unmarshal(object, &elements) == nil {
		if i, err := strconv.Atoi(index); err == nil && 0 <= i && i < len(elements) {
			return member(elements[i], rest)
		}
	}
	var members map[string]stdjson.RawMessage
	if stdjson.Unmarshal(object, &members) != nil {
		return "", false
	}
	path = strings.TrimPrefix(path, ".")
	for _, name := range slices.Sorted(maps.Keys(members)) {
		rest, ok := strings.CutPrefix(path, name)
		if !ok || rest != "" && rest[0] != '.' && rest[0] != '[' {
			continue
		}
		if text, ok := member(members[name], rest); ok {
			return text, true
		}
	}
	return "", false
}

// checkUnknownFields refuses fields inside volumes and volumeMounts that this build does not
// know: what they mount, nobody here can say. A volume that was replaced has none left.
func (r *review) checkUnknownFields(policy *Policy) {
	for _, field := range r.unknown {
		if volume, ok := field.volume(); ok && r.replaced[volume] || field.isSource(policy.Allow.VolumeTypes) {
			continue
		}
		r.refuse(UnknownFieldRule, field.at, field.value, "is unknown to this Userscope, or there twice: drop it, or upgrade Userscope")
	}
}

// listedUnknown returns the indices of the volumes whose source is unknown to this build but listed
// by the policy.
func (r *review) listedUnknown(policy *Policy) map[int]bool {
	volumes := map[int]bool{}
	for _, field := range r.unknown {
		if index, ok := field.volume(); ok && field.isSource(policy.Allow.VolumeTypes) {
			volumes[index] = true
		}
	}
	return volumes
}
