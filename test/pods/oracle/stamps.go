package oracle

import (
	"regexp"
	"strings"
)

// isLabelValue reports whether Kubernetes takes an id as the value of a label.
var isLabelValue = regexp.MustCompile(`\A[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?\z`).MatchString

// stamps is I5 for what later operations, queries and NetworkPolicies go by: the marker, which
// names exactly the policies that judged the Pod, and the identity, always by annotation and by
// label wherever that is possible.
func (j *judgement) stamps() {
	annotations, labels := child(j.pod, "metadata", "annotations"), child(j.pod, "metadata", "labels")
	names := make([]string, len(j.governing))
	for i, p := range j.governing {
		names[i] = p.Name
	}
	if want := strings.Join(names, ","); text(annotations, marker) != want {
		j.condemn("I5", "the marker is %q and not %q", text(annotations, marker), want)
	}
	for key, id := range map[string]string{j.policy.Identity.UserKey: j.user, j.policy.Identity.ThreadKey: j.thread} {
		if id == "" {
			continue
		}
		if text(annotations, key) != id {
			j.condemn("I5", "the annotation %s is %q and not %q", key, text(annotations, key), id)
		}
		if isLabelValue(id) && text(labels, key) != id {
			j.condemn("I5", "the label %s is %q and not %q", key, text(labels, key), id)
		}
	}
}
