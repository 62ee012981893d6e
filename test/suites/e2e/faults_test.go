//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"userscope.dev/userscope/test/kit/installation"
	"userscope.dev/userscope/test/kit/repo"
)

// fault is what happens to a cluster in the midst of traffic.
type fault struct {
	name string
	// happen does it, and returns when it is over: when all is as it should be that it does itself.
	happen func(context.Context) error
	// sandboxes and others say which Pods fail meanwhile.
	sandboxes, others effect
}

// effect is what a fault has on Pods that are created.
type effect int

const (
	none effect = iota
	some
	perhaps // as it depends on the moment
)

// is reports whether so many failures are the effect.
func (e effect) is(failed int) bool { return e == perhaps || (failed > 0) == (e == some) }

var faults = []fault{
	{name: "rolling upgrade of the webhook", happen: rollingUpgrade},
	{name: "the policy is changed by `helm upgrade`", happen: changePolicy},
	{name: "the CA is replaced", happen: rotateCA},
	{name: "one of two replicas is killed", happen: killReplicas(1), sandboxes: perhaps},
	{name: "both replicas are killed", happen: killReplicas(2), sandboxes: some},
	{name: "the webhook configurations are deleted, and Helm restores them", happen: loseConfigurations, sandboxes: some},
	{name: "the API server is killed", happen: killAPIServer, sandboxes: some, others: some},
	{name: "the node loses power, and keeps its disk", happen: restartNode, sandboxes: some, others: some},
}

// Whatever befalls a cluster while Pods are created without a pause, no sandbox is stored that sees others' data,
// no other Pod fails but where the API server is gone, and all comes right by itself.
func TestFaults(t *testing.T) {
	must(t, site.Install(t.Context()))
	flow := startTraffic(t.Context(), &site)
	defer flow.stop()
	var rows strings.Builder
	rows.WriteString("| fault | sandboxes tried | failed | unscoped | until none failed | other Pods tried | failed |\n|---|---|---|---|---|---|---|\n")
	row := func(name string, result tally, unscoped string) {
		fmt.Fprintf(&rows, "| %s | %d | %d | %s | %.1f s | %d | %d |\n", name, result.sandboxes.tried, result.sandboxes.failed, unscoped,
			result.recovered(result.sandboxes).Seconds(), result.others.tried, result.others.failed)
	}
	for _, f := range faults {
		if _, err := flow.settled(t.Context()); err != nil {
			t.Fatal(err)
		}
		flow.reset()
		err := f.happen(t.Context())
		result, unsettled := flow.settled(t.Context())
		if err := errors.Join(err, unsettled); err != nil {
			t.Fatalf("%s: %v", f.name, err)
		}
		row(f.name, result, fmt.Sprint(result.unscoped))
		if result.unscoped > 0 {
			t.Errorf("%s: %d of %d sandboxes are stored with others' data", f.name, result.unscoped, result.sandboxes.tried)
		}
		if !f.sandboxes.is(result.sandboxes.failed) || !f.others.is(result.others.failed) {
			t.Errorf("%s: %d sandboxes and %d other Pods failed, as in %q", f.name, result.sandboxes.failed, result.others.failed, result.faults)
		}
	}

	flow.reset()
	must(t, site.Uninstall(t.Context()))
	result, err := flow.settled(t.Context())
	must(t, err)
	row("Userscope is uninstalled", result, "from then on") // nobody puts them right any more
	if result.others.failed > 0 {
		t.Errorf("uninstalled: %d other Pods failed, as in %q", result.others.failed, result.faults)
	}
	flow.stop()
	must(t, site.RemovePods(t.Context()))
	fmt.Println(rows.String())
	publish(t, "faults", rows.String())
}

// rollingUpgrade replaces all Pods of the webhook.
func rollingUpgrade(ctx context.Context) error {
	if err := site.Upgrade(ctx, "--set", "podAnnotations.upgraded=yes"); err != nil {
		return err
	}
	return site.AwaitRollout(ctx)
}

// killReplicas kills processes of the webhook, and waits until as many serve again.
func killReplicas(number int) func(context.Context) error {
	return func(ctx context.Context) error {
		const find = `for p in /proc/[0-9]*; do
			if tr '\0' ' ' <$p/cmdline 2>/dev/null | grep -q '^/userscope webhook '; then echo ${p#/proc/}; fi
		done`
		out, err := site.Exec(ctx, "sh", "-c", find)
		if err != nil {
			return err
		}
		replicas := strings.Fields(out)
		if len(replicas) != 2 {
			return fmt.Errorf("%d processes of the webhook run, want 2", len(replicas))
		}
		if _, err := site.Exec(ctx, "kill", append([]string{"-KILL"}, replicas[:number]...)...); err != nil {
			return err
		}
		return installation.Await(ctx, "two replicas", func(ctx context.Context) error {
			out, err := site.Exec(ctx, "sh", "-c", find)
			if err != nil {
				return err
			}
			for _, replica := range strings.Fields(out) {
				for _, killed := range replicas[:number] {
					if replica == killed {
						return fmt.Errorf("process %s is there still", killed)
					}
				}
			}
			deployment, err := site.Admin.AppsV1().Deployments(installation.System).Get(ctx, "userscope-webhook", metav1.GetOptions{})
			if err == nil && (len(strings.Fields(out)) != 2 || deployment.Status.ReadyReplicas != 2) {
				err = fmt.Errorf("%d processes run, %d are ready", len(strings.Fields(out)), deployment.Status.ReadyReplicas)
			}
			return err
		})
	}
}

// rotateCA has the issuer, with shorter times, make another CA, and waits until that is all that counts.
func rotateCA(ctx context.Context) error {
	const args = `[
		{"op": "add", "path": "/spec/template/spec/containers/0/args/-", "value": "--ca-lifetime=1h"},
		{"op": "add", "path": "/spec/template/spec/containers/0/args/-", "value": "--leaf-lifetime=10m"},
		{"op": "add", "path": "/spec/template/spec/containers/0/args/-", "value": "--propagation=15s"},
		{"op": "add", "path": "/spec/template/spec/containers/0/args/-", "value": "--interval=1s"}]`
	_, before, err := authorities(ctx)
	if err != nil {
		return err
	}
	for _, command := range [][]string{
		{"patch", "deployment", "userscope-issuer", "--type=json", "-p", args},
		{"rollout", "status", "deployment/userscope-issuer", "--timeout=" + installation.Patience.String()},
		// As docs/certificates.md says.
		{"patch", "secret", "userscope-issuer-ca", "--type=merge", "-p", `{"data": {"ca.key": null, "next-ca.key": null}}`},
	} {
		if _, err := site.RunKubectl(ctx, append(command, "-n", installation.System)...); err != nil {
			return err
		}
	}
	return installation.Await(ctx, "another CA", func(ctx context.Context) error {
		own, trusted, err := authorities(ctx)
		switch {
		case err != nil:
			return err
		case bytes.Equal(trusted, before):
			return errors.New("the old one is trusted, and no other")
		case !bytes.Equal(trusted, own):
			return errors.New("the new one is not all that is trusted")
		}
		return nil
	})
}

// authorities are the CA that the issuer has, and what API servers trust.
func authorities(ctx context.Context) (own, trusted []byte, err error) {
	secret, err := site.Admin.CoreV1().Secrets(installation.System).Get(ctx, "userscope-issuer-ca", metav1.GetOptions{})
	if err != nil {
		return nil, nil, err
	}
	configuration, err := site.Admin.AdmissionregistrationV1().MutatingWebhookConfigurations().Get(ctx, "zz-userscope", metav1.GetOptions{})
	if err != nil {
		return nil, nil, err
	}
	return secret.Data["ca.crt"], configuration.Webhooks[0].ClientConfig.CABundle, nil
}

// changePolicy allows a name in hostAliases, and waits until both replicas do.
func changePolicy(ctx context.Context) error {
	if err := tryHostAlias(ctx); err == nil {
		return errors.New("a name in hostAliases is allowed before the change")
	}
	chart, err := repo.Path("manifests", "chart", "values.yaml")
	if err != nil {
		return err
	}
	text, err := os.ReadFile(chart)
	if err != nil {
		return err
	}
	var values struct {
		Policies []struct {
			Name string         `json:"name"`
			Spec map[string]any `json:"spec"`
		} `json:"policies"`
	}
	if err := yaml.Unmarshal(text, &values); err != nil {
		return err
	}
	values.Policies[0].Spec["allow"].(map[string]any)["hostAliases"] = []string{"intranet.test"}
	if text, err = yaml.Marshal(values); err != nil {
		return err
	}
	file := filepath.Join(site.Dir, "values.yaml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return err
	}
	if err := site.Upgrade(ctx, "--values", file); err != nil {
		return err
	}
	inARow := 0
	return installation.Await(ctx, "the changed policy", func(ctx context.Context) error {
		if err := tryHostAlias(ctx); err != nil {
			inARow = 0
			return err
		}
		// Each is judged by either replica.
		inARow++
		if inARow < 20 {
			return errors.New("one replica has it, perhaps not the other")
		}
		return nil
	})
}

// tryHostAlias tries, as a dry run, a sandbox with a name in hostAliases.
func tryHostAlias(ctx context.Context) error {
	pod := newSandbox("alias", bob)
	pod.Spec.HostAliases = []corev1.HostAlias{{IP: "192.0.2.1", Hostnames: []string{"intranet.test"}}}
	_, err := site.Provisioner.CoreV1().Pods(installation.Namespace).Create(ctx, pod, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	return err
}

// loseConfigurations deletes the webhook configurations, sees sandboxes refused, and restores them as
// docs/runbook.md says.
func loseConfigurations(ctx context.Context) error {
	if err := site.deleteConfigurations(ctx); err != nil {
		return err
	}
	return site.Upgrade(ctx, "--server-side=true", "--force-conflicts")
}

// killAPIServer leaves it to the node's init to start it again.
func killAPIServer(ctx context.Context) error { return site.Kill(ctx, "kube-apiserver") }

// restartNode takes the node's power away and gives it back.
func restartNode(ctx context.Context) error { return site.Restart(ctx) }
