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
	return setFields(reflect.ValueOf(volume.VolumeSource))
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

// setFields returns the JSON names of the pointers in an API struct that are not nil.
func setFields(value reflect.Value) []string {
	var names []string
	for i := range value.NumField() {
		if !value.Field(i).IsNil() {
			name, _, _ := strings.Cut(value.Type().Field(i).Tag.Get("json"), ",")
			names = append(names, name)
		}
	}
	return names
}

// projections returns the sources of a projected volume.
func projections(volume *corev1.Volume) []corev1.VolumeProjection {
	if volume.Projected == nil {
		return nil
	}
	return volume.Projected.Sources
}
