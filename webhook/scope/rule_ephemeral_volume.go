package scope

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"userscope.dev/userscope/webhook/podjson"
	"userscope.dev/userscope/webhook/policy"
)

// checkEphemeralVolume judges a listed generic ephemeral volume: it must start empty, since its
// contents could otherwise be a copy of anybody's data.
func (r *review) checkEphemeralVolume(p *policy.Policy, volume *corev1.Volume, at podjson.Location) {
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
