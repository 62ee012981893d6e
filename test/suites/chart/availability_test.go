package chart

import (
	"maps"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// A node or a zone that fails does not take all replicas, and neither does a drain, which nothing
// holds up.
func TestAvailability(t *testing.T) {
	pods := deployments(t, "")
	for name, deployment := range pods {
		if class := deployment.Spec.Template.Spec.PriorityClassName; class != "system-cluster-critical" {
			t.Errorf("%s has the priority class %q", name, class)
		}
	}
	spread := map[string]corev1.UnsatisfiableConstraintAction{}
	for _, constraint := range pods["userscope-webhook"].Spec.Template.Spec.TopologySpreadConstraints {
		spread[constraint.TopologyKey] = constraint.WhenUnsatisfiable
		selector, err := metav1.LabelSelectorAsSelector(constraint.LabelSelector)
		if err != nil {
			t.Fatal(err)
		}
		if !selector.Matches(labels.Set(pods["userscope-webhook"].Spec.Template.Labels)) || selector.Matches(labels.Set(pods["userscope-issuer"].Spec.Template.Labels)) {
			t.Errorf("the webhook is spread by %s", selector)
		}
	}
	if want := map[string]corev1.UnsatisfiableConstraintAction{
		corev1.LabelHostname: corev1.DoNotSchedule, corev1.LabelTopologyZone: corev1.ScheduleAnyway,
	}; !maps.Equal(spread, want) {
		t.Errorf("the webhook is spread by %v, want %v", spread, want)
	}

	budget := rendered[policyv1.PodDisruptionBudget](t, "", "PodDisruptionBudget userscope-webhook").Spec
	if budget.MinAvailable != nil || budget.MaxUnavailable.IntValue() != 1 || *budget.UnhealthyPodEvictionPolicy != policyv1.AlwaysAllow {
		t.Errorf("a drain may disrupt %+v", budget)
	}
	// Some clusters give the system's priorities to none without a quota for it.
	quota := rendered[corev1.ResourceQuota](t, "", "ResourceQuota userscope").Spec.ScopeSelector.MatchExpressions[0]
	if quota.ScopeName != corev1.ResourceQuotaScopePriorityClass || !slices.Equal(quota.Values, []string{"system-cluster-critical"}) {
		t.Errorf("the quota is for %+v", quota)
	}
}

// What no NetworkPolicy opens is closed: the webhook goes nowhere.
func TestNetworkPolicies(t *testing.T) {
	webhook := rendered[networkingv1.NetworkPolicy](t, "", "NetworkPolicy userscope-webhook").Spec
	issuer := rendered[networkingv1.NetworkPolicy](t, "", "NetworkPolicy userscope-issuer").Spec
	both := []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress}
	if !slices.Equal(webhook.PolicyTypes, both) || !slices.Equal(issuer.PolicyTypes, both) {
		t.Errorf("closed are %v of the webhook and %v of the issuer", webhook.PolicyTypes, issuer.PolicyTypes)
	}
	if len(webhook.Ingress) != 2 || len(webhook.Egress) != 0 || len(issuer.Ingress) != 1 || len(issuer.Egress) != 1 {
		t.Errorf("open are %+v of the webhook and %+v of the issuer", webhook, issuer)
	}
}

// A ServiceMonitor finds the Service that is made for it, by its labels and its port.
func TestServiceMonitor(t *testing.T) {
	const values = "monitoring: {serviceMonitor: {enabled: true}}"
	service := rendered[corev1.Service](t, values, "Service userscope-metrics")
	other := rendered[corev1.Service](t, values, "Service userscope")
	monitor := rendered[struct {
		Spec struct {
			Selector  metav1.LabelSelector
			Endpoints []struct{ Port string }
		}
	}](t, values, "ServiceMonitor userscope").Spec
	selector, err := metav1.LabelSelectorAsSelector(&monitor.Selector)
	if err != nil {
		t.Fatal(err)
	}
	if !selector.Matches(labels.Set(service.Labels)) || selector.Matches(labels.Set(other.Labels)) {
		t.Errorf("it selects by %s, and the Service has %v", selector, service.Labels)
	}
	if len(monitor.Endpoints) != 1 || monitor.Endpoints[0].Port != service.Spec.Ports[0].Name {
		t.Errorf("it scrapes %+v, and the Service has %+v", monitor.Endpoints, service.Spec.Ports)
	}
}
