//go:build e2e

package e2e

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"userscope.dev/userscope/test/kit/installation"
)

// identity is a user's thread.
type identity struct{ user, thread string }

func (i identity) String() string { return i.user + "/" + i.thread }

// userData is the directory of its data, from the claim's root.
func (i identity) userData() string {
	return "deer-flow/users/" + i.user + "/threads/" + i.thread + "/user-data"
}

// sandboxID is what the gateway names the sandbox by.
func (i identity) sandboxID() string {
	return fmt.Sprintf("%x", sha256.Sum256([]byte(i.user+":"+i.thread)))[:16]
}

// The files that sandboxes keep in the volume, as DeerFlow mounts them.
var extras = []struct {
	name, path, subPath string
	readOnly            bool
}{
	{"acp-workspace", "/mnt/acp-workspace", "users/{user}/threads/{thread}/acp-workspace", true},
	{"custom", "/mnt/skills/custom", "users/{user}/skills_view/custom", true},
	{"public", "/mnt/skills/public", "skills_view/public", true},
	{"config", "/mnt/integrations/lark-cli/config", "users/{user}/integrations/lark-cli/config", true},
	{"locks", "/mnt/integrations/lark-cli/config/locks", "users/{user}/integrations/lark-cli/config/locks", false},
	{"data", "/mnt/integrations/lark-cli/data", "users/{user}/integrations/lark-cli/data", false},
}

// newSandbox is a sandbox as DeerFlow's provisioner sends it, which runs the probe.
func newSandbox(name string, i identity) *corev1.Pod {
	pod := base(name, i)
	main := &pod.Spec.Containers[0]
	main.VolumeMounts = []corev1.VolumeMount{{Name: "user-data", MountPath: "/mnt/user-data", SubPath: i.userData()}}
	for _, extra := range extras {
		main.VolumeMounts = append(main.VolumeMounts, corev1.VolumeMount{
			Name: extra.name, MountPath: extra.path, ReadOnly: extra.readOnly,
			SubPath: "deer-flow/" + strings.NewReplacer("{user}", i.user, "{thread}", i.thread).Replace(extra.subPath),
		})
		pod.Spec.Volumes = append(pod.Spec.Volumes, claimVolume(extra.name))
	}
	return pod
}

// oldSandbox is one of the time before user data lay by user, with labels that declare whose it is.
func oldSandbox(name string, i identity) *corev1.Pod {
	pod := base(name, i)
	declare(pod, i)
	pod.Spec.Containers[0].VolumeMounts = []corev1.VolumeMount{{
		Name: "user-data", MountPath: "/mnt/user-data", SubPath: "threads/" + i.thread + "/user-data",
	}}
	return pod
}

// declare says in a Pod's labels whose it is.
func declare(pod *corev1.Pod, i identity) {
	pod.Labels["user-id"], pod.Labels["thread-id"] = i.user, i.thread
}

// base is what all sandboxes have in common. It tells the probe a secret, by all roads that a Pod has.
func base(name string, i identity) *corev1.Pod {
	secret := "CANARY-" + rand.Text()
	args := append([]string{"-name", name, "-secret", secret}, targets...)
	http := &corev1.Probe{
		ProbeHandler:        corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/v1/sandbox", Port: intstr.FromInt32(8080)}},
		InitialDelaySeconds: 5, PeriodSeconds: 5, TimeoutSeconds: 3, FailureThreshold: 3,
	}
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name: name,
			Labels: map[string]string{
				"app": "deer-flow-sandbox", "sandbox-id": i.sandboxID(),
				"app.kubernetes.io/name": "deer-flow", "app.kubernetes.io/component": "sandbox",
			},
			Annotations: map[string]string{"secret": secret},
		},
		Spec: corev1.PodSpec{
			RestartPolicy: corev1.RestartPolicyAlways,
			Containers: []corev1.Container{{
				Name: "sandbox", Image: installation.ProbeImage, ImagePullPolicy: corev1.PullIfNotPresent, Args: args,
				Env:            []corev1.EnvVar{{Name: "SECRET", Value: secret}},
				Ports:          []corev1.ContainerPort{{Name: "http", ContainerPort: 8080, Protocol: corev1.ProtocolTCP}},
				LivenessProbe:  http,
				ReadinessProbe: http,
				Resources: corev1.ResourceRequirements{
					Requests: corev1.ResourceList{"cpu": resource.MustParse("10m"), "memory": resource.MustParse("16Mi")},
					Limits:   corev1.ResourceList{"cpu": resource.MustParse("1"), "memory": resource.MustParse("256Mi")},
				},
				SecurityContext: &corev1.SecurityContext{AllowPrivilegeEscalation: ptr.To(true), Privileged: ptr.To(false)},
			}},
			Volumes: []corev1.Volume{claimVolume("user-data")},
		},
	}
}

func claimVolume(name string) corev1.Volume {
	return corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{
		PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: installation.Claim},
	}}
}

// helper is a further container of the sandbox, with the first one's program.
func helper(pod *corev1.Pod, name string, mounts ...corev1.VolumeMount) corev1.Container {
	main := pod.Spec.Containers[0]
	return corev1.Container{
		Name: name, Image: main.Image, ImagePullPolicy: main.ImagePullPolicy, VolumeMounts: mounts,
		Args: append([]string{"-once"}, main.Args...),
	}
}

// stamp forges what Userscope writes on the Pods that it has judged.
func stamp(pod *corev1.Pod, i identity) {
	pod.Annotations["userscope.dev/policies"] = "deer-flow"
	pod.Annotations["userscope.dev/user"], pod.Annotations["userscope.dev/thread"] = i.user, i.thread
}

// report is what the probe prints.
type report struct {
	Name    string
	Read    map[string]string
	Written []string
}

// reports waits until every container of a Pod has printed its report, and merges them.
func (c *cluster) reports(ctx context.Context, name string) (report, error) {
	all := report{Name: name, Read: map[string]string{}}
	pods := c.Admin.CoreV1().Pods(installation.Namespace)
	pod, err := pods.Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return all, err
	}
	var containers []string
	for _, container := range append(pod.Spec.InitContainers, pod.Spec.Containers...) {
		containers = append(containers, container.Name)
	}
	for _, container := range pod.Spec.EphemeralContainers {
		containers = append(containers, container.Name)
	}
	for _, container := range containers {
		err := installation.Await(ctx, "the report of "+container+" in "+name, func(ctx context.Context) error {
			text, err := pods.GetLogs(name, &corev1.PodLogOptions{Container: container}).DoRaw(ctx)
			if err != nil {
				return err
			}
			var one report
			if err := json.Unmarshal(text, &one); err != nil {
				return fmt.Errorf("it prints %q: %w", text, err)
			}
			for canary, road := range one.Read {
				all.Read[canary] = container + ":" + road
			}
			all.Written = append(all.Written, one.Written...)
			return nil
		})
		if err != nil {
			return all, err
		}
	}
	return all, nil
}

// debug adds an ephemeral container to a Pod, which sees all of the claim.
func (c *cluster) debug(ctx context.Context, name string) error {
	pods := c.debugger.CoreV1().Pods(installation.Namespace)
	for {
		pod, err := pods.Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		added := helper(pod, "debugger", corev1.VolumeMount{Name: "user-data", MountPath: "/srv"})
		pod.Spec.EphemeralContainers = append(pod.Spec.EphemeralContainers, corev1.EphemeralContainer{
			EphemeralContainerCommon: corev1.EphemeralContainerCommon{
				Name: added.Name, Image: added.Image, ImagePullPolicy: added.ImagePullPolicy, Args: added.Args, VolumeMounts: added.VolumeMounts,
			},
		})
		_, err = pods.UpdateEphemeralContainers(ctx, name, pod, metav1.UpdateOptions{})
		if !apierrors.IsConflict(err) { // the kubelet has just written the status
			return err
		}
	}
}
