package scope

import (
	"reflect"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"userscope.dev/userscope/webhook/podjson"
	"userscope.dev/userscope/webhook/policy"
)

// A sandbox's volumes are the claim, what the policy lists, and the types that reach nothing
// beyond the Pod and the namespace's ConfigMaps. Every other type is refused, also one that
// this build does not know: a volume type is a road to data until somebody has looked at it.

// noSource describes a volume whose source this build does not know.
const noSource = "no known source"

// checkVolumeTypes refuses volumes, and projections inside them, of types that are not listed.
func (r *review) checkVolumeTypes(p *policy.Policy) {
	listed := r.listedUnknown(p)
	for i := range r.pod.Spec.Volumes {
		volume := &r.pod.Spec.Volumes[i]
		at := podjson.Location{"spec", "volumes", i}
		r.checkSources(p, at, sources(volume), listed[i])
		r.checkEphemeral(p, volume, at)
		if volume.Projected == nil {
			continue
		}
		for j := range volume.Projected.Sources {
			r.checkSources(p, at.Child("projected", "sources", j), setFields(reflect.ValueOf(volume.Projected.Sources[j])), false)
		}
	}
}

// checkSources judges the types of one volume or projection.
func (r *review) checkSources(p *policy.Policy, at podjson.Location, types []string, listedUnknown bool) {
	if len(types) == 0 && !listedUnknown {
		r.refuse(RuleVolumeType, at, noSource, "could be anything: use a type of volume that this version of Userscope knows, or upgrade Userscope")
	}
	for _, name := range types {
		if policy.IsHarmlessVolumeType(name) || policy.IsJudgedVolumeType(name) || slices.Contains(p.Allow.VolumeTypes, name) {
			continue
		}
		r.refuse(RuleVolumeType, at.Child(name), name, saysVolumeType)
	}
}

// checkEphemeral judges a listed generic ephemeral volume: it must start empty, since its
// contents could otherwise be a copy of anybody's data.
func (r *review) checkEphemeral(p *policy.Policy, volume *corev1.Volume, at podjson.Location) {
	if volume.Ephemeral == nil || volume.Ephemeral.VolumeClaimTemplate == nil || !slices.Contains(p.Allow.VolumeTypes, "ephemeral") {
		return
	}
	spec := &volume.Ephemeral.VolumeClaimTemplate.Spec
	refuse := func(field, value string) {
		r.refuse(RuleEphemeralVolume, at.Child("ephemeral", "volumeClaimTemplate", "spec", field), value,
			"makes the volume start with existing data: leave it out")
	}
	if spec.VolumeName != "" {
		refuse("volumeName", spec.VolumeName)
	}
	if spec.Selector != nil {
		refuse("selector", metav1.FormatLabelSelector(spec.Selector))
	}
	if spec.DataSource != nil {
		refuse("dataSource", spec.DataSource.Kind+"/"+spec.DataSource.Name)
	}
	if spec.DataSourceRef != nil {
		refuse("dataSourceRef", spec.DataSourceRef.Kind+"/"+spec.DataSourceRef.Name)
	}
}

// checkOtherClaims refuses claims that are not listed, and makes listed ones read-only: a
// writable volume that all sandboxes share is a place to meet.
func (r *review) checkOtherClaims(p *policy.Policy) {
	for i := range r.pod.Spec.Volumes {
		volume := &r.pod.Spec.Volumes[i]
		if volume.PersistentVolumeClaim == nil || r.isGovernedClaim(volume) {
			continue
		}
		at := podjson.Location{"spec", "volumes", i, "persistentVolumeClaim"}
		name := volume.PersistentVolumeClaim.ClaimName
		if !slices.Contains(p.Allow.Claims, name) {
			r.refuse(RuleOtherClaim, at.Child("claimName"), name, "is no claim for sandboxes: drop it, or have the policy list it")
			continue
		}
		r.setTrue(&volume.PersistentVolumeClaim.ReadOnly, at.Child("readOnly"), "sandboxes share the claim")
	}
}

// isGovernedClaim reports whether the volume is the claim of a policy that judges the Pod.
func (r *review) isGovernedClaim(volume *corev1.Volume) bool {
	return slices.ContainsFunc(r.governing, func(p *policy.Policy) bool { return isClaim(p, volume) })
}

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
