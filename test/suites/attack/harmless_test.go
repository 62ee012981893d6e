package attack

import (
	"encoding/json"
	"os/exec"
	"reflect"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"
)

// What is tested here goes on as before. That fields of a later API version survive, too, cannot
// be shown on an API server, which drops what it does not know: see the unit tests of the
// decision and test/suites/property.

// pod reads a Pod of some text, in YAML, and names it.
func pod(t *testing.T, text string) object {
	t.Helper()
	raw, err := yaml.YAMLToJSON([]byte(strings.ReplaceAll(text, "\t", "")))
	if err != nil {
		t.Fatal(err)
	}
	var read object
	if err := json.Unmarshal(raw, &read); err != nil {
		t.Fatal(err)
	}
	metadata := copied(read["metadata"])
	metadata["name"] = podName()
	read["metadata"], read["apiVersion"], read["kind"] = metadata, "v1", "Pod"
	return read
}

// Pods that are none of Userscope's business are stored as they are sent, and sandboxes that are
// all right get the marker only. Every one of them has the API server's own token.
func TestUntouched(t *testing.T) {
	for _, test := range []struct {
		name, user string
		pod        object
		marked     bool
	}{
		{"the gateway, of its ReplicaSet", replicaSets, gateway(podName()), false},
		{"a migration of everyone's data, of a Job", jobs, pod(t, `
			metadata: {labels: {job-name: migrate}}
			spec:
			  restartPolicy: Never
			  containers: [{name: migrate, image: migrate, volumeMounts: [{name: home, mountPath: /home}]}]
			  volumes: [{name: home, persistentVolumeClaim: {claimName: deer-flow-home}}]`), false},
		{"a backup of everyone's data, of the admin", admin, pod(t, `
			spec:
			  containers: [{name: backup, image: backup, volumeMounts: [{name: home, mountPath: /home, readOnly: true}]}]
			  volumes: [{name: home, persistentVolumeClaim: {claimName: deer-flow-home}}]`), false},
		{"a web server, of its ReplicaSet", replicaSets, pod(t, `
			metadata: {labels: {app: frontend}}
			spec:
			  containers: [{name: web, image: web, volumeMounts: [{name: password, mountPath: /password}]}]
			  volumes: [{name: password, secret: {secretName: frontend}}]`), false},
		{"a Pod without volumes, of a person", developer, pod(t, `
			spec: {containers: [{name: shell, image: shell}]}`), false},
		{"containers without mounts, of a person", developer, pod(t, `
			spec:
			  initContainers: [{name: first, image: first}]
			  containers: [{name: shell, image: shell}, {name: other, image: other}]
			  volumes: [{name: scratch, emptyDir: {}}]`), false},
		{"a sandbox without volumes", provisioner, pod(t, `
			metadata: {labels: {app: deer-flow-sandbox}}
			spec: {containers: [{name: sandbox, image: sandbox}]}`), true},
		{"a sandbox whose containers mount nothing", provisioner, pod(t, `
			metadata: {labels: {app: deer-flow-sandbox, user-id: bob, thread-id: thread-1}}
			spec:
			  initContainers: [{name: first, image: first}]
			  containers: [{name: sandbox, image: sandbox}, {name: sidecar, image: sidecar}]
			  volumes: [{name: user-data, persistentVolumeClaim: {claimName: deer-flow-home}}]`), true},
		{"a sandbox with every directory of its own", provisioner, pod(t, `
			metadata: {labels: {app: deer-flow-sandbox, user-id: bob}, annotations: {thread-id: _thread-1_}}
			spec:
			  containers:
			    - name: sandbox
			      image: sandbox
			      volumeMounts:
			        - {name: user-data, mountPath: /mnt/user-data, subPath: deer-flow/users/bob/threads/_thread-1_/user-data}
			        - {name: user-data, mountPath: /mnt/acp, subPath: deer-flow/users/bob/threads/_thread-1_/acp-workspace, readOnly: true}
			        - {name: extra-0, mountPath: /mnt/skills, subPath: deer-flow/users/bob/skills_view/custom, readOnly: true}
			        - {name: extra-0, mountPath: /mnt/public, subPath: deer-flow/skills_view/public, readOnly: true}
			        - {name: skills, mountPath: /mnt/node, readOnly: true}
			    - name: lark-cli
			      image: lark-cli
			      volumeMounts:
			        - {name: extra-0, mountPath: /config, subPath: deer-flow/users/bob/integrations/lark-cli/config, readOnly: true}
			        - {name: extra-0, mountPath: /config/locks, subPath: deer-flow/users/bob/integrations/lark-cli/config/locks}
			        - {name: extra-0, mountPath: /data, subPath: deer-flow/users/bob/integrations/lark-cli/data}
			  volumes:
			    - {name: user-data, persistentVolumeClaim: {claimName: deer-flow-home}}
			    - {name: extra-0, persistentVolumeClaim: {claimName: deer-flow-home}}
			    - {name: skills, hostPath: {path: /skills, type: Directory}}`), true},
	} {
		t.Run(test.name, func(t *testing.T) {
			sent, final := guarded.stored(t, test.user, test.pod)
			same := reflect.DeepEqual(final, sent)
			if test.marked {
				same = reflect.DeepEqual(unstamped(final), unstamped(sent)) && reflect.DeepEqual(final, marked(final))
			}
			if !same {
				t.Errorf("sent:\n%v\nstored:\n%v", sent, final)
			}
			if !hasOwnToken(final) {
				t.Errorf("it has no token of the API server's own: the ServiceAccount plugin is off, or the token was removed: %v", final)
			}
		})
	}
}

// hasOwnToken reports whether the API server gave a Pod its token.
func hasOwnToken(pod object) bool {
	volumes, _ := pod["spec"].(object)["volumes"].([]any)
	for _, volume := range volumes {
		if name, _ := volume.(object)["name"].(string); strings.HasPrefix(name, "kube-api-access-") {
			return true
		}
	}
	return false
}

// kubectl runs kubectl as a user.
func kubectl(t *testing.T, user string, arguments ...string) (said string, err error) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), cluster.Kubectl(), append([]string{"--kubeconfig", cluster.Kubeconfig(user)}, arguments...)...).CombinedOutput()
	return string(out), err
}

// A stored Pod, whatever it is, can be labelled, held by a finalizer, deleted and let go.
func TestStoredPodsAreNotWedged(t *testing.T) {
	for _, test := range []struct {
		name, deleter string
		pod           func(t *testing.T) string
	}{
		{"a sandbox", provisioner, func(t *testing.T) string { return bobs(nil)(t, guarded) }},
		{"the gateway's Pod", replicaSets, func(t *testing.T) string { return gateways(t, guarded) }},
		{"an older gateway's Pod", replicaSets, func(*testing.T) string { return olderGateway }},
		{"an older sandbox", provisioner, func(*testing.T) string { return olderSandbox }},
	} {
		t.Run(test.name, func(t *testing.T) {
			name := test.pod(t)
			for _, arguments := range [][]string{
				{"label", "pod", name, "team=red"},
				{"label", "pod", name, "team=blue", "--overwrite"},
				{"label", "pod", name, "team-"},
				{"annotate", "pod", name, "note=hello"},
			} {
				if said, err := kubectl(t, developer, arguments...); err != nil {
					t.Errorf("kubectl %s: %v: %s", strings.Join(arguments, " "), err, said)
				}
			}
			finalizers := func(patch string) {
				t.Helper()
				if _, err := guarded.pods(developer).Patch(t.Context(), name, types.MergePatchType, []byte(patch), metav1.PatchOptions{}); err != nil {
					t.Error(err)
				}
			}
			finalizers(`{"metadata": {"finalizers": ["example.com/hold"]}}`)
			if err := guarded.pods(admin).Delete(t.Context(), name, metav1.DeleteOptions{DryRun: dry(true)}); err != nil {
				t.Error(err)
			}
			if err := guarded.pods(test.deleter).Delete(t.Context(), name, metav1.DeleteOptions{}); err != nil {
				t.Error(err)
			}
			if metadata := guarded.get(t, name)["metadata"].(object); metadata["deletionTimestamp"] == nil {
				t.Error("it is not being deleted")
			}
			finalizers(`{"metadata": {"finalizers": null}}`)
			if _, err := guarded.pods(admin).Get(t.Context(), name, metav1.GetOptions{}); !apierrors.IsNotFound(err) {
				t.Errorf("it is still there: %v", err)
			}
		})
	}
}

// kubectl debug works with every profile but the privileged one.
func TestKubectlDebug(t *testing.T) {
	sandbox := bobs(nil)(t, guarded)
	for _, test := range []struct {
		name      string
		pod       string
		arguments []string
		refused   bool
	}{
		{"default profile", sandbox, nil, false},
		{"default profile, on the gateway", gateways(t, guarded), nil, false},
		{"in the container's processes", sandbox, []string{"--target=sandbox"}, false},
		{"baseline", sandbox, []string{"--profile=baseline"}, false},
		{"restricted", sandbox, []string{"--profile=restricted"}, false},
		{"netadmin", sandbox, []string{"--profile=netadmin"}, false},
		{"sysadmin", sandbox, []string{"--profile=sysadmin"}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			count := func() int {
				spec := guarded.get(t, test.pod)["spec"].(object)
				containers, _ := spec["ephemeralContainers"].([]any)
				return len(containers)
			}
			before := count()
			said, err := kubectl(t, developer, append([]string{"debug", test.pod, "--image=busybox"}, append(test.arguments, "--", "true")...)...)
			refused := err != nil && strings.Contains(said, "userscope: ephemeral-container: ")
			if refused != test.refused || !refused && (err != nil || count() != before+1) {
				t.Errorf("refused: %t, want %t; %d containers more: %v: %s", refused, test.refused, count()-before, err, said)
			}
		})
	}
}

// Whoever may create workloads may go on to do so. What their controllers make of them is part of
// TestUntouched.
func TestWorkloads(t *testing.T) {
	for _, arguments := range [][]string{
		{"create", "deployment", "frontend", "--image=frontend"},
		{"create", "job", "migrate", "--image=migrate"},
	} {
		if said, err := kubectl(t, developer, arguments...); err != nil {
			t.Errorf("kubectl %s: %v: %s", strings.Join(arguments, " "), err, said)
		}
	}
}
