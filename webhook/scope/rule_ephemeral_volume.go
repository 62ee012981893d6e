package scope

import (
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"userscope.dev/userscope/webhook/podjson"
	"userscope.dev/userscope/webhook/policy"
)

// RuleEphemeralVolume is the rule of this file.
const RuleEphemeralVolume Rule = "ephemeral-volume"

// Refusals that the backstop words like the decision.
const (
	saysExistingData        = "makes the volume start with existing data: leave it out"
	saysStorageClass        = "must be one of allow.storageClasses: without, any volume left over may be taken"
	saysTemplateAnnotations = "may choose a class, or data to start with: leave them out"
)

var ephemeralVolumeRule = rule{
	ID:      RuleEphemeralVolume,
	Summary: "A generic ephemeral volume must start empty, and name a storage class that the policy lists.",
	Why: "Where the policy lists the type `ephemeral`, a sandbox may have a volume of its own. With a data " +
		"source that volume could be a copy or a snapshot of the claim, with all users' data; with a volume " +
		"name or a selector it could be a PersistentVolume that somebody left behind. So could one of the empty " +
		"storage class, which takes any volume left over that has none. Without a class the volume is of the " +
		"cluster's default one, or of none where there is no default: the API server says so only when it makes the " +
		"claim, so a class must be named (`allow.storageClasses`). Annotations of the claim can choose another " +
		"class, and some storage systems copy a volume that one names. Leave these fields out.",
	says:  map[string]string{"data": saysExistingData, "class": saysStorageClass, "annotations": saysTemplateAnnotations},
	check: (*review).checkEphemeralVolume,
}

// A generic ephemeral volume must start empty: its contents could otherwise be a copy of anybody's data.

// checkEphemeralVolume judges the generic ephemeral volumes of a policy that lists the type.
func (r *review) checkEphemeralVolume(p *policy.Policy) {
	if !slices.Contains(p.Allow.VolumeTypes, "ephemeral") {
		return
	}
	for i := range r.pod.Spec.Volumes {
		if volume := &r.pod.Spec.Volumes[i]; volume.Ephemeral != nil && volume.Ephemeral.VolumeClaimTemplate != nil {
			r.checkStartsEmpty(&volume.Ephemeral.VolumeClaimTemplate.Spec, podjson.Location{"spec", "volumes", i})
			r.checkStorageClass(p, volume.Ephemeral.VolumeClaimTemplate, volumeAt(i, "ephemeral", "volumeClaimTemplate"))
		}
	}
}

// checkStartsEmpty refuses whatever makes a volume start with data.
func (r *review) checkStartsEmpty(spec *corev1.PersistentVolumeClaimSpec, volume podjson.Location) {
	refuse := func(field, value string) {
		r.refuse(RuleEphemeralVolume, volume.Child("ephemeral", "volumeClaimTemplate", "spec", field), value, saysExistingData)
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

// checkStorageClass refuses a volume of no class, or of one that is not listed. An annotation would come before
// the field (storagehelpers.GetPersistentVolumeClaimClass of Kubernetes).
func (r *review) checkStorageClass(p *policy.Policy, template *corev1.PersistentVolumeClaimTemplate, at podjson.Location) {
	class := template.Spec.StorageClassName
	if class == nil || !slices.Contains(p.Allow.StorageClasses, *class) {
		r.refuse(RuleEphemeralVolume, at.Child("spec", "storageClassName"), ptr.Deref(class, ""), saysStorageClass)
	}
	if len(template.Annotations) > 0 {
		r.refuse(RuleEphemeralVolume, at.Child("metadata", "annotations"), strings.Join(slices.Sorted(maps.Keys(template.Annotations)), ","), saysTemplateAnnotations)
	}
}
