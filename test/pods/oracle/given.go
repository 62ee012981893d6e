package oracle

import (
	"fmt"
	"slices"
	"strings"
)

// given returns the labels and annotations that a provisioner gives to a Pod against a policy. The Pod was old
// before, or is new if old is nil.
func given(p Policy, old, pod object) []string {
	var findings []string
	own := []string{p.Identity.UserKey, p.Identity.ThreadKey, p.Identity.SandboxIDKey, userStamp, threadStamp}
	for _, r := range p.Selector {
		own = append(own, r.Key)
	}
	before := child(old, "metadata", "labels")
	for key, value := range child(pod, "metadata", "labels") {
		if was, had := before[key]; had && was == value {
			continue
		}
		values := p.Allowed.Labels[key]
		label, _ := value.(string)
		permitted := len(values) == 1 && values[0] == "*" || slices.Contains(values, label)
		if old == nil || p.selects(pod) || bearsMarker(old) && p.selects(old) {
			permitted = permitted || slices.Contains(own, key)
		}
		if !permitted || key == "pod-template-hash" || key == "controller-revision-hash" {
			findings = append(findings, fmt.Sprintf("a provisioner gives the label %s the value %v", key, value))
		}
	}
	before = child(old, "metadata", "annotations")
	for key, value := range child(pod, "metadata", "annotations") {
		was, had := before[key]
		domain, _, _ := strings.Cut(key, "/")
		steers := strings.Contains(key, "/") && (domain == "controller.kubernetes.io" || domain == "scheduler.alpha.kubernetes.io")
		if steers && !(had && was == value) && !slices.Contains(p.Allowed.Annotations, key) {
			findings = append(findings, fmt.Sprintf("a provisioner gives the annotation %s", key))
		}
	}
	return findings
}
