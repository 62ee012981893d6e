package scope

import (
	"reflect"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// noSource describes a volume whose source this build does not know.
const noSource = "no known source"

// sources returns the names of the volume's sources that this build knows, of which a valid
// Volume has exactly one.
func sources(volume *corev1.Volume) []string {
	return setFields(reflect.ValueOf(&volume.VolumeSource), volumeSources)
}

// volumeText says what a volume is, for a message.
func volumeText(volume *corev1.Volume) string {
	switch types := sources(volume); {
	case len(types) == 0:
		return noSource
	case volume.HostPath != nil:
		return "hostPath " + volume.HostPath.Path
	case volume.PersistentVolumeClaim != nil:
		return "persistentVolumeClaim " + volume.PersistentVolumeClaim.ClaimName
	default:
		return strings.Join(types, ", ")
	}
}

// The JSON names of the sources that volumes and projections may have, by the index of their field.
var (
	volumeSources     = fieldNames(reflect.TypeFor[corev1.VolumeSource]())
	projectionSources = fieldNames(reflect.TypeFor[corev1.VolumeProjection]())
)

// fieldNames returns the JSON names of an API struct's fields.
func fieldNames(kind reflect.Type) []string {
	names := make([]string, kind.NumField())
	for i := range names {
		names[i], _, _ = strings.Cut(kind.Field(i).Tag.Get("json"), ",")
	}
	return names
}

// setFields returns the names of the pointers that are not nil in the API struct that value points to.
func setFields(value reflect.Value, names []string) []string {
	var set []string
	for i, fields := 0, value.Elem(); i < len(names); i++ {
		switch {
		case fields.Field(i).IsNil():
		case set == nil:
			set = names[i : i+1 : i+1] // there is seldom another
		default:
			set = append(set, names[i])
		}
	}
	return set
}

// projections returns the sources of a projected volume.
func projections(volume *corev1.Volume) []corev1.VolumeProjection {
	if volume.Projected == nil {
		return nil
	}
	return volume.Projected.Sources
}
