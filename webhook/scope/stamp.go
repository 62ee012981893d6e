package scope

import (
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"userscope.dev/userscope/webhook/podjson"
	"userscope.dev/userscope/webhook/policy"
)

// stamp marks the Pod as judged by its governing policies, whatever the marker said before, and
// writes its identity on it: as annotations, and as labels where the ids are label values, so
// that NetworkPolicies and queries find it.
func (r *review) stamp() {
	names := make([]string, len(r.governing))
	for i, p := range r.governing {
		names[i] = p.Name
	}
	r.pod.Annotations = r.setEntry(r.pod.Annotations, "annotations", policy.MarkerAnnotation, strings.Join(names, ","))
	if !r.identified {
		return
	}
	for _, part := range []struct{ key, id string }{{r.governing[0].User.Key, r.id.User}, {r.governing[0].Thread.Key, r.id.Thread}} {
		if part.id == "" {
			continue
		}
		r.pod.Annotations = r.setEntry(r.pod.Annotations, "annotations", part.key, part.id)
		if len(validation.IsValidLabelValue(part.id)) == 0 {
			r.pod.Labels = r.setEntry(r.pod.Labels, "labels", part.key, part.id)
		}
	}
}

// usualEdits are as many as the stamps of a Pod take, and some.
const usualEdits = 8

// setEntry sets a label or an annotation and returns the entries with it. There is no warning: it
// takes nothing away from what was sent.
func (r *review) setEntry(entries map[string]string, field, key, value string) map[string]string {
	if got, ok := entries[key]; ok && got == value {
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
	at := podjson.Location{"metadata", field, podjson.MapKey(key)}
	r.edits = append(r.edits, Edit{Op: "add", Path: at.Pointer(), Value: value})
	entries[key] = value
	return entries
}
