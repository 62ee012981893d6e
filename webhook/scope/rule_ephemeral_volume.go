package scope

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"userscope.dev/userscope/webhook/podjson"
	"userscope.dev/userscope/webhook/policy"
)

// RuleEphemeralVolume is the rule of this file.
const RuleEphemeralVolume Rule = "ephemeral-volume"

// A generic ephemeral volume must start empty: its contents could otherwise be a copy of anybody's data.

// checkEphemeralVolume judges the generic ephemeral volumes of a policy that lists the type.
func (r *review) checkEphemeralVolume(p *policy.Policy) {
	if !slices.Contains(p.Allow.VolumeTypes, "ephemeral") {
		return
	}
	for i := range r.pod.Spec.Volumes {
		if volume := &r.pod.Spec.Volumes[i]; volume.Ephemeral != nil && volume.Ephemeral.VolumeClaimTemplate != nil {
			r.checkStartsEmpty(&volume.Ephemeral.VolumeClaimTemplate.Spec, podjson.Location{"spec", "volumes", i})
		}
	}
}

// checkStartsEmpty refuses whatever makes a volume start with data.
func (r *review) checkStartsEmpty(spec *corev1.PersistentVolumeClaimSpec, volume podjson.Location) {
	refuse := func(field, value string) {
		r.refuse(RuleEphemeralVolume, volume.Child("ephemeral", "volumeClaimTemplate", "spec", field), value,
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
