package scope

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"userscope.dev/userscope/webhook/policy"
)

func TestEphemeralVolumes(t *testing.T) {
	listed := allowing(func(a *policy.Allow) {
		a.VolumeTypes, a.StorageClasses = []string{"ephemeral"}, []string{"slow", "fast"}
	})
	unclassed := allowing(func(a *policy.Allow) { a.VolumeTypes = []string{"ephemeral"} })
	class := func(name string) corev1.PersistentVolumeClaimSpec {
		return corev1.PersistentVolumeClaimSpec{StorageClassName: &name}
	}
	noClass := func(value string) []Violation {
		return []Violation{{RuleEphemeralVolume, "spec.volumes[1].ephemeral.volumeClaimTemplate.spec.storageClassName", value, saysStorageClass}}
	}
	annotated := ephemeral(class("fast"))
	annotated.Ephemeral.VolumeClaimTemplate.Annotations = map[string]string{"b": "", "a": "x"}
	labelled := ephemeral(class("fast"))
	labelled.Ephemeral.VolumeClaimTemplate.Labels = map[string]string{"a": "b"}
	refused := func(name, field, value string, spec corev1.PersistentVolumeClaimSpec) createTest {
		spec.StorageClassName = class("slow").StorageClassName
		return createTest{name: name, policy: listed, pod: sandbox(addVolume(ephemeral(spec))), verdict: Refused,
			violations: []Violation{{RuleEphemeralVolume, "spec.volumes[1].ephemeral.volumeClaimTemplate.spec." + field, value,
				saysExistingData}}}
	}
	runCreate(t, []createTest{
		{name: "not listed", pod: sandbox(addVolume(ephemeral(corev1.PersistentVolumeClaimSpec{}))), verdict: Refused,
			violations: []Violation{notListed("spec.volumes[1].ephemeral", "ephemeral")}},
		{name: "not listed, with existing data", pod: sandbox(addVolume(ephemeral(corev1.PersistentVolumeClaimSpec{VolumeName: "pv"}))), verdict: Refused,
			violations: []Violation{notListed("spec.volumes[1].ephemeral", "ephemeral")}},
		{name: "first class", policy: listed, pod: sandbox(addVolume(ephemeral(class("slow")))), verdict: Allowed},
		{name: "last class", policy: listed, pod: sandbox(addVolume(ephemeral(class("fast")))), verdict: Allowed},
		{name: "labels", policy: listed, pod: sandbox(addVolume(labelled)), verdict: Allowed},
		{name: "another class", policy: listed, pod: sandbox(addVolume(ephemeral(class("fas")))), verdict: Refused, violations: noClass("fas")},
		{name: "no class", policy: listed, pod: sandbox(addVolume(ephemeral(corev1.PersistentVolumeClaimSpec{}))), verdict: Refused, violations: noClass("")},
		{name: "the empty class", policy: listed, pod: sandbox(addVolume(ephemeral(class("")))), verdict: Refused, violations: noClass("")},
		{name: "any class where none is listed", policy: unclassed, pod: sandbox(addVolume(ephemeral(class("fast")))), verdict: Refused, violations: noClass("fast")},
		{name: "annotations", policy: listed, pod: sandbox(addVolume(annotated)), verdict: Refused,
			violations: []Violation{{RuleEphemeralVolume, "spec.volumes[1].ephemeral.volumeClaimTemplate.metadata.annotations", "a,b", saysTemplateAnnotations}}},
		{name: "listed, without a template", policy: listed, pod: withSource(corev1.VolumeSource{Ephemeral: &corev1.EphemeralVolumeSource{}}), verdict: Allowed},
		refused("a volume by name", "volumeName", "pv", corev1.PersistentVolumeClaimSpec{VolumeName: "pv"}),
		refused("a volume by labels", "selector", "a=b", corev1.PersistentVolumeClaimSpec{Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"a": "b"}}}),
		refused("a clone", "dataSource", "PersistentVolumeClaim/deer-flow-home", corev1.PersistentVolumeClaimSpec{DataSource: &corev1.TypedLocalObjectReference{Kind: "PersistentVolumeClaim", Name: "deer-flow-home"}}),
		refused("a clone by reference", "dataSourceRef", "VolumeSnapshot/s", corev1.PersistentVolumeClaimSpec{DataSourceRef: &corev1.TypedObjectReference{Kind: "VolumeSnapshot", Name: "s"}}),
	})
}

func ephemeral(spec corev1.PersistentVolumeClaimSpec) corev1.Volume {
	return corev1.Volume{Name: "tmp", VolumeSource: corev1.VolumeSource{Ephemeral: &corev1.EphemeralVolumeSource{
		VolumeClaimTemplate: &corev1.PersistentVolumeClaimTemplate{Spec: spec}}}}
}
