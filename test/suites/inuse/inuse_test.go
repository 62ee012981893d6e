// Package inuse tries on a real API server who counts as using a claim.
package inuse

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/transport"
	"k8s.io/utils/ptr"

	"userscope.dev/userscope/migrate/inuse"
	"userscope.dev/userscope/test/kit/cleanup"
	"userscope.dev/userscope/test/kit/controlplane"
	"userscope.dev/userscope/test/kit/repo"
	"userscope.dev/userscope/webhook/policy"
	"userscope.dev/userscope/webhook/policy/load"
)

var cluster *controlplane.ControlPlane

// looker may do what the chart's Job may.
const looker = "looker"

func TestMain(m *testing.M) {
	os.Exit(cleanup.RunTests(m, func(ctx context.Context) (stop func() error, err error) {
		cluster, err = controlplane.Start(ctx, controlplane.Options{Users: []controlplane.User{{Name: looker}}})
		if err != nil {
			return nil, err
		}
		return cluster.Stop, nil
	}))
}

// place is a namespace of its own and the policy that governs it.
type place struct {
	*testing.T
	client    kubernetes.Interface
	policy    *policy.Policy
	namespace string
}

func newPlace(t *testing.T) *place {
	t.Helper()
	client, err := kubernetes.NewForConfig(cluster.Config(controlplane.Admin))
	if err != nil {
		t.Fatal(err)
	}
	namespace, err := client.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "test-"}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	file, err := repo.Path("manifests", "policies", "deerflow.yaml")
	if err != nil {
		t.Fatal(err)
	}
	policies, err := load.File(file)
	if err != nil {
		t.Fatal(err)
	}
	policies[0].Namespaces = []string{namespace.Name}
	return &place{t, client, policies[0], namespace.Name}
}

// check returns the lines of what is found, without the namespace's name.
func (p *place) check(own string) []string {
	p.Helper()
	err := inuse.Check(p.Context(), p.client, p.policy, types.NamespacedName{Namespace: p.namespace, Name: own})
	if err == nil {
		return nil
	}
	return strings.Split(strings.ReplaceAll(err.Error(), p.namespace, "NS"), "\n")
}

// want compares what is found with lines.
func (p *place) want(got []string, want ...string) {
	p.Helper()
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		p.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// create creates an object of any kind in the place's namespace.
func create[Object any](p *place, create func(context.Context, Object, metav1.CreateOptions) (Object, error), object Object) Object {
	p.Helper()
	stored, err := create(p.Context(), object, metav1.CreateOptions{})
	if err != nil {
		p.Fatal(err)
	}
	return stored
}

// pod creates a Pod in a phase.
func (p *place) pod(name string, source corev1.VolumeSource, phase corev1.PodPhase, owners ...metav1.OwnerReference) {
	p.Helper()
	pods := p.client.CoreV1().Pods(p.namespace)
	pod := create(p, pods.Create, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, OwnerReferences: owners}, Spec: spec(source)})
	pod.Status.Phase = phase
	if _, err := pods.UpdateStatus(p.Context(), pod, metav1.UpdateOptions{}); err != nil {
		p.Fatal(err)
	}
}

// spec is that of a Pod with one volume, which no container mounts.
func spec(source corev1.VolumeSource) corev1.PodSpec {
	return corev1.PodSpec{
		Containers: []corev1.Container{{Name: "main", Image: "none"}},
		Volumes:    []corev1.Volume{{Name: "data", VolumeSource: source}},
	}
}

func claim(name string) corev1.VolumeSource {
	return corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: name}}
}

func hostPath(path string) corev1.VolumeSource {
	return corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: path}}
}

func ephemeralVolume(change func(*corev1.PersistentVolumeClaimSpec)) corev1.VolumeSource {
	template := &corev1.PersistentVolumeClaimTemplate{Spec: corev1.PersistentVolumeClaimSpec{
		AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
		Resources:   corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}},
	}}
	change(&template.Spec)
	return corev1.VolumeSource{Ephemeral: &corev1.EphemeralVolumeSource{VolumeClaimTemplate: template}}
}

func TestPods(t *testing.T) {
	const remedy = ": delete it, and wait until the Pod is gone"
	clone := func(kind, name string) corev1.TypedLocalObjectReference {
		return corev1.TypedLocalObjectReference{Kind: kind, Name: name}
	}
	for _, test := range []struct {
		name   string
		source corev1.VolumeSource
		phase  corev1.PodPhase
		want   string // what of the line tells one case from another
	}{
		{"pending", claim("deer-flow-home"), corev1.PodPending, `Pending, nothing controls it): its volume "data" is the claim deer-flow-home`},
		{"running", claim("deer-flow-home"), corev1.PodRunning, `Running, nothing controls it): its volume "data" is the claim deer-flow-home`},
		{"lost", claim("deer-flow-home"), corev1.PodUnknown, `Unknown, nothing controls it): its volume "data" is the claim deer-flow-home`},
		{"succeeded", claim("deer-flow-home"), corev1.PodSucceeded, ""},
		{"failed", claim("deer-flow-home"), corev1.PodFailed, ""},
		{"another-claim", claim("deer-flow-skills"), corev1.PodRunning, ""},
		{"cloned", ephemeralVolume(func(c *corev1.PersistentVolumeClaimSpec) {
			c.DataSource = ptr.To(clone("PersistentVolumeClaim", "deer-flow-home"))
		}),
			corev1.PodPending, `Pending, nothing controls it): its volume "data" is a clone of the claim deer-flow-home`},
		{"cloned-by-reference", ephemeralVolume(func(c *corev1.PersistentVolumeClaimSpec) {
			c.DataSourceRef = &corev1.TypedObjectReference{Kind: "PersistentVolumeClaim", Name: "deer-flow-home"}
		}), corev1.PodPending, `Pending, nothing controls it): its volume "data" is a clone of the claim deer-flow-home`},
		{"clone-of-another", ephemeralVolume(func(c *corev1.PersistentVolumeClaimSpec) {
			c.DataSource = ptr.To(clone("PersistentVolumeClaim", "other"))
		}), corev1.PodPending, ""},
		{"fresh", ephemeralVolume(func(*corev1.PersistentVolumeClaimSpec) {}), corev1.PodPending, ""},
		{"base", hostPath("/.deer-flow"), corev1.PodRunning, `Running, nothing controls it): its volume "data" is the hostPath /.deer-flow`},
		{"below-a-base", hostPath("/app/backend/.deer-flow//threads/t1/"), corev1.PodRunning, `Running, nothing controls it): its volume "data" is the hostPath /app/backend/.deer-flow//threads/t1/`},
		{"above-a-base", hostPath("/app"), corev1.PodRunning, `Running, nothing controls it): its volume "data" is the hostPath /app`},
		{"the-whole-node", hostPath("/"), corev1.PodRunning, `Running, nothing controls it): its volume "data" is the hostPath /`},
		{"beside-a-base", hostPath("/.deer-flow-skills"), corev1.PodRunning, ""},
		{"another-path", hostPath("/var/log"), corev1.PodRunning, ""},
		{"no-data", corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}, corev1.PodRunning, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := newPlace(t)
			p.pod(test.name, test.source, test.phase)
			var want []string
			if test.want != "" {
				want = []string{"Pod NS/" + test.name + " (" + test.want + remedy}
			}
			p.want(p.check(""), want...)
			p.want(p.check("another"), want...)
			p.want(p.check(test.name)) // the migration's own
		})
	}
}

func TestControlledPod(t *testing.T) {
	p := newPlace(t)
	p.pod("gateway-1", claim("deer-flow-home"), corev1.PodRunning,
		metav1.OwnerReference{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "gateway", UID: "1", Controller: ptr.To(true)})
	p.want(p.check(""), `Pod NS/gateway-1 (Running, of ReplicaSet gateway): its volume "data" is the claim deer-flow-home: stop that, and wait until the Pod is gone`)
}

// Another Pod of the same name, in another namespace of the policy, is not the migration's own;
// namespaces that the policy does not name do not matter.
func TestNamespaces(t *testing.T) {
	here, there, elsewhere := newPlace(t), newPlace(t), newPlace(t)
	for _, p := range []*place{here, there, elsewhere} {
		p.pod("migrate", claim("deer-flow-home"), corev1.PodRunning)
	}
	here.policy.Namespaces = []string{here.namespace, there.namespace}
	here.want(here.check("migrate"), fmt.Sprintf(
		`Pod %s/migrate (Running, nothing controls it): its volume "data" is the claim deer-flow-home: delete it, and wait until the Pod is gone`, there.namespace))
}

func TestWorkloads(t *testing.T) {
	p := newPlace(t)
	meta := func(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Name: name} }
	labels := map[string]string{"app": "x"}
	selector := &metav1.LabelSelector{MatchLabels: labels}
	template := func(name string, restart corev1.RestartPolicy) corev1.PodTemplateSpec {
		s := spec(claim(name))
		s.RestartPolicy = restart
		return corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: s}
	}
	home := template("deer-flow-home", corev1.RestartPolicyAlways)
	job := batchv1.JobSpec{Template: template("deer-flow-home", corev1.RestartPolicyNever)}
	idleJob := *job.DeepCopy()
	idleJob.Suspend = ptr.To(true)

	deployments := p.client.AppsV1().Deployments(p.namespace).Create
	create(p, deployments, &appsv1.Deployment{ObjectMeta: meta("gateway"), Spec: appsv1.DeploymentSpec{Selector: selector, Template: home}})
	create(p, deployments, &appsv1.Deployment{ObjectMeta: meta("stopped"), Spec: appsv1.DeploymentSpec{Selector: selector, Template: home, Replicas: ptr.To[int32](0)}})
	create(p, deployments, &appsv1.Deployment{ObjectMeta: meta("other"), Spec: appsv1.DeploymentSpec{Selector: selector, Template: template("other", corev1.RestartPolicyAlways)}})
	replicaSets := p.client.AppsV1().ReplicaSets(p.namespace).Create
	create(p, replicaSets, &appsv1.ReplicaSet{ObjectMeta: meta("lone"), Spec: appsv1.ReplicaSetSpec{Selector: selector, Template: home}})
	controlled := meta("gateway-1")
	controlled.OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "Deployment", Name: "gateway", UID: "1", Controller: ptr.To(true)}}
	create(p, replicaSets, &appsv1.ReplicaSet{ObjectMeta: controlled, Spec: appsv1.ReplicaSetSpec{Selector: selector, Template: home}})
	create(p, p.client.CoreV1().ReplicationControllers(p.namespace).Create,
		&corev1.ReplicationController{ObjectMeta: meta("old"), Spec: corev1.ReplicationControllerSpec{Selector: labels, Template: &home}})
	create(p, p.client.AppsV1().StatefulSets(p.namespace).Create, &appsv1.StatefulSet{ObjectMeta: meta("set"), Spec: appsv1.StatefulSetSpec{Selector: selector, Template: home}})
	create(p, p.client.AppsV1().DaemonSets(p.namespace).Create, &appsv1.DaemonSet{ObjectMeta: meta("daemon"), Spec: appsv1.DaemonSetSpec{Selector: selector, Template: home}})
	jobs := p.client.BatchV1().Jobs(p.namespace)
	create(p, jobs.Create, &batchv1.Job{ObjectMeta: meta("backup"), Spec: job})
	create(p, jobs.Create, &batchv1.Job{ObjectMeta: meta("idle"), Spec: idleJob})
	done := create(p, jobs.Create, &batchv1.Job{ObjectMeta: meta("done"), Spec: job})
	now := metav1.Now()
	done.Status = batchv1.JobStatus{
		StartTime: &now, CompletionTime: &now, Succeeded: 1,
		Conditions: []batchv1.JobCondition{
			{Type: batchv1.JobSuccessCriteriaMet, Status: corev1.ConditionTrue},
			{Type: batchv1.JobComplete, Status: corev1.ConditionTrue},
		},
	}
	if _, err := jobs.UpdateStatus(t.Context(), done, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	cronJobs := p.client.BatchV1().CronJobs(p.namespace).Create
	create(p, cronJobs, &batchv1.CronJob{ObjectMeta: meta("nightly"), Spec: batchv1.CronJobSpec{Schedule: "@daily", JobTemplate: batchv1.JobTemplateSpec{Spec: job}}})
	create(p, cronJobs, &batchv1.CronJob{ObjectMeta: meta("never"), Spec: batchv1.CronJobSpec{Schedule: "@daily", Suspend: ptr.To(true), JobTemplate: batchv1.JobTemplateSpec{Spec: job}}})
	own := create(p, jobs.Create, &batchv1.Job{ObjectMeta: meta("migrate"), Spec: job})
	p.pod("migrate-1", claim("deer-flow-home"), corev1.PodRunning, *metav1.NewControllerRef(own, batchv1.SchemeGroupVersion.WithKind("Job")))

	const use = `: makes Pods of which each uses the data: its volume "data" is the claim deer-flow-home: `
	p.want(p.check("migrate-1"),
		"deployment NS/gateway"+use+"kubectl scale -n NS deployment/gateway --replicas=0",
		"replicaset NS/lone"+use+"kubectl scale -n NS replicaset/lone --replicas=0",
		"replicationcontroller NS/old"+use+"kubectl scale -n NS replicationcontroller/old --replicas=0",
		"statefulset NS/set"+use+"kubectl scale -n NS statefulset/set --replicas=0",
		"daemonset NS/daemon"+use+"delete it, and create it again afterwards",
		"job NS/backup"+use+`kubectl patch -n NS job/backup -p '{"spec":{"suspend":true}}'`,
		"cronjob NS/nightly"+use+`kubectl patch -n NS cronjob/nightly -p '{"spec":{"suspend":true}}'`,
	)
	if got := strings.Join(p.check(""), "\n"); !strings.Contains(got, "Pod NS/migrate-1") || !strings.Contains(got, "job NS/migrate") {
		t.Errorf("without a Pod of its own the migration's Job is like others: got %s", got)
	}
}

// What else controls a workload may be of a kind that is not looked at, or be suspended by itself.
func TestControlledWorkloads(t *testing.T) {
	p := newPlace(t)
	labels := map[string]string{"app": "x"}
	template := corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: spec(claim("deer-flow-home"))}
	of := func(name, version, kind, controller string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Name: name, OwnerReferences: []metav1.OwnerReference{{APIVersion: version, Kind: kind, Name: controller, UID: "1", Controller: ptr.To(true)}}}
	}
	selector := &metav1.LabelSelector{MatchLabels: labels}
	create(p, p.client.AppsV1().Deployments(p.namespace).Create,
		&appsv1.Deployment{ObjectMeta: of("gateway", "example.com/v1", "DeerFlow", "prod"), Spec: appsv1.DeploymentSpec{Selector: selector, Template: template}})
	create(p, p.client.AppsV1().ReplicaSets(p.namespace).Create,
		&appsv1.ReplicaSet{ObjectMeta: of("gateway-1", "example.com/v1", "Deployment", "prod"), Spec: appsv1.ReplicaSetSpec{Selector: selector, Template: template}})
	job := *template.DeepCopy()
	job.Spec.RestartPolicy = corev1.RestartPolicyNever
	create(p, p.client.BatchV1().Jobs(p.namespace).Create,
		&batchv1.Job{ObjectMeta: of("nightly-1", "batch/v1", "CronJob", "nightly"), Spec: batchv1.JobSpec{Template: job}})

	const use = `: makes Pods of which each uses the data: its volume "data" is the claim deer-flow-home: `
	p.want(p.check(""),
		"deployment NS/gateway"+use+"kubectl scale -n NS deployment/gateway --replicas=0, if DeerFlow prod, which controls it, does not",
		"replicaset NS/gateway-1"+use+"kubectl scale -n NS replicaset/gateway-1 --replicas=0, if Deployment prod, which controls it, does not",
		"job NS/nightly-1"+use+`kubectl patch -n NS job/nightly-1 -p '{"spec":{"suspend":true}}', if CronJob nightly, which controls it, does not`)
}

// A StatefulSet's own claims are in no volume of its template.
func TestStatefulSetClaims(t *testing.T) {
	p := newPlace(t)
	labels := map[string]string{"app": "x"}
	create(p, p.client.AppsV1().StatefulSets(p.namespace).Create, &appsv1.StatefulSet{
		ObjectMeta: metav1.ObjectMeta{Name: "gateway"},
		Spec: appsv1.StatefulSetSpec{
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: spec(corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}})},
			Replicas: ptr.To[int32](2), Ordinals: &appsv1.StatefulSetOrdinals{Start: 3},
			VolumeClaimTemplates: []corev1.PersistentVolumeClaim{{
				ObjectMeta: metav1.ObjectMeta{Name: "home"},
				Spec:       ephemeralVolume(func(*corev1.PersistentVolumeClaimSpec) {}).Ephemeral.VolumeClaimTemplate.Spec,
			}},
		},
	})
	for claim, used := range map[string]bool{
		"home-gateway-2": false, "home-gateway-3": true, "home-gateway-4": true, "home-gateway-5": false, "home-gateway": false,
	} {
		p.policy.Claim = claim
		var want []string
		if used {
			want = []string{`statefulset NS/gateway: makes Pods of which each uses the data: its volume "home" is the claim ` + claim +
				": kubectl scale -n NS statefulset/gateway --replicas=0"}
		}
		p.want(p.check(""), want...)
	}
}

// counting counts the requests for pages of Pods.
type counting struct {
	http.RoundTripper
	pages *atomic.Int32
}

func (c counting) RoundTrip(request *http.Request) (*http.Response, error) {
	if strings.HasSuffix(request.URL.Path, "/pods") && request.URL.Query().Get("limit") == "100" {
		c.pages.Add(1)
	}
	return c.RoundTripper.RoundTrip(request)
}

func TestPages(t *testing.T) {
	p := newPlace(t)
	const pods = 230
	for i := range pods {
		create(p, p.client.CoreV1().Pods(p.namespace).Create, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("pod-%03d", i)}, Spec: spec(claim("deer-flow-home"))})
	}
	var pages atomic.Int32
	cfg := cluster.Config(controlplane.Admin)
	cfg.Wrap(transport.WrapperFunc(func(next http.RoundTripper) http.RoundTripper { return counting{next, &pages} }))
	client, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		t.Fatal(err)
	}
	p.client = client
	got := p.check("")
	if pages.Load() != 3 {
		t.Errorf("asked for %d pages of Pods, want 3", pages.Load())
	}
	if len(got) != 21 || !strings.HasPrefix(got[19], "Pod NS/pod-019 ") || got[20] != "and 210 more" {
		t.Errorf("got %d lines, the last %s", len(got), got[len(got)-1])
	}
}

// Whoever may not look gets an error, not an empty answer.
func TestNoRight(t *testing.T) {
	p := newPlace(t)
	client, err := kubernetes.NewForConfig(cluster.Config(looker))
	if err != nil {
		t.Fatal(err)
	}
	p.client = client
	got := p.check("")
	want := regexp.MustCompile(`^list pods in the namespace NS: pods is forbidden: User "looker" cannot list resource "pods"`)
	if len(got) != 1 || !want.MatchString(got[0]) {
		t.Errorf("got %s", got)
	}
}
