package chart

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"userscope.dev/userscope/test/kit/controlplane"
	"userscope.dev/userscope/test/kit/pki"
)

// installers are the ways in, on and out.
var installers = []struct {
	name string
	// In is given the cluster as it is; on are upgrades to so many replicas.
	in, out, restore func(*testing.T, cluster)
	on               []func(t *testing.T, c cluster, replicas int)
}{
	{
		name: "helm",
		in: func(t *testing.T, c cluster) {
			c.mustHelm(t, "install", "userscope", path(t, "manifests", "chart"), "--create-namespace")
		},
		on: []func(*testing.T, cluster, int){
			func(t *testing.T, c cluster, replicas int) {
				c.mustHelm(t, "upgrade", "userscope", path(t, "manifests", "chart"), "--set", fmt.Sprintf("replicas=%d", replicas))
			},
			func(t *testing.T, c cluster, replicas int) {
				c.mustHelm(t, "upgrade", "userscope", path(t, "manifests", "chart"), "--set", fmt.Sprintf("replicas=%d", replicas), "--server-side=false")
			},
		},
		restore: func(t *testing.T, c cluster) {
			chart := strings.NewReplacer("manifests/chart", path(t, "manifests", "chart"))
			c.mustHelm(t, strings.Fields(chart.Replace(helmRestore))...)
		},
		out: func(t *testing.T, c cluster) { c.mustHelm(t, strings.Fields(helmUninstall)...) },
	},
	{
		name: "kubectl",
		in: func(t *testing.T, c cluster) {
			c.mustKubectl(t, "", "apply", "-f", path(t, "manifests", "install.yaml"))
		},
		on: []func(*testing.T, cluster, int){
			func(t *testing.T, c cluster, replicas int) {
				c.mustKubectl(t, withReplicas(t, replicas), "apply", "-f", "-")
			},
			func(t *testing.T, c cluster, replicas int) {
				c.mustKubectl(t, withReplicas(t, replicas), "apply", "--server-side", "--force-conflicts", "-f", "-")
			},
		},
		restore: func(t *testing.T, c cluster) {
			manifests := strings.NewReplacer("install.yaml", path(t, "manifests", "install.yaml"))
			c.mustKubectl(t, "", strings.Fields(manifests.Replace(kubectlRestore))...)
		},
		// Nothing here ends a namespace, and kubectl would wait for that.
		out: func(t *testing.T, c cluster) {
			manifests := strings.NewReplacer("install.yaml", path(t, "manifests", "install.yaml"))
			c.mustKubectl(t, "", append(strings.Fields(manifests.Replace(kubectlUninstall)), "--wait=false")...)
		},
	},
}

// withReplicas is install.yaml with another number of replicas.
func withReplicas(t *testing.T, replicas int) string {
	t.Helper()
	return strings.Replace(read(t, "manifests", "install.yaml"), "  replicas: 2\n", fmt.Sprintf("  replicas: %d\n", replicas), 1)
}

// What is applied, no byte of it changed, makes an API server send sandboxes to the webhook, and
// nothing else, through upgrades, and until it is taken away.
func TestInstall(t *testing.T) {
	for _, installer := range installers {
		t.Run(installer.name, func(t *testing.T) {
			c := startCluster(t)
			installer.in(t, c)
			c.checkEmpty(t)
			issuer := c.run(t, "userscope-issuer", "--kubeconfig", c.Kubeconfig(issuer.Name))
			c.awaitIssued(t)
			issuer.Kill() // it would put right what an upgrade takes away
			webhook := c.run(t, "userscope-webhook")
			c.awaitInForce(t, webhook)
			t.Run("the issuer has its rights and no others", func(t *testing.T) { c.checkIssuerRights(t) })
			t.Run("sandboxes are scoped", func(t *testing.T) { c.checkScoped(t) })
			t.Run("others make no webhook call", func(t *testing.T) {
				before := webhook.decisions(t)
				if err := c.useOtherPod(t); err != nil {
					t.Error(err)
				}
				if after := webhook.decisions(t); after != before {
					t.Errorf("the webhook was asked %d times", after-before)
				}
			})
			for i, upgrade := range installer.on {
				t.Run(fmt.Sprintf("upgrade %d takes nothing of the issuer's", i+1), func(t *testing.T) {
					before := c.issued(t)
					upgrade(t, c, 3+i)
					c.checkReplicas(t, 3+i)
					if after := c.issued(t); !reflect.DeepEqual(after, before) {
						t.Errorf("the issuer had written %v, left are %v", before, after)
					}
					c.checkScoped(t)
				})
			}
			t.Run("what somebody has changed is put back, and nothing of the issuer's", func(t *testing.T) {
				c.checkRestores(t, installer.restore)
			})
			t.Run("without the webhook only sandboxes wait", func(t *testing.T) {
				webhook.Kill()
				if _, err := c.createSandbox(t); err == nil || !strings.Contains(err.Error(), "failed calling webhook") {
					t.Errorf("a sandbox: %v", err)
				}
				if err := c.useOtherPod(t); err != nil {
					t.Error(err)
				}
			})
			t.Run("uninstalled it refuses nothing", func(t *testing.T) {
				c.mustKubectl(t, "", strings.Fields(breakGlass)...)
				c.awaitFreedom(t)
				installer.out(t, c)
				c.awaitFreedom(t) // an API server may still catch up with what was put back before
				if left := c.mustKubectl(t, "", "get", everything, "--all-namespaces", "-l", "app.kubernetes.io/name=userscope", "-o", "name"); left != "" {
					t.Errorf("left behind: %s", left)
				}
			})
		})
	}
}

// everything are the kinds that the chart has without options, but the namespace, which without
// its controller never goes.
const everything = "mutatingwebhookconfigurations,validatingwebhookconfigurations,validatingadmissionpolicies,validatingadmissionpolicybindings," +
	"clusterroles,clusterrolebindings,roles,rolebindings,serviceaccounts,secrets,configmaps,deployments,services,poddisruptionbudgets,networkpolicies,resourcequotas"

// breakGlass is the command that docs/install.md gives.
const breakGlass = "delete mutatingwebhookconfiguration,validatingwebhookconfiguration,validatingadmissionpolicy,validatingadmissionpolicybinding -l app.kubernetes.io/name=userscope"

// The commands that docs/install.md gives for the rest.
const (
	helmUninstall    = "uninstall userscope -n userscope-system"
	kubectlUninstall = "delete --ignore-not-found -f install.yaml"
)

// The commands that docs/runbook.md gives to apply the release again.
const (
	helmRestore    = "upgrade userscope manifests/chart -n userscope-system --reuse-values --server-side=true --force-conflicts"
	kubectlRestore = "apply -f install.yaml"
)

// checkRestores checks that a command puts back what somebody has changed, and leaves the issuer's.
func (c cluster) checkRestores(t *testing.T, restore func(*testing.T, cluster)) {
	t.Helper()
	for _, command := range []string{"    helm " + helmRestore, "    kubectl " + kubectlRestore} {
		if !strings.Contains(read(t, "docs", "runbook.md"), "\n"+command+"\n") {
			t.Errorf("docs/runbook.md does not give the command: %s", command)
		}
	}
	before := c.issued(t)
	changes := []struct{ kind, name, at, by, was string }{
		{"mutatingwebhookconfiguration", "zz-userscope", "/webhooks/0/failurePolicy", `"Ignore"`, "Fail"},
		{"validatingwebhookconfiguration", "zz-userscope", "/webhooks/0/matchConditions/0/expression", `"false"`, "subResource"},
		{"validatingadmissionpolicybinding", "userscope-backstop-create-deer-flow", "/spec/validationActions", `["Audit"]`, "Deny"},
		{"clusterrole", "userscope-issuer", "/rules/0/verbs", `["get"]`, "patch"},
	}
	for _, change := range changes {
		c.mustKubectl(t, "", "patch", change.kind, change.name, "--type=json", "-p", fmt.Sprintf(`[{"op": "replace", "path": %q, "value": %s}]`, change.at, change.by))
	}
	restore(t, c)
	for _, change := range changes {
		at := strings.NewReplacer("/0", "[0]", "/", ".").Replace(change.at)
		if got := c.mustKubectl(t, "", "get", change.kind, change.name, "-o", "jsonpath={"+at+"}"); !strings.Contains(got, change.was) {
			t.Errorf("%s %s: %s is %s, and should have %s", change.kind, change.name, at, got, change.was)
		}
	}
	if after := c.issued(t); !reflect.DeepEqual(after, before) {
		t.Errorf("the issuer had written %v, left are %v", before, after)
	}
	c.checkScoped(t)
}

// Whoever uninstalls lets go of sandboxes first: kubectl deletes in the order of the file, the Pods
// before the configurations, and Helm the policies last, which it does not know.
func TestUninstallFreesFirst(t *testing.T) {
	_, section, found := strings.Cut(read(t, "docs", "install.md"), "\n## Uninstall\n")
	if !found {
		t.Fatal("docs/install.md has no such section")
	}
	section, _, _ = strings.Cut(section, "\n## ")
	got := regexp.MustCompile(`(?m)^    .+$`).FindAllString(section, -1)
	want := []string{"    kubectl " + breakGlass, "    helm " + helmUninstall, "    kubectl " + kubectlUninstall}
	if !slices.Equal(got, want) {
		t.Errorf("docs/install.md gives the commands\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// Whatever judges in the cluster, docs/install.md says that it is installed.
func TestWhatJudgesIsNamed(t *testing.T) {
	_, section, _ := strings.Cut(read(t, "docs", "install.md"), "\n## What is installed\n")
	section, _, _ = strings.Cut(section, "\n## ")
	judges := 0
	for _, object := range parse(t, render(t, "")) {
		if !strings.HasPrefix(object.GetAPIVersion(), "admissionregistration.k8s.io/") {
			continue
		}
		judges++
		name := "`" + object.GetName() + "`"
		if strings.HasPrefix(object.GetName(), "userscope-backstop-") {
			name = "the backstop"
		}
		if !strings.Contains(section, name) {
			t.Errorf("docs/install.md does not name %s %s", object.GetKind(), name)
		}
	}
	if judges != 8 {
		t.Errorf("%d objects judge", judges)
	}
}

// Whatever has become of Userscope, one command ends its say, until the next upgrade.
func TestBreakGlass(t *testing.T) {
	for _, page := range []string{"README.md", "docs/install.md", "docs/runbook.md", "manifests/chart/templates/NOTES.txt"} {
		if !strings.Contains(read(t, page)+"\n", "\n    kubectl "+breakGlass+"\n") {
			t.Errorf("%s does not give the command: kubectl %s", page, breakGlass)
		}
	}
	c, helm := startCluster(t), installers[0]
	helm.in(t, c)
	c.awaitHeldUp(t)
	c.mustKubectl(t, "", strings.Fields(breakGlass)...)
	c.awaitFreedom(t)
	helm.on[0](t, c, 2)
	c.awaitHeldUp(t)
}

// awaitHeldUp waits until a sandbox is refused because no webhook runs.
func (c cluster) awaitHeldUp(t *testing.T) {
	t.Helper()
	c.await(t, "the refusal of a sandbox, as no webhook runs", func() error {
		switch _, err := c.createSandbox(t); {
		case err == nil:
			return errors.New("it was created")
		case !strings.Contains(err.Error(), "failed calling webhook"):
			return err
		}
		return nil
	})
}

// issued is what the issuer writes.
type issued struct {
	serving, authorities map[string][]byte // the Secrets' data
	mutating, validating []byte            // caBundles
}

func (c cluster) issued(t *testing.T) issued {
	t.Helper()
	client := c.client(t, controlplane.Admin)
	serving, err := client.CoreV1().Secrets(namespace).Get(t.Context(), "userscope-tls", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	authorities, err := client.CoreV1().Secrets(namespace).Get(t.Context(), "userscope-issuer-ca", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	mutating, err := client.AdmissionregistrationV1().MutatingWebhookConfigurations().Get(t.Context(), "zz-userscope", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	validating, err := client.AdmissionregistrationV1().ValidatingWebhookConfigurations().Get(t.Context(), "zz-userscope", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return issued{serving.Data, authorities.Data, mutating.Webhooks[0].ClientConfig.CABundle, validating.Webhooks[0].ClientConfig.CABundle}
}

// checkEmpty checks that the kubelet would hold the webhook's Pods: nothing is issued.
func (c cluster) checkEmpty(t *testing.T) {
	t.Helper()
	if got := c.issued(t); len(got.serving)+len(got.authorities)+len(got.mutating)+len(got.validating) > 0 {
		t.Fatalf("what the issuer is to write is there: %v", got)
	}
}

// awaitIssued waits for all that the issuer writes at first.
func (c cluster) awaitIssued(t *testing.T) {
	t.Helper()
	c.await(t, "the issuer", func() error {
		got := c.issued(t)
		ca := got.serving[pki.CAFile]
		if len(got.serving[pki.CertFile]) == 0 || len(ca) == 0 || !bytes.Equal(got.authorities[pki.CAFile], ca) || !bytes.Equal(got.mutating, ca) || !bytes.Equal(got.validating, ca) {
			return fmt.Errorf("it has written %v", got)
		}
		return nil
	})
}

func (c cluster) checkReplicas(t *testing.T, want int) {
	t.Helper()
	deployment, err := c.client(t, controlplane.Admin).AppsV1().Deployments(namespace).Get(t.Context(), "userscope-webhook", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if got := int(*deployment.Spec.Replicas); got != want {
		t.Errorf("%d replicas, want %d", got, want)
	}
}

// awaitInForce waits until both configurations are: the API server follows each kind with a delay
// of its own. What the validating one refuses the backstop has refused before, so it shows by a
// call.
func (c cluster) awaitInForce(t *testing.T, webhook *pod) {
	t.Helper()
	var sandbox *corev1.Pod
	c.await(t, "a scoped sandbox", func() (err error) {
		sandbox, err = c.createSandboxAt(t, scoped)
		return err
	})
	before := webhook.decisions(t)
	sandbox.Spec.EphemeralContainers = []corev1.EphemeralContainer{{EphemeralContainerCommon: corev1.EphemeralContainerCommon{Name: "debugger", Image: "none"}}}
	c.await(t, "a call for a debugger", func() error {
		_, err := c.client(t, controlplane.Admin).CoreV1().Pods(controlplane.Namespace).
			UpdateEphemeralContainers(t.Context(), sandbox.Name, sandbox, metav1.UpdateOptions{DryRun: []string{metav1.DryRunAll}})
		if err == nil && webhook.decisions(t) == before {
			return errors.New("the webhook was not asked")
		}
		return err
	})
}
