package scope

import (
	corev1 "k8s.io/api/core/v1"

	"userscope.dev/userscope/webhook/podjson"
)

// ephemeralContainers names the list of a Pod that only a running Pod may have.
const ephemeralContainers = "ephemeralContainers"

// container is one container of a Pod and where it stands.
type container struct {
	*corev1.Container
	list  string
	index int
}

// At returns the location of a field of the container.
func (c container) at(steps ...any) podjson.Location {
	return append(podjson.Location{"spec", c.list, c.index}, steps...)
}

// containers returns every container of the Pod: init, regular and ephemeral. The decision
// walks over them nowhere else, so that no rule forgets a kind.
func containers(pod *corev1.Pod) []container {
	spec := &pod.Spec
	all := make([]container, 0, len(spec.InitContainers)+len(spec.Containers)+len(spec.EphemeralContainers))
	for i := range spec.InitContainers {
		all = append(all, container{&spec.InitContainers[i], "initContainers", i})
	}
	for i := range spec.Containers {
		all = append(all, container{&spec.Containers[i], "containers", i})
	}
	for i := range spec.EphemeralContainers {
		common := (*corev1.Container)(&spec.EphemeralContainers[i].EphemeralContainerCommon)
		all = append(all, container{common, ephemeralContainers, i})
	}
	return all
}

// volumeAt returns the location of a field of the volume of an index.
func volumeAt(index int, steps ...any) podjson.Location {
	return append(podjson.Location{"spec", "volumes", index}, steps...)
}

// mount is one volumeMount and where it stands.
type mount struct {
	*corev1.VolumeMount
	container container
	index     int
}

// At returns the location of a field of the mount.
func (m mount) at(steps ...any) podjson.Location {
	return append(podjson.Location{"spec", m.container.list, m.container.index, "volumeMounts", m.index}, steps...)
}

// mounts returns every volumeMount of every container of the Pod.
func mounts(pod *corev1.Pod) []mount {
	judged, n := containers(pod), 0
	for _, c := range judged {
		n += len(c.VolumeMounts)
	}
	all := make([]mount, 0, n)
	for _, c := range judged {
		for i := range c.VolumeMounts {
			all = append(all, mount{&c.VolumeMounts[i], c, i})
		}
	}
	return all
}
