package chart

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"userscope.dev/userscope/test/kit/controlplane"
	"userscope.dev/userscope/test/kit/webhookprocess"
	"userscope.dev/userscope/test/pods/differential"
	"userscope.dev/userscope/test/pods/oracle"
	"userscope.dev/userscope/test/suites/backstop"
)

// shippedPolicy is the text of a policy file that people copy, and where it stands.
type shippedPolicy struct{ where, text string }

// shippedPolicies returns the files of manifests/policies, and every policy of a page: a block of YAML
// with a document of the kind Policy, or with the chart's value policies.
func shippedPolicies(t *testing.T) []shippedPolicy {
	t.Helper()
	files, err := filepath.Glob(path(t, "manifests", "policies", "*.yaml"))
	if err != nil || len(files) < 2 {
		t.Fatalf("manifests/policies holds %q: %v", files, err)
	}
	var all []shippedPolicy
	for _, file := range files {
		all = append(all, shippedPolicy{"manifests/policies/" + filepath.Base(file), read(t, "manifests", "policies", filepath.Base(file))})
	}
	for _, page := range pages(t) {
		all = append(all, policiesOf(t, page, read(t, filepath.FromSlash(page)))...)
	}
	return all
}

// pages returns the pages of Markdown, by their paths in the repository.
func pages(t *testing.T) []string {
	t.Helper()
	var found []string
	root := path(t)
	err := filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && slices.Contains([]string{".git", "bin", "testdata"}, entry.Name()) {
			return filepath.SkipDir
		}
		if strings.HasSuffix(file, ".md") {
			name, err := filepath.Rel(root, file)
			found = append(found, filepath.ToSlash(name))
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

var (
	yamlBlock  = regexp.MustCompile("(?s)```yaml\n(.*?\n)```\n")
	policyLine = regexp.MustCompile(`(?m)^\s*(kind: Policy|policies:)$`)
)

// policiesOf returns the policies of a page. Each must stand in a block, where a test finds it.
func policiesOf(t *testing.T, page, text string) []shippedPolicy {
	t.Helper()
	var all []shippedPolicy
	for i, block := range yamlBlock.FindAllStringSubmatch(text, -1) {
		where := fmt.Sprintf("%s, block %d", page, i+1)
		switch lines := policyLine.FindAllString(block[1], -1); {
		case len(lines) == 0:
			continue
		case strings.Contains(lines[0], "policies:"):
			all = append(all, shippedPolicy{where, fromValues(t, where, block[1])})
		default:
			all = append(all, shippedPolicy{where, block[1]})
		}
	}
	if rest := yamlBlock.ReplaceAllString(text, ""); policyLine.MatchString(rest) {
		t.Errorf("%s: has a policy that stands in no block of ```yaml, so that no test reads it", page)
	}
	return all
}

// fromValues returns the policies of values of the chart as a policy file.
func fromValues(t *testing.T, where, values string) string {
	t.Helper()
	var chart struct{ Policies []backstop.Policy }
	if err := yaml.UnmarshalStrict([]byte(values), &chart); err != nil {
		t.Fatalf("%s: %v", where, err)
	}
	var file strings.Builder
	for _, policy := range chart.Policies {
		document, err := yaml.Marshal(map[string]any{
			"apiVersion": "userscope.dev/v1alpha1", "kind": "Policy", "metadata": map[string]any{"name": policy.Name}, "spec": policy.Spec,
		})
		if err != nil {
			t.Fatal(err)
		}
		file.WriteString("---\n" + string(document))
	}
	return file.String()
}

// A page may show a policy as a file or as values of the chart; both are read.
func TestPoliciesOfPages(t *testing.T) {
	const file = "kind: Policy\nmetadata: {name: a}\n"
	page := "```yaml\n" + file + "```\n\n```yaml\nspec: {}\n```\n\n```yaml\npolicies:\n  - name: b\n    spec: {claim: homes}\n```\n"
	want := []shippedPolicy{
		{"page, block 1", file},
		{"page, block 3", "---\napiVersion: userscope.dev/v1alpha1\nkind: Policy\nmetadata:\n  name: b\nspec:\n  claim: homes\n"},
	}
	if got := policiesOf(t, "page", page); !slices.Equal(got, want) {
		t.Errorf("got: %q, want: %q", got, want)
	}
}

// A page shows a policy of manifests/policies as it is there, comments aside.
func TestPagesShowTheFiles(t *testing.T) {
	files := map[string]map[string]any{}
	shown := 0
	for _, shipped := range shippedPolicies(t) {
		var policy map[string]any
		if err := yaml.Unmarshal([]byte(shipped.text), &policy); err != nil {
			t.Fatalf("%s: %v", shipped.where, err)
		}
		name := policy["metadata"].(map[string]any)["name"].(string)
		switch file, ships := files[name]; {
		case strings.HasPrefix(shipped.where, "manifests/"):
			files[name] = policy
		case ships && reflect.DeepEqual(file, policy):
			shown++
		case ships:
			t.Errorf("%s: differs from the policy %s in manifests/policies", shipped.where, name)
		}
	}
	if shown == 0 {
		t.Error("README.md shows no policy of manifests/policies")
	}
}

// Every policy that people copy loads, renders, and tells a sandbox of alice's from one that reaches for
// bob's data: in the webhook's decision, in `userscope check`, and in the backstop of the rendered chart.
func TestEveryPolicyThatShips(t *testing.T) {
	for i, shipped := range shippedPolicies(t) {
		t.Run(shipped.where, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "policy.yaml")
			if err := os.WriteFile(file, []byte(shipped.text), 0o600); err != nil {
				t.Fatal(err)
			}
			in, err := differential.Load(shipped.where, file)
			if err != nil {
				t.Fatal(err)
			}
			good := make([]*corev1.Pod, len(in.Oracle))
			for j := range in.Oracle {
				good[j] = tryPolicy(t, in, &in.Oracle[j], file)
			}
			backs(t, file, fmt.Sprintf("shipped-%d", i), in.Oracle, good)
		})
	}
}

// tryPolicy has the decision and `userscope check` judge sandboxes of one policy of an installation, and
// returns the good one as it is stored.
func tryPolicy(t *testing.T, in differential.Installation, policy *oracle.Policy, file string) *corev1.Pod {
	t.Helper()
	request := oracle.Request{Namespace: policy.Namespaces[0], Username: "somebody"}
	if len(policy.Provisioners) > 0 {
		request.Username = policy.Provisioners[0]
	}
	sent := sandboxOf(policy, "alice")
	outcome, err := in.Create(request, encoded(t, sent))
	if err != nil {
		t.Fatal(err)
	}
	if outcome.Final == nil || len(outcome.Problems) > 0 {
		t.Fatalf("alice's sandbox: %+v", outcome)
	}
	if code, said := check(t, file, request, encoded(t, sent)); code != 0 {
		t.Errorf("userscope check of alice's sandbox ends with %d: %s", code, said)
	}
	bad := reachFor(sent, "bob", policy)
	if outcome, err = in.Create(request, encoded(t, bad)); err != nil || outcome.Final != nil {
		t.Errorf("a sandbox of alice's with bob's data passes: %+v, %v", outcome, err)
	}
	if code, said := check(t, file, request, encoded(t, bad)); code != 1 {
		t.Errorf("userscope check of a sandbox of alice's with bob's data ends with %d: %s", code, said)
	}
	stored := &corev1.Pod{}
	outcome, err = in.Create(request, encoded(t, sent))
	if err == nil {
		err = json.Unmarshal(outcome.Final, stored)
	}
	if err != nil {
		t.Fatal(err)
	}
	return stored
}

// sandboxOf returns a sandbox that mounts its user's directory, as a policy has it.
func sandboxOf(policy *oracle.Policy, user string) *corev1.Pod {
	pod := otherPod()
	pod.GenerateName, pod.Name = "", "sandbox"
	pod.Labels = map[string]string{policy.Identity.UserKey: user}
	if strings.Contains(policy.Directories[0].Path, "{thread}") {
		pod.Labels[policy.Identity.ThreadKey] = "thread-1"
	}
	for key, value := range oracle.Wear(policy.Selector, oracle.First) {
		pod.Labels[key] = value
	}
	pod.Spec.Volumes = []corev1.Volume{{Name: policy.Volume, VolumeSource: corev1.VolumeSource{
		PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: policy.Claim},
	}}}
	pod.Spec.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: policy.Volume, MountPath: policy.MountPath, SubPath: directoryOf(policy, user)}}
	return pod
}

// reachFor returns a copy of a sandbox that mounts the directory of another user as well.
func reachFor(pod *corev1.Pod, user string, policy *oracle.Policy) *corev1.Pod {
	pod = pod.DeepCopy()
	mounts := &pod.Spec.Containers[0].VolumeMounts
	*mounts = append(*mounts, corev1.VolumeMount{Name: "other", MountPath: "/other", SubPath: directoryOf(policy, user)})
	pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{Name: "other", VolumeSource: corev1.VolumeSource{
		PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: policy.Claim},
	}})
	return pod
}

// directoryOf returns the user-data directory of a user on the claim.
func directoryOf(policy *oracle.Policy, user string) string {
	below := strings.NewReplacer("{user}", user, "{thread}", "thread-1").Replace(policy.Directories[0].Path)
	return strings.TrimPrefix(policy.Root+"/"+below, "/")
}

func encoded(t *testing.T, pod *corev1.Pod) []byte {
	t.Helper()
	raw, err := json.Marshal(pod)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// check runs `userscope check` and returns its exit code and output.
func check(t *testing.T, file string, request oracle.Request, pod []byte) (code int, said string) {
	t.Helper()
	program, err := webhookprocess.Binary()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), program, "check", "--policy", file, "--as", request.Username, "--namespace", request.Namespace, "-")
	command.Stdin = strings.NewReader("apiVersion: v1\nkind: Pod\n" + asYAML(t, pod))
	out, err := command.CombinedOutput()
	if command.ProcessState == nil {
		t.Fatal(err)
	}
	return command.ProcessState.ExitCode(), string(out)
}

func asYAML(t *testing.T, raw []byte) string {
	t.Helper()
	text, err := yaml.JSONToYAML(raw)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// backs renders the chart with the policies of a file, and has the backstop judge what the decision left
// of their sandboxes. On the API server the policies have names and namespaces that begin with prefix.
func backs(t *testing.T, file, prefix string, policies []oracle.Policy, good []*corev1.Pod) {
	t.Helper()
	values, err := backstop.ReadPolicies(file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := backstop.Render(t.Context(), values); err != nil {
		t.Fatal(err)
	}
	for i := range values {
		values[i].Name = fmt.Sprintf("%s-%d", prefix, i)
		values[i].Spec["namespaces"] = []string{values[i].Name}
	}
	objects, err := backstop.Render(t.Context(), values)
	if err != nil {
		t.Fatal(err)
	}
	admin := trialCluster(t).client(t, controlplane.Admin)
	// That for Services is of all policies, and the cluster's.
	objects.Policies = objects.Policies[:2*len(values)]
	objects.Bindings = objects.Bindings[:2*len(values)]
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		for i := range objects.Policies {
			name := objects.Policies[i].Name
			if err := admin.AdmissionregistrationV1().ValidatingAdmissionPolicyBindings().Delete(ctx, name, metav1.DeleteOptions{}); err != nil {
				t.Error(err)
			}
			if err := admin.AdmissionregistrationV1().ValidatingAdmissionPolicies().Delete(ctx, name, metav1.DeleteOptions{}); err != nil {
				t.Error(err)
			}
		}
	})
	if err := objects.InstallPolicies(t.Context(), admin); err != nil {
		t.Fatal(err)
	}
	for i := range values {
		name := values[i].Name
		if _, err := admin.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		good[i].Annotations["userscope.dev/policies"] = name
		try := metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}}
		if _, err := admin.CoreV1().Pods(name).Create(t.Context(), good[i], try); err != nil {
			t.Errorf("alice's sandbox: %v", err)
		}
		if _, err := admin.CoreV1().Pods(name).Create(t.Context(), reachFor(good[i], "bob", &policies[i]), try); !backstop.Refuses(err) {
			t.Errorf("a sandbox of alice's with bob's data: %v", err)
		}
	}
}
