//go:build e2e

package e2e

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
)

// role is a sandbox that is tried in each setting.
type role struct {
	name, story string
	of          identity
	// pod is what the provisioner sends.
	pod func(r role) *corev1.Pod
	// act is which of the acts it is in: what is in one runs side by side, and stays for the next but the first.
	act int
	// leaks are places, or the identities of others, that it must reach without Userscope.
	leaks []string
	// with and backstop are what becomes of it with Userscope, and with the backstop alone, where it bears a
	// forged stamp.
	with, backstop string
}

// What becomes of a sandbox that reaches its own places and no others.
const own = "own data only"

var cast = []role{
	{
		name: "fs-group", story: "bob's with `fsGroup`, which re-owns the files of all", act: 1, of: bob,
		pod: func(r role) *corev1.Pod {
			pod := newSandbox(r.name, r.of)
			pod.Spec.SecurityContext = &corev1.PodSecurityContext{FSGroup: ptr.To[int64](2000)}
			return pod
		},
		leaks: []string{"RE-OWNS alice/thread-1"}, with: "refused: fs-group", backstop: "refused: fs-group",
	},

	{name: "alice", story: "alice's, as DeerFlow sends it", act: 2, of: alice, pod: plain, with: own, backstop: own},
	{name: "alice-too", story: "alice's of another thread", act: 2, of: aliceToo, pod: plain, with: own, backstop: own},
	{
		name: "bob", story: "bob's of the same thread id, with a sidecar, an init container and a link to alice's data", act: 2, of: bob,
		pod: func(r role) *corev1.Pod {
			pod := newSandbox(r.name, r.of)
			main := &pod.Spec.Containers[0]
			pod.Spec.InitContainers = []corev1.Container{helper(pod, "init", main.VolumeMounts[0])}
			pod.Spec.Containers = append(pod.Spec.Containers, helper(pod, "sidecar", main.VolumeMounts[0]))
			pod.Spec.Containers[1].Args = main.Args // it stays
			// From users/bob/threads/thread-1/user-data.
			pod.Spec.Containers[0].Args = append([]string{"-link", "../../../../alice/threads/thread-1/user-data"}, main.Args...)
			return pod
		},
		with: own, backstop: own,
	},
	{
		name: "alice-old", story: "alice's of the old layout, by thread alone", act: 2, of: alice,
		pod:  func(r role) *corev1.Pod { return oldSandbox(r.name, r.of) },
		with: own, backstop: "refused: claim-mount",
	},

	{
		name: "bob-old", story: "bob's of the old layout, of the same thread id", act: 3, of: bob,
		pod:   func(r role) *corev1.Pod { return oldSandbox(r.name, r.of) },
		leaks: []string{"READS alice/thread-1"}, with: own, backstop: "refused: claim-mount",
	},
	{
		name: "neighbour", story: "bob's that mounts alice's directory", act: 3, of: bob,
		pod:   userData(alice.userData()),
		leaks: []string{"READS alice/thread-1", "WRITES alice/thread-1"}, with: own, backstop: "refused: claim-mount",
	},
	{
		name: "whole-claim", story: "bob's that mounts the whole claim", act: 3, of: bob,
		pod:   userData(""),
		leaks: []string{"READS alice/thread-1", "WRITES alice/thread-1"}, with: own, backstop: "refused: claim-mount",
	},
	{
		name: "symlink", story: "bob's that mounts the link that bob's has left", act: 3, of: bob,
		pod:   userData(bob.userData() + "/link"),
		leaks: []string{"READS alice/thread-1", "WRITES alice/thread-1"}, with: own, backstop: "refused: claim-mount",
	},
	{
		name: "sidecar", story: "bob's whose sidecar mounts the whole claim", act: 3, of: bob,
		pod: func(r role) *corev1.Pod {
			pod := declared(r)
			pod.Spec.Containers = append(pod.Spec.Containers, helper(pod, "sidecar", corev1.VolumeMount{Name: "user-data", MountPath: "/srv"}))
			pod.Spec.Containers[1].Args = pod.Spec.Containers[0].Args // it stays
			return pod
		},
		leaks: []string{"READS alice/thread-1", "WRITES alice/thread-1"}, with: "refused: claim-mount", backstop: "refused: claim-mount",
	},
	{
		name: "init", story: "bob's whose init container mounts the whole claim", act: 3, of: bob,
		pod: func(r role) *corev1.Pod {
			pod := declared(r)
			pod.Spec.InitContainers = []corev1.Container{helper(pod, "init", corev1.VolumeMount{Name: "user-data", MountPath: "/srv"})}
			return pod
		},
		leaks: []string{"READS alice/thread-1", "WRITES alice/thread-1"}, with: "refused: claim-mount", backstop: "refused: claim-mount",
	},
	{
		name: "other-name", story: "bob's that mounts the whole claim as a volume of another name", act: 3, of: bob,
		pod: func(r role) *corev1.Pod {
			pod := declared(r)
			pod.Spec.Volumes = append(pod.Spec.Volumes, claimVolume("cache"))
			main := &pod.Spec.Containers[0]
			main.VolumeMounts = append(main.VolumeMounts, corev1.VolumeMount{Name: "cache", MountPath: "/srv"})
			return pod
		},
		leaks: []string{"READS alice/thread-1", "WRITES alice/thread-1"}, with: "refused: claim-mount", backstop: "refused: claim-mount",
	},
	{
		name: "host-path", story: "bob's that mounts the volume's directory on the node", act: 3, of: bob,
		pod: func(r role) *corev1.Pod {
			pod := declared(r)
			pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{Name: "node", VolumeSource: corev1.VolumeSource{
				HostPath: &corev1.HostPathVolumeSource{Path: site.Home()},
			}})
			main := &pod.Spec.Containers[0]
			main.VolumeMounts = append(main.VolumeMounts, corev1.VolumeMount{Name: "node", MountPath: "/srv"})
			return pod
		},
		leaks: []string{"READS alice/thread-1", "WRITES alice/thread-1"}, with: "refused: host-path", backstop: "refused: host-path",
	},
	{
		name: "host-pid", story: "bob's that sees the node's processes, and all that is mounted into them", act: 3, of: bob,
		pod: func(r role) *corev1.Pod {
			pod := declared(r)
			pod.Spec.HostPID = true
			return pod
		},
		leaks: []string{"READS alice/thread-1"}, with: "refused: pod-security", backstop: "refused: pod-security",
	},
	{
		name: "account", story: "bob's with the provisioner's ServiceAccount, which lists all Pods", act: 3, of: bob,
		pod: func(r role) *corev1.Pod {
			pod := declared(r)
			pod.Spec.ServiceAccountName = "deer-flow-provisioner"
			return pod
		},
		leaks: []string{"READS alice/thread-1"}, with: "refused: service-account", backstop: "refused: service-account",
	},
	{
		name: "debugged", story: "bob's that gets an ephemeral container with the whole claim", act: 3, of: bob,
		pod:   declared,
		leaks: []string{"READS alice/thread-1", "WRITES alice/thread-1"},
		with:  own + ", debugger refused: ephemeral-container", backstop: own + ", debugger refused: ephemeral-container",
	},
	{
		// CEL has no hash: the backstop believes a stamp.
		name: "liar", story: "bob's, by its sandbox id, that says it is alice's and mounts her directories", act: 3, of: bob,
		pod: func(r role) *corev1.Pod {
			pod := newSandbox(r.name, alice)
			pod.Labels["sandbox-id"] = bob.sandboxID()
			declare(pod, alice)
			return pod
		},
		leaks: []string{"READS alice/thread-1", "WRITES alice/thread-1"}, with: "refused: identity-unproven",
		backstop: "READS alice, alice/thread-1; WRITES alice, alice/thread-1",
	},
}

// plain is a sandbox as DeerFlow sends it.
func plain(r role) *corev1.Pod { return newSandbox(r.name, r.of) }

// declared is one whose labels say whose it is.
func declared(r role) *corev1.Pod {
	pod := newSandbox(r.name, r.of)
	declare(pod, r.of)
	return pod
}

// userData is a declared sandbox whose user data is another directory of the claim.
func userData(subPath string) func(role) *corev1.Pod {
	return func(r role) *corev1.Pod {
		pod := declared(r)
		pod.Spec.Containers[0].VolumeMounts[0].SubPath = subPath
		return pod
	}
}
