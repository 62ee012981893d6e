package chart

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"

	"userscope.dev/userscope/test/kit/controlplane"
	"userscope.dev/userscope/test/kit/webhookprocess"
	"userscope.dev/userscope/webhook/policy/load"
)

// The Jobs that the chart makes wait, their Pods pass as what the Job controller creates and as
// nobody else's, and they migrate, as whom they run and by what they say.
func TestMigration(t *testing.T) {
	c := startCluster(t)
	c.mustHelm(t, "install", "userscope", path(t, "manifests", "chart"), "--create-namespace",
		"--set", "migration.enabled=true", "--set", "migration.owners.file=owners.json")
	issuer := c.run(t, "userscope-issuer", "--kubeconfig", c.Kubeconfig(issuer.Name))
	c.awaitIssued(t)
	issuer.Kill()
	c.awaitInForce(t, c.run(t, "userscope-webhook"))
	c.allowJobController(t)
	c.mustKubectl(t, "", "delete", "pods", "--all", "-n", controlplane.Namespace, "--grace-period=0", "--force") // of the trial
	claim := c.newClaim(t)

	for _, step := range []struct{ command, where string }{{"plan", claim.old}, {"apply", claim.migrated}, {"undo", claim.old}} {
		t.Run(step.command, func(t *testing.T) {
			job, err := c.client(t, controlplane.Admin).BatchV1().Jobs(controlplane.Namespace).Get(t.Context(), "userscope-migrate-"+step.command, metav1.GetOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if !*job.Spec.Suspend {
				t.Error("the Job does not wait")
			}
			checkMounts(t, &job.Spec.Template.Spec)
			checkMemoryLimit(t, &job.Spec.Template.Spec.Containers[0])
			pod := podOf(job)
			if _, err := c.client(t, controlplane.Provisioner).CoreV1().Pods(controlplane.Namespace).Create(t.Context(), pod, metav1.CreateOptions{}); err == nil || !strings.Contains(err.Error(), "userscope") {
				t.Errorf("the provisioner may create the Pod: %v", err)
			}
			pods := c.client(t, jobController.Name).CoreV1().Pods(controlplane.Namespace)
			stored, err := pods.Create(t.Context(), pod, metav1.CreateOptions{})
			if err != nil {
				t.Fatalf("the Job controller may not create the Pod: %v", err)
			}
			if got, want := stored.Spec.Containers[0].VolumeMounts[0], pod.Spec.Containers[0].VolumeMounts[0]; !reflect.DeepEqual(got, want) {
				t.Errorf("the claim is mounted as %+v, want %+v", got, want)
			}
			if out, code := c.migrate(t, claim, stored); code != 0 {
				t.Fatalf("exit code %d\n%s", code, out)
			}
			if _, err := os.Stat(step.where); err != nil {
				t.Error(err)
			}

			// The next finds no Pod but its own.
			stored.Status.Phase = corev1.PodSucceeded
			if _, err := c.client(t, controlplane.Admin).CoreV1().Pods(controlplane.Namespace).UpdateStatus(t.Context(), stored, metav1.UpdateOptions{}); err != nil {
				t.Fatal(err)
			}
		})
	}

	t.Run("a Job is started by a person, and can be made again", func(t *testing.T) {
		const job = "userscope-migrate-apply"
		c.mustKubectl(t, "", "patch", "job", job, "-n", controlplane.Namespace, "-p", `{"spec":{"suspend":false}}`)
		c.mustKubectl(t, "", "delete", "job", job, "-n", controlplane.Namespace)
		c.mustHelm(t, "upgrade", "userscope", path(t, "manifests", "chart"), "--reuse-values")
		if got := c.mustKubectl(t, "", "get", "job", job, "-n", controlplane.Namespace, "-o", "jsonpath={.spec.suspend}"); got != "true" {
			t.Errorf("suspend is %q", got)
		}
	})
	t.Run("a value changes several Jobs, and so needs all of them deleted", func(t *testing.T) {
		if !strings.Contains(read(t, "docs", "migrate.md"), "\n    kubectl "+deleteJobs+"\n") {
			t.Errorf("docs/migrate.md does not give the command: kubectl %s", deleteJobs)
		}
		upgrade := []string{"upgrade", "userscope", path(t, "manifests", "chart"), "--reuse-values", "--set", "migration.takeLockOf=a-pod"}
		if out, problem, err := c.helm(t, upgrade...); err == nil || !strings.Contains(problem, "field is immutable") {
			t.Errorf("the Pods of Jobs that are there are changed: %v\n%s%s", err, out, problem)
		}
		c.mustKubectl(t, "", strings.Fields(deleteJobs)...)
		c.mustHelm(t, upgrade...)
		for command, want := range map[string]bool{"plan": false, "apply": true, "undo": true} {
			args := c.mustKubectl(t, "", "get", "job", "userscope-migrate-"+command, "-n", controlplane.Namespace, "-o", "jsonpath={.spec.template.spec.containers[0].args}")
			if got := strings.Contains(args, "--take-lock-of=a-pod"); got != want {
				t.Errorf("%s takes the lock: %t, want %t: %s", command, got, want, args)
			}
		}
	})
	t.Run("not beside a sandbox", func(t *testing.T) {
		c.checkScoped(t)
		job, err := c.client(t, controlplane.Admin).BatchV1().Jobs(controlplane.Namespace).Get(t.Context(), "userscope-migrate-apply", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		out, code := c.migrate(t, claim, podOf(job))
		if code != 1 || !strings.Contains(out, "Pod deer-flow/sandbox-") || !strings.Contains(out, "is the claim deer-flow-home") {
			t.Errorf("exit code %d\n%s", code, out)
		}
		if _, err := os.Stat(claim.old); err != nil {
			t.Error(err)
		}
	})
	t.Run("it may look and nothing else", func(t *testing.T) {
		for in, want := range map[string]bool{controlplane.Namespace: true, namespace: false, "kube-system": false} {
			for _, resource := range []string{"pods", "replicationcontrollers", "deployments.apps", "replicasets.apps", "statefulsets.apps", "daemonsets.apps", "jobs.batch", "cronjobs.batch"} {
				c.checkRight(t, want, "list", resource, in)
				for _, verb := range []string{"get", "watch", "create", "update", "patch", "delete"} {
					c.checkRight(t, false, verb, resource, in)
				}
			}
			c.checkRight(t, false, "list", "secrets", in)
			c.checkRight(t, false, "create", "pods/exec", in)
		}
	})
}

// deleteJobs is the command that docs/migrate.md gives before an upgrade that changes the Jobs.
const deleteJobs = "-n deer-flow delete jobs -l app.kubernetes.io/name=userscope,app.kubernetes.io/component=migration"

// The policy that the Jobs read is the whole one but for its key, which is where they are not.
func TestMigrationPolicy(t *testing.T) {
	for _, object := range parse(t, render(t, "policies:"+withKey+"keys: [{secretName: keys, mountPath: /etc/userscope/keys}]\nmigration: {enabled: true}")) {
		if object.GetKind() != "ConfigMap" || object.GetName() != "userscope-migrate" {
			continue
		}
		text, _, err := unstructured.NestedString(object.Object, "data", "policy.yaml")
		if err != nil {
			t.Fatal(err)
		}
		policies, err := load.Parse("policy.yaml", []byte(text))
		if err != nil || len(policies) != 1 || policies[0].Claim != "data" || policies[0].Layout.UserData.String() != "users/{user}/{thread}" {
			t.Errorf("%v, %v in:\n%s", policies, err, text)
		}
		return
	}
	t.Error("there is no such ConfigMap")
}

// Undo asks nobody for owners, so it runs also when the database's Secret is gone.
func TestMigrationOwnersSecret(t *testing.T) {
	secrets := map[string]string{}
	for _, object := range parse(t, render(t, "migration: {enabled: true, owners: {postgres: {name: database, key: url}}}")) {
		if object.GetKind() != "Job" {
			continue
		}
		var job batchv1.Job
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &job); err != nil {
			t.Fatal(err)
		}
		secrets[job.Name] = ""
		for _, variable := range job.Spec.Template.Spec.Containers[0].Env {
			if variable.ValueFrom != nil && variable.ValueFrom.SecretKeyRef != nil {
				secrets[job.Name] += variable.Name + " of " + variable.ValueFrom.SecretKeyRef.Name
			}
		}
	}
	want := map[string]string{
		"userscope-migrate-plan": "USERSCOPE_OWNERS_DSN of database", "userscope-migrate-apply": "USERSCOPE_OWNERS_DSN of database", "userscope-migrate-undo": "",
	}
	if !maps.Equal(secrets, want) {
		t.Errorf("%v, want %v", secrets, want)
	}
}

// checkMemoryLimit fails unless the program knows the limit of its container.
func checkMemoryLimit(t *testing.T, container *corev1.Container) {
	t.Helper()
	for _, variable := range container.Env {
		if variable.Name == "GOMEMLIMIT" {
			if from := variable.ValueFrom; from == nil || from.ResourceFieldRef == nil || from.ResourceFieldRef.Resource != "limits.memory" {
				t.Errorf("GOMEMLIMIT is from %v, want limits.memory", from)
			}
			return
		}
	}
	t.Errorf("GOMEMLIMIT is not set: %v", container.Env)
}

// checkMounts checks that of all data a Pod has the claim's root only.
func checkMounts(t *testing.T, spec *corev1.PodSpec) {
	t.Helper()
	var kinds []string
	for _, volume := range spec.Volumes {
		switch {
		case volume.PersistentVolumeClaim != nil && volume.PersistentVolumeClaim.ClaimName == "deer-flow-home":
			kinds = append(kinds, "claim")
		case volume.ConfigMap != nil:
			kinds = append(kinds, "configMap")
		case volume.EmptyDir != nil:
			kinds = append(kinds, "emptyDir")
		default:
			kinds = append(kinds, volume.Name)
		}
	}
	if !slices.Equal(kinds, []string{"claim", "configMap", "emptyDir"}) {
		t.Errorf("the volumes are %q", kinds)
	}
	if mount := spec.Containers[0].VolumeMounts[0]; mount.Name != "claim" || mount.SubPath != "" || mount.SubPathExpr != "" {
		t.Errorf("the claim is mounted as %+v", mount)
	}
	want := &corev1.SecurityContext{
		AllowPrivilegeEscalation: ptr.To(false),
		ReadOnlyRootFilesystem:   ptr.To(true),
		Capabilities: &corev1.Capabilities{
			Drop: []corev1.Capability{"ALL"},
			Add:  []corev1.Capability{"CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID"},
		},
	}
	if got := spec.Containers[0].SecurityContext; !reflect.DeepEqual(got, want) {
		t.Errorf("the container may %+v", got)
	}
}

// podOf is the Pod that the Job controller makes of a Job.
func podOf(job *batchv1.Job) *corev1.Pod {
	template := job.Spec.Template
	pod := &corev1.Pod{ObjectMeta: template.ObjectMeta, Spec: template.Spec}
	pod.GenerateName = job.Name + "-"
	pod.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(job, batchv1.SchemeGroupVersion.WithKind("Job"))}
	pod.OwnerReferences[0].BlockOwnerDeletion = nil // for which it would need a right on Jobs
	return pod
}

// allowJobController gives the Job controller its right to create Pods.
func (c cluster) allowJobController(t *testing.T) {
	t.Helper()
	client := c.client(t, controlplane.Admin).RbacV1()
	const name = "job-controller"
	_, err := client.ClusterRoles().Create(t.Context(), &rbacv1.ClusterRole{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Rules:      []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"create"}}},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.ClusterRoleBindings().Create(t.Context(), &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: jobController.Name}},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
}

// oldClaim is a directory that holds what the claim does.
type oldClaim struct{ root, old, migrated string }

// newClaim makes the claim of an old installation with one thread.
func (c cluster) newClaim(t *testing.T) oldClaim {
	t.Helper()
	root := t.TempDir()
	claim := oldClaim{root, filepath.Join(root, "threads", "t1", "user-data"), filepath.Join(root, "deer-flow", "users", "alice", "threads", "t1", "user-data")}
	for _, dir := range []string{claim.old, filepath.Join(root, "deer-flow")} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(root, "owners.json"), []byte(`{"t1": "alice"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	return claim
}

// migrate runs the process of a Job's Pod, with the claim and the policy where they lie here.
func (c cluster) migrate(t *testing.T, claim oldClaim, pod *corev1.Pod) (output string, code int) {
	t.Helper()
	policy, err := c.client(t, controlplane.Admin).CoreV1().ConfigMaps(controlplane.Namespace).Get(t.Context(), "userscope-migrate", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "policy.yaml")
	if err := os.WriteFile(file, []byte(policy.Data["policy.yaml"]), 0o600); err != nil {
		t.Fatal(err)
	}
	program, err := webhookprocess.Binary()
	if err != nil {
		t.Fatal(err)
	}
	here := strings.NewReplacer("=/claim", "="+claim.root, "/etc/userscope/policy/policy.yaml", file)
	var args []string
	for _, arg := range pod.Spec.Containers[0].Args {
		args = append(args, here.Replace(arg))
	}
	command := exec.CommandContext(t.Context(), program, args...)
	// In a Pod, the ServiceAccount's token takes the kubeconfig's place.
	command.Env = []string{"KUBECONFIG=" + c.Kubeconfig(migrator.Name), "POD_NAMESPACE=" + pod.Namespace, "POD_NAME=" + pod.Name}
	out, _ := command.CombinedOutput() // the exit code says it
	return string(out), command.ProcessState.ExitCode()
}

// checkRight checks whether the Jobs may do something.
func (c cluster) checkRight(t *testing.T, want bool, verb, resource, in string) {
	t.Helper()
	out, err := c.kubectl(t, "", "auth", "can-i", verb, resource, "-n", in, "--as", migrator.Name)
	if got := err == nil && strings.HasPrefix(out, "yes"); got != want {
		t.Errorf("may %s %s in %s: %t, want %t: %s", verb, resource, in, got, want, out)
	}
}
