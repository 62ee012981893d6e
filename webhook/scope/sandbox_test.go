package scope

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"userscope.dev/userscope/webhook/policy"
)

const (
	provisioner = "system:serviceaccount:deer-flow:deer-flow-provisioner"
	replicaSets = "system:serviceaccount:kube-system:replicaset-controller"

	aliceDir = "deer-flow/users/alice/threads/t1/user-data"
	bobDir   = "deer-flow/users/bob/threads/t1/user-data"
)

// deerflow returns DeerFlow's policy, with the tweaks made.
func deerflow(tweaks ...func(*policy.Policy)) *policy.Policy {
	p := &policy.Policy{
		Name:              "deer-flow",
		Namespaces:        []string{"deer-flow"},
		Claim:             "deer-flow-home",
		Selector:          policy.MatchLabels(map[string]string{"app": "deer-flow-sandbox"}),
		Provisioners:      []string{provisioner},
		Exempt:            policy.Creators{Users: []string{replicaSets}, Groups: []string{"system:masters"}},
		IdentityFrom:      policy.IdentitySources(),
		User:              policy.IDRule{Key: "user-id", MaxLength: policy.MaxUserLength},
		Thread:            policy.IDRule{Key: "thread-id", MaxLength: policy.MaxThreadLength},
		UserDataVolume:    "user-data",
		UserDataMountPath: "/mnt/user-data",
		ReplaceUserData:   true,
		SandboxIDKey:      "sandbox-id",
		Layout: policy.Layout{Root: "deer-flow", UserData: template("users/{user}/threads/{thread}/user-data"), Directories: []policy.Directory{
			{Template: template("users/{user}/threads/{thread}/acp-workspace"), Access: policy.ReadOnly},
			{Template: template("users/{user}/skills"), Access: policy.ReadOnly},
			{Template: template("users/{user}/skills/locks"), Access: policy.ReadWrite},
			{Template: template("shared/tools"), Access: policy.ReadOnly},
		}, Legacy: template("threads/{thread}/user-data")},
		Proof:         policy.ProofAdopted,
		ProofOf:       []policy.ProofText{policy.DefaultProofText(true)},
		HostPathBases: []string{"/base", "/other/base"},
		Bounds:        policy.DefaultBounds(),
		Allow:         policy.Allow{HostPaths: []string{"/skills"}, Claims: []string{"skills"}},
	}
	for _, tweak := range tweaks {
		tweak(p)
	}
	return p
}

// template parses a template that is known to be good.
func template(text string) policy.Template {
	t, err := policy.ParseTemplate(text)
	if err != nil {
		panic(err)
	}
	return t
}

// sandbox returns alice's sandbox as it should be, with the tweaks made.
func sandbox(tweaks ...func(*corev1.Pod)) *corev1.Pod {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name:        "sandbox-1",
			Labels:      map[string]string{"app": "deer-flow-sandbox", "user-id": "alice", "thread-id": "t1"},
			Annotations: map[string]string{policy.MarkerAnnotation: "deer-flow"},
		},
		Spec: corev1.PodSpec{
			Containers: []corev1.Container{{
				Name:         "sandbox",
				Image:        "sandbox:latest",
				VolumeMounts: []corev1.VolumeMount{{Name: "user-data", MountPath: "/mnt/user-data", SubPath: aliceDir}},
			}},
			Volumes: []corev1.Volume{claimVolume("user-data", "deer-flow-home")},
		},
	}
	for _, tweak := range tweaks {
		tweak(pod)
	}
	return pod
}

func claimVolume(name, claim string) corev1.Volume {
	return corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{
		PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: claim}}}
}

// scratch is an emptyDir.
func scratch(name string) corev1.Volume {
	return corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}
}

func label(key, value string) func(*corev1.Pod) {
	return func(pod *corev1.Pod) { pod.Labels[key] = value }
}

func noLabel(keys ...string) func(*corev1.Pod) {
	return func(pod *corev1.Pod) {
		for _, key := range keys {
			delete(pod.Labels, key)
		}
	}
}

func annotation(key, value string) func(*corev1.Pod) {
	return func(pod *corev1.Pod) { metav1.SetMetaDataAnnotation(&pod.ObjectMeta, key, value) }
}

// stamped stamps an identity whose ids are label values; an empty id is none.
func stamped(user, thread string) func(*corev1.Pod) {
	return func(pod *corev1.Pod) {
		for key, id := range map[string]string{policy.UserStamp: user, policy.ThreadStamp: thread} {
			if id != "" {
				label(key, id)(pod)
				annotation(key, id)(pod)
			}
		}
	}
}

func subPath(value string) func(*corev1.Pod) {
	return func(pod *corev1.Pod) { pod.Spec.Containers[0].VolumeMounts[0].SubPath = value }
}

func hostPathVolume(name, path string) corev1.Volume {
	return corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: path}}}
}

// spec changes the Pod's spec.
func spec(change func(*corev1.PodSpec)) func(*corev1.Pod) {
	return func(pod *corev1.Pod) { change(&pod.Spec) }
}

// first changes the Pod's first container.
func first(change func(*corev1.Container)) func(*corev1.Pod) {
	return func(pod *corev1.Pod) { change(&pod.Spec.Containers[0]) }
}

func volumes(volumes ...corev1.Volume) func(*corev1.Pod) {
	return func(pod *corev1.Pod) { pod.Spec.Volumes = volumes }
}

func addVolume(volume corev1.Volume) func(*corev1.Pod) {
	return func(pod *corev1.Pod) { pod.Spec.Volumes = append(pod.Spec.Volumes, volume) }
}

func mountsOf(mounts ...corev1.VolumeMount) func(*corev1.Pod) {
	return func(pod *corev1.Pod) { pod.Spec.Containers[0].VolumeMounts = mounts }
}

func addMount(mount corev1.VolumeMount) func(*corev1.Pod) {
	return func(pod *corev1.Pod) {
		pod.Spec.Containers[0].VolumeMounts = append(pod.Spec.Containers[0].VolumeMounts, mount)
	}
}

// initContainer moves the sandbox container to the init containers.
func initContainer(pod *corev1.Pod) {
	pod.Spec.InitContainers, pod.Spec.Containers = pod.Spec.Containers, nil
}

const (
	notASecret = "is no Secret for sandboxes: drop it, or have the policy list it in allow.secrets"
	notADriver = "is a driver that sandboxes may not have: drop the volume, or list the driver in allow.csiDrivers"
	notScratch = "is read from the volume's root: use an emptyDir"

	aliceHas = "; it has " + aliceDir + ", deer-flow/users/alice/threads/t1/acp-workspace, deer-flow/users/alice/skills, " +
		"deer-flow/users/alice/skills/locks, deer-flow/shared/tools"
	noDirectory = "is no directory of this sandbox: mount one, or list it in layout.directories" + aliceHas
)

func secretVariable(name, secret string) corev1.EnvVar {
	return corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: secret}}}}
}

func secretEnvironment(secret string) corev1.EnvFromSource {
	return corev1.EnvFromSource{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: secret}}}
}

// fileVariable is a variable that comes from a file of a volume.
func fileVariable(name, volume string) corev1.EnvVar {
	return corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{FileKeyRef: &corev1.FileKeySelector{VolumeName: volume}}}
}

// otherClaim is the violation of a claim that the policy does not list.
func otherClaim(at, claim string) Violation {
	return Violation{RuleOtherClaim, at + "persistentVolumeClaim.claimName", claim, "is no claim for sandboxes: drop it, or have the policy list it in allow.claims"}
}
