package chart

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"

	"userscope.dev/userscope/test/kit/controlplane"
	"userscope.dev/userscope/webhook/server"
)

// deployments are the two of the chart, as kinds of the API.
func deployments(t *testing.T, values string) map[string]*appsv1.Deployment {
	t.Helper()
	found := map[string]*appsv1.Deployment{}
	for _, object := range parse(t, render(t, values)) {
		if object.GetKind() != "Deployment" {
			continue
		}
		deployment := &appsv1.Deployment{}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(object.Object, deployment, true); err != nil {
			t.Fatal(err)
		}
		found[deployment.Name] = deployment
	}
	if len(found) != 2 {
		t.Fatalf("the chart has the Deployments %v", found)
	}
	return found
}

// The Pods keep the strictest level of Pod Security, and more than it asks for: no file that they
// could write, and no token for the one that the network reaches.
func TestPodSecurity(t *testing.T) {
	client := trialCluster(t).client(t, controlplane.Admin)
	for name, deployment := range deployments(t, "") {
		t.Run(name, func(t *testing.T) {
			template := deployment.Spec.Template
			pod := &corev1.Pod{ObjectMeta: template.ObjectMeta, Spec: template.Spec}
			pod.GenerateName = "pod-"
			if _, err := client.CoreV1().Pods(restricted).Create(t.Context(), pod, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}}); err != nil {
				t.Error(err)
			}
			if root := template.Spec.Containers[0].SecurityContext.ReadOnlyRootFilesystem; root == nil || !*root {
				t.Error("the container's root can be written to")
			}
			token := template.Spec.AutomountServiceAccountToken
			if want := name == "userscope-issuer"; token == nil || *token != want {
				t.Errorf("automountServiceAccountToken is not %t", want)
			}
		})
	}
}

// The kubelet holds the webhook's Pods until the issuer has written all three files, and replaces
// them when they change.
func TestVolumes(t *testing.T) {
	spec := deployments(t, "policies:"+withKey+"keys: [{secretName: keys, mountPath: /etc/userscope/keys}]")["userscope-webhook"].Spec.Template.Spec
	for _, mount := range spec.Containers[0].VolumeMounts {
		if mount.SubPath != "" || mount.SubPathExpr != "" || !mount.ReadOnly {
			t.Errorf("%s is mounted by subPath, which is never updated, or writable: %+v", mount.Name, mount)
		}
	}
	if len(spec.Containers[0].VolumeMounts) != 3 {
		t.Errorf("the webhook mounts %+v", spec.Containers[0].VolumeMounts)
	}
	i := slices.IndexFunc(spec.Volumes, func(volume corev1.Volume) bool { return volume.Name == "tls" })
	tls := spec.Volumes[i].Secret
	var items []string
	for _, item := range tls.Items {
		items = append(items, item.Key)
		if item.Path != item.Key {
			t.Errorf("%s is mounted as %s", item.Key, item.Path)
		}
	}
	if !slices.Equal(items, []string{"tls.crt", "tls.key", "ca.crt"}) || tls.Optional != nil {
		t.Errorf("the Secret is mounted as %+v", tls)
	}
}

// A node may read the Secrets that its Pods name. No Pod of the chart names that of the CA's private key.
func TestNoPodNamesTheCA(t *testing.T) {
	const authorities = "userscope-issuer-ca"
	found := 0
	for _, object := range parse(t, render(t, "policies:"+withKey+"keys: [{secretName: keys, mountPath: /etc/userscope/keys}]")) {
		found += strings.Count(object.GetName(), authorities)
		if template, ok, _ := unstructured.NestedMap(object.Object, "spec", "template", "spec"); ok {
			containers, _ := template["containers"].([]any)
			for _, container := range containers {
				delete(container.(map[string]any), "args") // the issuer is told the name, and asks the API server
			}
			text, err := json.Marshal(template)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(text), authorities) {
				t.Errorf("the Pods of %s %s name the CA's Secret: %s", object.GetKind(), object.GetName(), text)
			}
		}
	}
	if found != 1 {
		t.Errorf("%d objects are named %s, want one", found, authorities)
	}
}

// A Pod that is told to end has the time for it.
func TestDrain(t *testing.T) {
	var timeout time.Duration
	for _, object := range parse(t, render(t, "")) {
		if object.GetKind() != "MutatingWebhookConfiguration" {
			continue
		}
		webhooks, _, err := unstructured.NestedSlice(object.Object, "webhooks")
		if err != nil {
			t.Fatal(err)
		}
		seconds, _, err := unstructured.NestedFieldNoCopy(webhooks[0].(map[string]any), "timeoutSeconds")
		if err != nil {
			t.Fatal(err)
		}
		timeout = time.Duration(seconds.(float64)) * time.Second
	}
	spec := deployments(t, "")["userscope-webhook"].Spec.Template.Spec
	grace := time.Duration(*spec.TerminationGracePeriodSeconds) * time.Second
	if timeout != 5*time.Second || grace < server.DefaultDrainDelay+timeout {
		t.Errorf("%s is less than the drain's %s and a request's %s", grace, server.DefaultDrainDelay, timeout)
	}
}

// Everything that selects Pods selects those of its component, and no others.
func TestSelectors(t *testing.T) {
	pods := map[string]labels.Set{}
	for name, deployment := range deployments(t, "") {
		pods[name] = deployment.Spec.Template.Labels
	}
	webhook, both := []string{"userscope-webhook"}, []string{"userscope-issuer", "userscope-webhook"}
	want := map[string][]string{
		"Deployment userscope-webhook":          webhook,
		"Deployment userscope-issuer":           {"userscope-issuer"},
		"PodDisruptionBudget userscope-webhook": webhook,
		"NetworkPolicy userscope-webhook":       webhook,
		"NetworkPolicy userscope-issuer":        {"userscope-issuer"},
		"Service userscope":                     webhook,
		"Service userscope-metrics":             both,
		"PodMonitor userscope":                  both,
	}
	paths := map[string][]string{
		"Deployment":          {"spec", "selector", "matchLabels"},
		"PodDisruptionBudget": {"spec", "selector", "matchLabels"},
		"NetworkPolicy":       {"spec", "podSelector", "matchLabels"},
		"Service":             {"spec", "selector"},
		"PodMonitor":          {"spec", "selector", "matchLabels"},
	}
	for _, object := range parse(t, render(t, "monitoring: {podMonitor: {enabled: true}, serviceMonitor: {enabled: true}}")) {
		path, selects := paths[object.GetKind()]
		if !selects {
			continue
		}
		name := object.GetKind() + " " + object.GetName()
		selector, found, err := unstructured.NestedStringMap(object.Object, path...)
		if err != nil || !found {
			t.Fatalf("%s: %v, %v", name, found, err)
		}
		var selected []string
		for _, pod := range both {
			if labels.SelectorFromSet(selector).Matches(pods[pod]) {
				selected = append(selected, pod)
			}
		}
		if !slices.Equal(selected, want[name]) {
			t.Errorf("%s selects %q, want %q", name, selected, want[name])
		}
		delete(want, name)
	}
	if len(want) > 0 {
		t.Errorf("not rendered: %v", want)
	}
}

// checkIssuerRights checks that the issuer may do what it has to, and nothing else.
func (c cluster) checkIssuerRights(t *testing.T) {
	t.Helper()
	type right struct{ verb, group, resource, namespace, name string }
	const admission = "admissionregistration.k8s.io"
	wanted := []right{
		{"get", "", "secrets", namespace, "userscope-tls"},
		{"update", "", "secrets", namespace, "userscope-tls"},
		{"get", "", "secrets", namespace, "userscope-issuer-ca"},
		{"update", "", "secrets", namespace, "userscope-issuer-ca"},
		{"get", admission, "mutatingwebhookconfigurations", "", "zz-userscope"},
		{"patch", admission, "mutatingwebhookconfigurations", "", "zz-userscope"},
		{"get", admission, "validatingwebhookconfigurations", "", "zz-userscope"},
		{"patch", admission, "validatingwebhookconfigurations", "", "zz-userscope"},
	}
	var all []right
	for _, verb := range []string{"get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"} {
		for _, in := range []string{namespace, controlplane.Namespace, "kube-system", ""} {
			for _, name := range []string{"userscope-tls", "userscope-issuer-ca", "another", ""} {
				all = append(all, right{verb, "", "secrets", in, name}, right{verb, "", "pods", in, name})
			}
		}
		for _, kind := range []string{"mutatingwebhookconfigurations", "validatingwebhookconfigurations", "validatingadmissionpolicies"} {
			for _, name := range []string{"zz-userscope", "another", ""} {
				all = append(all, right{verb, admission, kind, "", name})
			}
		}
	}
	reviews := c.client(t, issuer.Name).AuthorizationV1().SelfSubjectAccessReviews()
	var granted []right
	for _, r := range all {
		review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
			ResourceAttributes: &authorizationv1.ResourceAttributes{Verb: r.verb, Group: r.group, Resource: r.resource, Namespace: r.namespace, Name: r.name},
		}}
		answer, err := reviews.Create(t.Context(), review, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if answer.Status.Allowed {
			granted = append(granted, r)
		}
	}
	for _, r := range wanted {
		if !slices.Contains(granted, r) {
			t.Errorf("the issuer may not %v", r)
		}
	}
	if len(granted) != len(wanted) {
		t.Errorf("the issuer may %v, and should no more than %v", granted, wanted)
	}
}
