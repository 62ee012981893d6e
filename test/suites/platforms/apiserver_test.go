package platforms

import (
	"encoding/json"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"userscope.dev/userscope/test/suites/backstop"
)

// outcome is what became of the Pod of a case: as it is stored, and after its update.
type outcome struct{ stored, updated *corev1.Pod }

// Every case comes out the same on a real API server, and with the webhook configurations deleted: what
// passed, passes the backstop as it was stored; what was refused is refused though somebody forges stamps.
func TestOnAPIServer(t *testing.T) {
	all := sites(t)
	slices.SortStableFunc(all, func(a, b *site) int { return refusals(b) - refusals(a) })
	c := startCluster(t, all)
	outcomes := map[string]outcome{}
	for _, s := range all {
		for _, sent := range s.cases {
			t.Run(sent.name, func(t *testing.T) { outcomes[sent.name] = c.judged(t, s, sent) })
		}
	}
	hub := all[slices.IndexFunc(all, func(s *site) bool { return s.cases[0].Policy == "jupyterhub" && len(s.cases[0].Change) == 0 })]
	servers := c.hubServers(t, hub)
	c.removeWebhooks(t, all[0])
	c.backServers(t, hub, servers)
	for _, s := range all {
		for _, sent := range s.cases {
			t.Run(sent.name+", without the webhook", func(t *testing.T) { c.backed(t, s, sent, outcomes[sent.name]) })
		}
	}
}

// hubServers tries to create a server of each spelling, and returns them as they would be stored.
func (c *cluster) hubServers(t *testing.T, s *site) []*corev1.Pod {
	t.Helper()
	var all []*corev1.Pod
	pods := c.pods(t, s, sandboxCase{})
	for _, spelled := range readSpellings(t) {
		for setting, expand := range homes {
			home := expand(spelled)
			for _, annotated := range []bool{true, false} {
				stored, err := pods.Create(t.Context(), spelled.server(home, annotated), metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
				if err != nil {
					t.Errorf("%s of %+v, annotated %t: %v", setting, spelled, annotated, err)
					continue
				}
				want{Mounts: map[string]string{"/home/jovyan": "home/" + home}}.shows(t, s.read(t), unserved(t, stored))
				all = append(all, stored)
			}
		}
	}
	return all
}

// backServers tries the servers as they are stored where the backstop alone answers, and each with the
// home of the one before it.
func (c *cluster) backServers(t *testing.T, s *site, servers []*corev1.Pod) {
	t.Helper()
	other := servers[len(servers)-1].Spec.Containers[0].VolumeMounts[0].SubPath
	for _, server := range servers {
		if _, err := c.create(t, s, sandboxCase{}, unserved(t, server), metav1.DryRunAll); err != nil {
			t.Error(err)
		}
		mount := &server.Spec.Containers[0].VolumeMounts[0]
		own := mount.SubPath
		if mount.SubPath = other; own != other {
			if _, err := c.create(t, s, sandboxCase{}, unserved(t, server), metav1.DryRunAll); !backstop.Refuses(err) {
				t.Errorf("%v with the home %s: the backstop does not refuse it: %v", server.Annotations, other, err)
			}
		}
		other = own
	}
}

// refusals counts the Pods of a site that are refused.
func refusals(s *site) int {
	count := 0
	for _, sent := range s.cases {
		count += len(sent.Want.Rules)
	}
	return count
}

// judged sends the Pod of a case, and its update, and holds what becomes of them to what is wanted.
func (c *cluster) judged(t *testing.T, s *site, sent sandboxCase) outcome {
	t.Helper()
	stored, err := c.create(t, s, sent, sent.Pod)
	if sent.Want.Verdict == "refused" {
		if err == nil || unlike(rulesOf(err), sent.Want.Rules) {
			t.Errorf("not refused by %v, but: %v", sent.Want.Rules, err)
		}
		if err == nil {
			c.remove(t, stored)
		}
		return outcome{}
	}
	if err != nil {
		t.Fatal(err)
	}
	defer c.remove(t, stored)
	if sent.Want.Verdict == "ungoverned" {
		return outcome{stored: stored}
	}
	sent.Want.shows(t, s.read(t), unserved(t, stored))
	user, thread := identity(sent.Want.Identity)
	if got := stored.Annotations; got["userscope.dev/user"] != user || got["userscope.dev/thread"] != thread {
		t.Errorf("stamped %v, want %s", got, sent.Want.Identity)
	}
	return outcome{stored: stored, updated: c.update(t, s, sent, stored.Name)}
}

// update sends the update of a case, and returns what it made.
func (c *cluster) update(t *testing.T, s *site, sent sandboxCase, name string) *corev1.Pod {
	t.Helper()
	if sent.Want.Update == "" {
		return nil
	}
	updated, err := c.pods(t, s, sent).Patch(t.Context(), name, types.MergePatchType, sent.Update, metav1.PatchOptions{})
	if allowed := sent.Want.Update == "allowed"; allowed != (err == nil) || err != nil && !apierrors.IsForbidden(err) && !apierrors.IsInvalid(err) {
		t.Errorf("the update is to be %s: %v", sent.Want.Update, err)
	}
	return updated
}

// backed sends a Pod where the backstop alone answers.
func (c *cluster) backed(t *testing.T, s *site, sent sandboxCase, was outcome) {
	t.Helper()
	if sent.Want.Verdict == "refused" {
		stored, err := c.create(t, s, sent, forged(t, s, sent))
		if err == nil {
			defer c.remove(t, stored)
		}
		if !backstop.Refuses(err) {
			t.Fatalf("the backstop lets it pass: %v", err)
		}
		rules, wanted := rulesOf(err), sent.Want.Rules
		if sent.Want.Without != "" {
			wanted = []string{sent.Want.Without}
		}
		if sent.Want.Without != "*" && !slices.ContainsFunc(rules, func(rule string) bool { return slices.Contains(wanted, rule) }) {
			t.Errorf("refused by %v, want one of %v: %v", rules, wanted, err)
		}
		return
	}
	if was.stored == nil {
		t.Fatal("it was not stored before")
	}
	stored, err := c.create(t, s, sent, unserved(t, was.stored))
	if err != nil {
		t.Fatal(err)
	}
	defer c.remove(t, stored)
	if sent.Want.Update == "allowed" {
		// With what the webhook wrote.
		metadata := map[string]any{"labels": was.updated.Labels, "annotations": was.updated.Annotations}
		if sent.Update, err = json.Marshal(map[string]any{"metadata": metadata}); err != nil {
			t.Fatal(err)
		}
	}
	c.update(t, s, sent, stored.Name)
}
