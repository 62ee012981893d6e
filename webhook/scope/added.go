package scope

import (
	"strings"

	corev1 "k8s.io/api/core/v1"

	"userscope.dev/userscope/webhook/podjson"
)

// addition is what a Pod has and a stored one has not: where it stands, and its key there.
type addition struct {
	at    podjson.Location
	value string
}

// additions are the volumes and containers that an update adds, and what these newly mount or read.
func additions(pod, old *corev1.Pod) []addition {
	var found []addition
	add := func(value string, at ...any) {
		found = append(found, addition{append(podjson.Location{"spec"}, at...), value})
	}
	nameOf := func(v corev1.Volume) string { return v.Name }
	for _, i := range added(pod.Spec.Volumes, old.Spec.Volumes, nameOf) {
		add(pod.Spec.Volumes[i].Name, "volumes", i, "name")
	}
	for _, list := range []struct {
		name     string
		all, old []corev1.Container
	}{
		{"initContainers", pod.Spec.InitContainers, old.Spec.InitContainers},
		{"containers", pod.Spec.Containers, old.Spec.Containers},
	} {
		for _, i := range added(list.all, list.old, func(c corev1.Container) string { return c.Name }) {
			add(list.all[i].Name, list.name, i, "name")
		}
		stored := map[string]*corev1.Container{}
		for i := range list.old {
			stored[list.old[i].Name] = &list.old[i]
		}
		for i := range list.all {
			c, o := &list.all[i], stored[list.all[i].Name]
			if o == nil {
				continue
			}
			for _, j := range added(c.VolumeMounts, o.VolumeMounts, func(m corev1.VolumeMount) string { return m.MountPath }) {
				add(c.VolumeMounts[j].MountPath, list.name, i, "volumeMounts", j, "mountPath")
			}
			for _, j := range added(c.VolumeDevices, o.VolumeDevices, func(d corev1.VolumeDevice) string { return d.DevicePath }) {
				add(c.VolumeDevices[j].DevicePath, list.name, i, "volumeDevices", j, "devicePath")
			}
			for _, j := range added(c.Env, o.Env, func(e corev1.EnvVar) string { return e.Name }) {
				add(c.Env[j].Name, list.name, i, "env", j, "name")
			}
			for _, j := range added(c.EnvFrom, o.EnvFrom, sourceOf) {
				add(sourceOf(c.EnvFrom[j]), list.name, i, "envFrom", j)
			}
		}
	}
	return found
}

// sourceOf tells entries of envFrom apart, which have no name of their own.
func sourceOf(e corev1.EnvFromSource) string {
	var parts []string
	if e.Prefix != "" {
		parts = append(parts, e.Prefix)
	}
	if e.ConfigMapRef != nil {
		parts = append(parts, "configMapRef "+e.ConfigMapRef.Name)
	}
	if e.SecretRef != nil {
		parts = append(parts, "secretRef "+e.SecretRef.Name)
	}
	return strings.Join(parts, " ")
}

// added returns the indexes of a list's entries whose keys another does not have. Where a list has only grown,
// keys that it had occur again: then it is its last entries that are new.
func added[T any](list, old []T, key func(T) string) []int {
	known := make(map[string]bool, len(old))
	for _, entry := range old {
		known[key(entry)] = true
	}
	var found []int
	for i, entry := range list {
		if !known[key(entry)] {
			found = append(found, i)
		}
	}
	for i := len(old); i < len(list) && len(found) < len(list)-len(old); i++ {
		if known[key(list[i])] {
			found = append(found, i)
		}
	}
	return found
}
