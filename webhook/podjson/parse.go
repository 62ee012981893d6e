// Package podjson reads a Pod's JSON as an API server does, and says what of it this build does not
// know. It names the fields of a Pod, and quotes what strangers wrote in them.
//
// Reading judges nothing. The package is as pure as scope is, and imports none of Userscope's
// packages.
package podjson

import (
	stdjson "encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/json"
)

// UnknownField is a field inside a volume or a volumeMount that this build does not know, as a
// later version of the Kubernetes API may have it.
type UnknownField struct {
	At    Location
	Value string
}

// Volume returns the index of the volume that the field stands in.
func (f UnknownField) Volume() (int, bool) {
	index, ok := f.At[2].(int)
	return index, ok && f.At[1] == "volumes"
}

// IsSource reports whether the field is a whole volume source of one of the names.
func (f UnknownField) IsSource(names []string) bool {
	if f.At[1] != "volumes" || len(f.At) != 4 {
		return false
	}
	name, _ := f.At[3].(string)
	return slices.Contains(names, name)
}

// Parse reads a Pod from JSON as the API server does: names of fields are case-sensitive, and
// fields that this build does not know are no error, since a newer API server may send them.
// Outside volumes and volumeMounts they are none of a sandbox's roads to data; those inside are
// returned, for the decision to judge. The error says what makes the JSON no Pod; an object of no
// kind is taken for one.
func Parse(raw []byte) (*corev1.Pod, []UnknownField, error) {
	if err := checkQuantities(raw); err != nil {
		return nil, nil, notPod(err)
	}
	pod := &corev1.Pod{}
	strict, err := json.UnmarshalStrict(raw, pod)
	if err != nil {
		return nil, nil, notPod(err)
	}
	if (pod.Kind != "" || pod.APIVersion != "") && (pod.Kind != "Pod" || pod.APIVersion != "v1") {
		return nil, nil, fmt.Errorf("apiVersion %q, kind %q: a v1 Pod is expected", pod.APIVersion, pod.Kind)
	}
	var parts podParts
	if len(strict) > 0 || reflect.DeepEqual(pod.ObjectMeta, metav1.ObjectMeta{}) {
		if err := json.UnmarshalCaseSensitivePreserveInts(raw, &parts); err != nil {
			return nil, nil, notPod(err)
		}
		// The stamps are added to it.
		if parts.Metadata == nil {
			return nil, nil, errors.New("metadata: is missing: a Pod has a name")
		}
	}
	parts.nameClaims(pod)
	return pod, parts.unknownFields(), nil
}

// notPod is a decoder's error without most of a long text that the decoder quotes.
func notPod(err error) error { return errors.New("is not a Pod: " + Printable(err.Error())) }

// podParts are the parts of a Pod in which unknown fields matter.
type podParts struct {
	Metadata *struct{} `json:"metadata"`
	Spec     struct {
		Volumes             []stdjson.RawMessage `json:"volumes"`
		InitContainers      []containerParts     `json:"initContainers"`
		Containers          []containerParts     `json:"containers"`
		EphemeralContainers []containerParts     `json:"ephemeralContainers"`
		ResourceClaims      []claimParts         `json:"resourceClaims"`
	} `json:"spec"`
}

// claimParts are the names of a resource claim where Kubernetes has them up to 1.30.
type claimParts struct {
	Source struct {
		ResourceClaimName         *string `json:"resourceClaimName"`
		ResourceClaimTemplateName *string `json:"resourceClaimTemplateName"`
	} `json:"source"`
}

// nameClaims gives a Pod of Kubernetes 1.30 the names of its resource claims. Where a claim has names in both
// places, those of today count, and a second one stays beside them.
func (p *podParts) nameClaims(pod *corev1.Pod) {
	for i := range min(len(p.Spec.ResourceClaims), len(pod.Spec.ResourceClaims)) {
		claim, source := &pod.Spec.ResourceClaims[i], p.Spec.ResourceClaims[i].Source
		if claim.ResourceClaimName == nil {
			claim.ResourceClaimName = source.ResourceClaimName
		}
		if claim.ResourceClaimTemplateName == nil {
			claim.ResourceClaimTemplateName = source.ResourceClaimTemplateName
		}
	}
}

type containerParts struct {
	VolumeMounts []stdjson.RawMessage `json:"volumeMounts"`
}

// unknownFields looks at each volume and volumeMount alone: the decoder stops to collect strict
// errors after a while, so that those of a whole Pod may hide some.
func (p *podParts) unknownFields() []UnknownField {
	var unknown []UnknownField
	for i, part := range p.Spec.Volumes {
		unknown = append(unknown, unknownIn(part, &corev1.Volume{}, Location{"spec", "volumes", i})...)
	}
	for _, list := range []struct {
		name       string
		containers []containerParts
	}{
		{"initContainers", p.Spec.InitContainers},
		{"containers", p.Spec.Containers},
		{"ephemeralContainers", p.Spec.EphemeralContainers},
	} {
		for i, c := range list.containers {
			for j, part := range c.VolumeMounts {
				unknown = append(unknown, unknownIn(part, &corev1.VolumeMount{}, Location{"spec", list.name, i, "volumeMounts", j})...)
			}
		}
	}
	return unknown
}

// unknownIn returns the fields of a part of a Pod, at a location, that its type does not have.
func unknownIn(part []byte, into any, at Location) []UnknownField {
	// Only strict errors: the whole Pod was read, so this part can be.
	strict, _ := json.UnmarshalStrict(part, into)
	if len(strict) == 0 {
		return nil
	}
	var content any
	_ = json.UnmarshalCaseSensitivePreserveInts(part, &content)
	unknown := make([]UnknownField, len(strict))
	for i, problem := range strict {
		unknown[i].At = at
		if named, ok := errors.AsType[json.FieldError](problem); ok {
			unknown[i].At, unknown[i].Value = at.Child(named.FieldPath()), member(content, named.FieldPath())
		}
	}
	return unknown
}

// member returns a member of a JSON value, named by its path: emptyDir.future, sources[0].future. A
// string is returned as it is, any other value as JSON. Of the names only the last is unknown,
// and may have dots and brackets itself.
func member(content any, path string) string {
	for {
		path = strings.TrimPrefix(path, ".")
		switch parent := content.(type) {
		case map[string]any:
			if child, ok := parent[path]; ok {
				return jsonText(child)
			}
			rest := strings.TrimLeftFunc(path, func(r rune) bool { return r != '.' && r != '[' })
			content, path = parent[strings.TrimSuffix(path, rest)], rest
		case []any:
			index, rest, _ := strings.Cut(strings.TrimPrefix(path, "["), "]")
			content, path = nil, rest
			for i, entry := range parent {
				if strconv.Itoa(i) == index {
					content = entry
				}
			}
		default:
			return ""
		}
	}
}

func jsonText(value any) string {
	if text, ok := value.(string); ok {
		return text
	}
	text, _ := stdjson.Marshal(value) // it was read from JSON
	return string(text)
}
