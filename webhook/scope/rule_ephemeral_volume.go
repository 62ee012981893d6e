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

var ephemeralVolumeRule = rule{
	ID:      RuleEphemeralVolume,
	Summary: "A generic ephemeral volume must start empty.",
	Why: "Where the policy lists the type `ephemeral`, a sandbox may have a volume of its own. With a data " +
		"source that volume could be a copy or a snapshot of the claim, with all users' data; with a volume " +
		"name or a selector it could be a PersistentVolume that somebody left behind. Leave these fields out.",
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
