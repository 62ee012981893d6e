package expressions

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/admission"
	plugincel "k8s.io/apiserver/pkg/admission/plugin/cel"
	"k8s.io/apiserver/pkg/admission/plugin/webhook/matchconditions"
	"k8s.io/apiserver/pkg/authentication/user"

	"userscope.dev/userscope/test/kit/repo"
	"userscope.dev/userscope/test/pods/fixtures"
	"userscope.dev/userscope/webhook/scope"
)

// installed is what the chart makes of DeerFlow's policy: the conditions of the webhook for stored Pods and
// the backstop.
type installed struct {
	webhook  matchconditions.Matcher
	policies []*policy
}

func install(t *testing.T) *installed {
	t.Helper()
	objects := render(t, readPolicies(t, policyFiles[0]))
	webhook, err := conditions(plugincel.NewConditionCompiler(oldest), "webhook", objects.Validating.Webhooks[0].MatchConditions)
	if err != nil {
		t.Fatal(err)
	}
	all := &installed{webhook: webhook}
	for i := range objects.Policies {
		if strings.HasPrefix(objects.Policies[i].Name, "userscope-backstop-") {
			compiled, err := compile(&objects.Policies[i])
			if err != nil {
				t.Fatal(err)
			}
			all.policies = append(all.policies, compiled)
		}
	}
	return all
}

// outcome says whether the webhook is called for a request, and why the backstop refuses it.
func (all *installed) outcome(t *testing.T, r *request, show form) (called bool, refused string) {
	t.Helper()
	attributes, err := r.attributes(show)
	if err != nil {
		t.Fatal(err)
	}
	match := all.webhook.Match(t.Context(), attributes, nil, nil)
	if match.Error != nil {
		t.Fatal(match.Error)
	}
	var texts []string
	for _, policy := range all.policies {
		found, err := policy.refusals(t.Context(), r, show)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, found...)
	}
	return match.Matches, strings.Join(texts, "\n")
}

// storedPods are the Pods of the fixtures as they are stored.
func storedPods(t *testing.T) []*corev1.Pod {
	t.Helper()
	root, err := repo.Path(".")
	if err != nil {
		t.Fatal(err)
	}
	set, err := fixtures.Load(os.DirFS(root))
	if err != nil {
		t.Fatal(err)
	}
	var pods []*corev1.Pod
	for _, f := range set.Fixtures {
		if f.Pass && f.Operation == "CREATE" && f.Given.Policy == nil && f.Decision.Verdict != scope.Ungoverned {
			pods = append(pods, fixtureRequest(t, f, f.Policies[0].Name).pod)
		}
	}
	return pods
}

// harmless are changes that people, kubelets and controllers make of stored Pods, by the subresource.
var harmless = []struct {
	subresource string
	change      func(pod *corev1.Pod, n int)
}{
	{"", func(pod *corev1.Pod, n int) {
		metav1.SetMetaDataLabel(&pod.ObjectMeta, fmt.Sprintf("team-%d", n%7), "red")
	}},
	{"", func(pod *corev1.Pod, n int) { metav1.SetMetaDataAnnotation(&pod.ObjectMeta, "note", fmt.Sprint(n)) }},
	{"", func(pod *corev1.Pod, _ int) { pod.Finalizers = append(pod.Finalizers, "example.com/hold") }},
	{"", func(pod *corev1.Pod, _ int) { pod.Finalizers = nil }},
	{"", func(pod *corev1.Pod, n int) { pod.Spec.Containers[0].Image = fmt.Sprintf("sandbox:%d", n) }},
	{"", func(pod *corev1.Pod, n int) { pod.Spec.ActiveDeadlineSeconds = new(int64(n)) }},
	{"", func(pod *corev1.Pod, _ int) {
		pod.Spec.Tolerations = append(pod.Spec.Tolerations, corev1.Toleration{Key: "spot", Operator: corev1.TolerationOpExists})
	}},
	{"", func(pod *corev1.Pod, n int) {
		pod.DeletionTimestamp, pod.DeletionGracePeriodSeconds = &metav1.Time{Time: time.Unix(int64(n), 0)}, new(int64(30))
	}},
	{"", func(pod *corev1.Pod, _ int) { pod.OwnerReferences = nil }},
	{"status", func(pod *corev1.Pod, n int) {
		pod.Status.Phase, pod.Status.PodIP = corev1.PodRunning, fmt.Sprintf("10.0.0.%d", n%256)
	}},
	{"resize", func(pod *corev1.Pod, n int) {
		pod.Spec.Containers[0].Resources.Limits = corev1.ResourceList{corev1.ResourceCPU: *resource.NewMilliQuantity(int64(n+1), resource.DecimalSI)}
	}},
}

// Updates that say nothing of data or identity never wait for the webhook, and no backstop refuses them.
func TestHarmlessUpdatesPass(t *testing.T) {
	all, pods := install(t), storedPods(t)
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same updates each time
	for n := range 10_000 {
		kind := harmless[random.IntN(len(harmless))]
		old := pods[random.IntN(len(pods))]
		pod := old.DeepCopy()
		kind.change(pod, n)
		users := []string{"dana", "system:node:a", "system:serviceaccount:deer-flow:deer-flow-provisioner"}
		if !maps.Equal(pod.Labels, old.Labels) {
			users = users[:2] // a provisioner's labels are judged
		}
		r := &request{
			operation: admission.Update, subresource: kind.subresource, namespace: "deer-flow", pod: pod, old: old,
			user: user.DefaultInfo{Name: users[random.IntN(len(users))]},
		}
		show := []form{forms["typed"], forms["untyped"]}[n%2]
		if called, refused := all.outcome(t, r, show); called || refused != "" {
			t.Fatalf("update %d of %s: called: %t, refused: %q\n%+v", n, old.Name, called, refused, pod)
		}
	}
}

// A Pod with more containers than a condition can look for among each other is not stuck: its finalizers go.
func TestManyContainersDoNotWedgeAPod(t *testing.T) {
	all := install(t)
	many := storedPods(t)[0]
	for n := range 1000 {
		name := fmt.Sprintf("c-%d", n)
		many.Spec.EphemeralContainers = append(many.Spec.EphemeralContainers,
			corev1.EphemeralContainer{EphemeralContainerCommon: corev1.EphemeralContainerCommon{Name: name, Image: "debugger"}})
		many.Spec.InitContainers = append(many.Spec.InitContainers, corev1.Container{Name: "i" + name, Image: "sandbox"})
		many.Spec.Containers = append(many.Spec.Containers, corev1.Container{Name: "r" + name, Image: "sandbox"})
	}
	many.Finalizers = []string{"example.com/hold"}
	done := many.DeepCopy()
	done.Finalizers = nil
	r := &request{operation: admission.Update, namespace: "deer-flow", pod: done, old: many, user: user.DefaultInfo{Name: "dana"}}
	for name, show := range forms {
		if called, refused := all.outcome(t, r, show); called || refused != "" {
			t.Errorf("%s: called: %t, refused: %q", name, called, refused)
		}
	}
}

// What changes in a sandbox without anything that is added, or that breaks another rule, passes the backstop.
func TestUpdatesWithoutAdditionsPass(t *testing.T) {
	all := install(t)
	old := storedPods(t)[0]
	old.Spec.Containers[0].Env = []corev1.EnvVar{{Name: "A", Value: "1"}, {Name: "B", Value: "2"}}
	for name, change := range map[string]func(c *corev1.Container){
		"another value":    func(c *corev1.Container) { c.Env[0].Value = "3" },
		"a variable less":  func(c *corev1.Container) { c.Env = c.Env[:1] },
		"another order":    func(c *corev1.Container) { c.Env[0], c.Env[1] = c.Env[1], c.Env[0] },
		"less privilege":   func(c *corev1.Container) { c.SecurityContext = &corev1.SecurityContext{RunAsNonRoot: new(true)} },
		"no mount anymore": func(c *corev1.Container) { c.VolumeMounts = nil },
	} {
		for form, show := range forms {
			t.Run(name+"/"+form, func(t *testing.T) {
				pod := old.DeepCopy()
				change(&pod.Spec.Containers[0])
				r := &request{operation: admission.Update, namespace: "deer-flow", pod: pod, old: old, user: user.DefaultInfo{Name: "dana"}}
				if called, refused := all.outcome(t, r, show); !called || refused != "" {
					t.Errorf("called: %t, refused: %q", called, refused)
				}
			})
		}
	}
}

// Updates as no released API server makes them: the webhook is called, and the backstop refuses them, through
// whichever subresource they come.
func TestHarmfulUpdatesAreRefused(t *testing.T) {
	all := install(t)
	old := storedPods(t)[0]
	yes := true
	for _, test := range []struct {
		name, rule string
		change     func(pod *corev1.Pod)
	}{
		{"volume", "host-path", func(pod *corev1.Pod) {
			pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{Name: "node", VolumeSource: corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/"}}})
		}},
		{"mount", "claim-mount", func(pod *corev1.Pod) {
			mounts := &pod.Spec.Containers[0].VolumeMounts
			*mounts = append(*mounts, corev1.VolumeMount{Name: pod.Spec.Volumes[0].Name, MountPath: "/all"})
		}},
		{"another subPath", "claim-mount", func(pod *corev1.Pod) {
			pod.Spec.Containers[0].VolumeMounts[0].SubPath = "deer-flow/users/bob/threads/thread-1/user-data"
		}},
		{"container", "pod-security", func(pod *corev1.Pod) {
			pod.Spec.Containers = append(pod.Spec.Containers, corev1.Container{Name: "more", SecurityContext: &corev1.SecurityContext{Privileged: &yes}})
		}},
		{"init container", "pod-security", func(pod *corev1.Pod) {
			pod.Spec.InitContainers = append(pod.Spec.InitContainers, corev1.Container{Name: "more", SecurityContext: &corev1.SecurityContext{Privileged: &yes}})
		}},
		{"device", "volume-device", func(pod *corev1.Pod) {
			pod.Spec.Containers[0].VolumeDevices = []corev1.VolumeDevice{{Name: pod.Spec.Volumes[0].Name, DevicePath: "/dev/x"}}
		}},
		{"variable", "secret", func(pod *corev1.Pod) {
			pod.Spec.Containers[0].Env = append(pod.Spec.Containers[0].Env, corev1.EnvVar{Name: "X", ValueFrom: &corev1.EnvVarSource{
				SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: "postgres"}, Key: "x"},
			}})
		}},
		{"harmless volume", "immutable-field", func(pod *corev1.Pod) {
			pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{Name: "scratch", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}})
		}},
		{"harmless mount", "immutable-field", func(pod *corev1.Pod) {
			c := &pod.Spec.Containers[0]
			again := c.VolumeMounts[0]
			again.MountPath = "/again"
			c.VolumeMounts = append(c.VolumeMounts, again)
		}},
		{"mount of a path that is there", "immutable-field", func(pod *corev1.Pod) {
			c := &pod.Spec.Containers[0]
			c.VolumeMounts = append(c.VolumeMounts, c.VolumeMounts[0])
		}},
		{"harmless container", "immutable-field", func(pod *corev1.Pod) {
			pod.Spec.Containers = append(pod.Spec.Containers, corev1.Container{Name: "more"})
		}},
		{"harmless init container", "immutable-field", func(pod *corev1.Pod) {
			pod.Spec.InitContainers = append(pod.Spec.InitContainers, corev1.Container{Name: "more"})
		}},
		{"added device", "immutable-field", func(pod *corev1.Pod) {
			pod.Spec.Containers[0].VolumeDevices = []corev1.VolumeDevice{{Name: pod.Spec.Volumes[0].Name, DevicePath: "/dev/x"}}
		}},
		{"harmless variable", "immutable-field", func(pod *corev1.Pod) {
			pod.Spec.Containers[0].Env = append(pod.Spec.Containers[0].Env, corev1.EnvVar{Name: "X", Value: "1"})
		}},
		{"harmless source of variables", "immutable-field", func(pod *corev1.Pod) {
			pod.Spec.Containers[0].EnvFrom = append(pod.Spec.Containers[0].EnvFrom, corev1.EnvFromSource{
				ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "x"}},
			})
		}},
		{"privilege", "pod-security", func(pod *corev1.Pod) {
			pod.Spec.Containers[0].SecurityContext = &corev1.SecurityContext{Privileged: &yes}
		}},
		{"debugger", "ephemeral-container", func(pod *corev1.Pod) {
			pod.Spec.EphemeralContainers = append(pod.Spec.EphemeralContainers, corev1.EphemeralContainer{EphemeralContainerCommon: corev1.EphemeralContainerCommon{
				Name: "debug", SecurityContext: &corev1.SecurityContext{Privileged: &yes},
			}})
		}},
		{"another user", "immutable-field", func(pod *corev1.Pod) { metav1.SetMetaDataAnnotation(&pod.ObjectMeta, "user-id", "bob") }},
		{"a provisioner's label", "label", func(pod *corev1.Pod) {
			metav1.SetMetaDataLabel(&pod.ObjectMeta, "app.kubernetes.io/component", "gateway")
		}},
		{"a provisioner's annotation", "annotation", func(pod *corev1.Pod) {
			metav1.SetMetaDataAnnotation(&pod.ObjectMeta, "controller.kubernetes.io/pod-deletion-cost", "")
		}},
	} {
		for _, subresource := range []string{"", "dynamic"} {
			for name, show := range forms {
				t.Run(test.name+"/"+subresource+"/"+name, func(t *testing.T) {
					pod := old.DeepCopy()
					test.change(pod)
					who := "dana"
					if strings.HasPrefix(test.name, "a provisioner's ") {
						who = "system:serviceaccount:deer-flow:deer-flow-provisioner"
					}
					r := &request{operation: admission.Update, subresource: subresource, namespace: "deer-flow", pod: pod, old: old, user: user.DefaultInfo{Name: who}}
					called, refused := all.outcome(t, r, show)
					if !called || !strings.Contains(refused, "userscope: "+test.rule+": ") {
						t.Errorf("called: %t, refused: %q", called, refused)
					}
				})
			}
		}
	}
}
