package scope

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"userscope.dev/userscope/webhook/podjson"
)

// editable returns a copy of a Pod that shares with it all that no edit touches. The copy's own are labels,
// annotations, volumes with claims and hostPaths, the mounts of all containers, and the Pod's security
// context. A rule that edits another field must have it copied here. A volume without source is an emptyDir
// in the copy.
func editable(sent *corev1.Pod, unknown []podjson.UnknownField) *corev1.Pod {
	pod := *sent
	pod.Labels, pod.Annotations = maps.Clone(sent.Labels), maps.Clone(sent.Annotations)
	pod.Spec.Volumes = editableVolumes(sent.Spec.Volumes)
	defaultVolumes(pod.Spec.Volumes, unknown)
	pod.Spec.SecurityContext = sent.Spec.SecurityContext.DeepCopy()
	pod.Spec.InitContainers = slices.Clone(sent.Spec.InitContainers)
	pod.Spec.Containers = slices.Clone(sent.Spec.Containers)
	pod.Spec.EphemeralContainers = slices.Clone(sent.Spec.EphemeralContainers)
	for _, c := range containers(&pod) {
		c.VolumeMounts = slices.Clone(c.VolumeMounts)
	}
	return &pod
}

// editableVolumes copies the claims of all volumes, and the hostPaths, into one piece of memory each.
func editableVolumes(sent []corev1.Volume) []corev1.Volume {
	volumes := slices.Clone(sent)
	claims := make([]corev1.PersistentVolumeClaimVolumeSource, 0, len(volumes))
	var hostPaths []corev1.HostPathVolumeSource
	for i := range volumes {
		if claim := volumes[i].PersistentVolumeClaim; claim != nil {
			claims = append(claims, *claim)
			volumes[i].PersistentVolumeClaim = &claims[len(claims)-1]
		}
		if hostPath := volumes[i].HostPath; hostPath != nil {
			if hostPaths == nil {
				hostPaths = make([]corev1.HostPathVolumeSource, 0, len(volumes)-i)
			}
			hostPaths = append(hostPaths, *hostPath)
			volumes[i].HostPath = &hostPaths[len(hostPaths)-1]
		}
	}
	return volumes
}

// defaultVolumes makes emptyDirs of volumes without source, as API servers do before they ask. Of one with a field that
// this build does not know, that field may be the source.
func defaultVolumes(volumes []corev1.Volume, unknown []podjson.UnknownField) {
	for i := range volumes {
		ofVolume := func(field podjson.UnknownField) bool {
			index, ok := field.Volume()
			return ok && index == i
		}
		if len(sources(&volumes[i])) == 0 && !slices.ContainsFunc(unknown, ofVolume) {
			volumes[i].EmptyDir = &corev1.EmptyDirVolumeSource{}
		}
	}
}
