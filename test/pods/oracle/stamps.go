package oracle

import (
	"regexp"
	"strings"
)

// isLabelValue reports whether Kubernetes takes an id as the value of a label.
var isLabelValue = regexp.MustCompile(`\A[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?\z`).MatchString

// The keys by which Userscope itself records whose a Pod is.
const (
	userStamp   = "userscope.dev/user"
	threadStamp = "userscope.dev/thread"
)

// stamps is I5 for what later operations, queries and NetworkPolicies go by: the marker, which
// names exactly the policies that judged the Pod, and the identity, always by annotation and by
// label wherever that is possible. Stamps of anybody else are gone.
func (j *judgement) stamps() {
	annotations, labels := child(j.pod, "metadata", "annotations"), child(j.pod, "metadata", "labels")
	names := make([]string, len(j.governing))
	for i, p := range j.governing {
		names[i] = p.Name
	}
	if want := strings.Join(names, ","); text(annotations, marker) != want {
		j.condemn("I5", "the marker is %q and not %q", text(annotations, marker), want)
	}
	user, thread := Whose(j.governing, j.pod)
	for key, id := range map[string]string{userStamp: user, threadStamp: thread} {
		if _, there := annotations[key]; there && id == "" {
			j.condemn("I5", "the annotation %s is %q on a Pod of nobody", key, text(annotations, key))
		}
		if _, there := labels[key]; there && !isLabelValue(id) {
			j.condemn("I5", "the label %s is %q where it cannot be %q", key, text(labels, key), id)
		}
	}
	rules := j.policy.Identity
	for key, id := range map[string]string{userStamp: j.user, threadStamp: j.thread, rules.UserKey: j.user, rules.ThreadKey: j.thread} {
		if id == "" {
			continue
		}
		stamp := key == userStamp || key == threadStamp
		if (stamp || rules.reads("annotations", key)) && text(annotations, key) != id {
			j.condemn("I5", "the annotation %s is %q and not %q", key, text(annotations, key), id)
		}
		if (stamp || rules.reads("labels", key)) && isLabelValue(id) && text(labels, key) != id {
			j.condemn("I5", "the label %s is %q and not %q", key, text(labels, key), id)
		}
	}
}
