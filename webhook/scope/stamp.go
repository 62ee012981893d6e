package scope

import (
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"userscope.dev/userscope/webhook/podjson"
	"userscope.dev/userscope/webhook/policy"
)

// stamp marks the Pod as judged by its governing policies, whatever the marker said before, and
// records its identity on it, for NetworkPolicies, queries and audits: in Userscope's own keys, which
// say nothing else afterwards, and in the platform's.
func (r *review) stamp() {
	names := make([]string, len(r.governing))
	for i, p := range r.governing {
		names[i] = p.Name
	}
	r.setAnnotation(policy.MarkerAnnotation, strings.Join(names, ","))
	if !r.identified {
		r.stampID(policy.UserStamp, "")
		r.stampID(policy.ThreadStamp, "")
		return
	}
	r.declareID(r.governing[0].User.Key, r.id.User)
	r.declareID(r.governing[0].Thread.Key, r.id.Thread)
	r.stampID(policy.UserStamp, r.id.User)
	r.stampID(policy.ThreadStamp, r.id.Thread)
}

// stampID makes annotation and label of a stamp say an id and nothing else.
func (r *review) stampID(key, id string) {
	if id == "" {
		r.pod.Annotations = r.dropEntry(r.pod.Annotations, "annotations", key)
	} else {
		r.setAnnotation(key, id)
	}
	if isLabelValue(id) {
		r.setLabel(key, id)
	} else {
		r.pod.Labels = r.dropEntry(r.pod.Labels, "labels", key)
	}
}

// declareID has a key of the platform's say the id that was found, if it is one, where the policies read it.
func (r *review) declareID(key, id string) {
	if id == "" {
		return
	}
	if r.governing[0].ReadsFrom(policy.FromAnnotation) {
		r.setAnnotation(key, id)
	}
	switch {
	case !r.governing[0].ReadsFrom(policy.FromLabel):
	case isLabelValue(id):
		r.setLabel(key, id)
	case r.pod.Labels[key] != id: // a label that is none the API server refuses
		r.pod.Labels = r.dropEntry(r.pod.Labels, "labels", key)
	}
}

// isLabelValue reports whether Kubernetes takes an id as the value of a label.
func isLabelValue(id string) bool { return id != "" && len(validation.IsValidLabelValue(id)) == 0 }

func (r *review) setAnnotation(key, value string) {
	r.pod.Annotations = r.setEntry(r.pod.Annotations, "annotations", key, value)
}

func (r *review) setLabel(key, value string) {
	r.pod.Labels = r.setEntry(r.pod.Labels, "labels", key, value)
}

// usualEdits are as many as the stamps of a Pod take, and some.
const usualEdits = 12

// setEntry sets a label or an annotation and returns the entries with it. An id that replaces another is
// told. The marker is not, for it takes nothing away from what was sent.
func (r *review) setEntry(entries map[string]string, field, key, value string) map[string]string {
	got, there := entries[key]
	if there && got == value {
		return entries
	}
	if r.edits == nil {
		r.edits = make([]Edit, 0, usualEdits)
	}
	if len(entries) == 0 {
		at := podjson.Location{"metadata", field}
		r.edits = append(r.edits, Edit{Op: "add", Path: at.Pointer(), Value: map[string]string{key: value}})
		return map[string]string{key: value}
	}
	at, warning := podjson.Location{"metadata", field, podjson.MapKey(key)}, ""
	if there && key != policy.MarkerAnnotation {
		warning = at.String() + ": " + podjson.Quote(got) + " is now " + podjson.Quote(value)
	}
	r.edits = append(r.edits, Edit{Op: "add", Path: at.Pointer(), Value: value, Warning: warning})
	entries[key] = value
	return entries
}

// dropEntry removes an id that is not the Pod's, and returns the entries without it.
func (r *review) dropEntry(entries map[string]string, field, key string) map[string]string {
	got, there := entries[key]
	if !there {
		return entries
	}
	at := podjson.Location{"metadata", field, podjson.MapKey(key)}
	r.edits = append(r.edits, Edit{Op: "remove", Path: at.Pointer(),
		Warning: at.String() + ": " + podjson.Quote(got) + " is removed: the Pod is not of that identity"})
	delete(entries, key)
	return entries
}
