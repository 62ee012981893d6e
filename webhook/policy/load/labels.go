package load

import (
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"userscope.dev/userscope/webhook/policy"
)

// labels checks the labels that a provisioner may give to its Pods.
func (c *compiler) labels(at *field.Path, labels map[string][]string) {
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		at, values := at.Key(key), labels[key]
		for _, problem := range validation.IsQualifiedName(key) {
			c.invalid(at, key, "%s", problem)
		}
		if slices.Contains(policy.ControllersLabels(), key) {
			c.invalid(at, key, "must not be listed: controllers give this label to their own Pods, and adopt who wears it")
		}
		if len(values) == 0 {
			c.required(at, "list the values that are permitted, or "+policy.AnyValue+" alone for every one")
		}
		for i, value := range values {
			switch {
			case slices.Contains(values[:i], value):
				c.mistakes = append(c.mistakes, field.Duplicate(at.Index(i), value))
			case value == policy.AnyValue && policy.IsIdentifying(key):
				c.invalid(at.Index(i), value, "must not be listed for %s, by which Services and controllers select Pods: list its values", key)
			case value == policy.AnyValue && len(values) > 1:
				c.invalid(at.Index(i), value, "stands for every value: list it alone")
			case value != policy.AnyValue:
				for _, problem := range validation.IsValidLabelValue(value) {
					c.invalid(at.Index(i), value, "%s", problem)
				}
			}
		}
	}
}

// annotations checks that each key is one that needs permission: to list another would mean nothing.
func (c *compiler) annotations(at *field.Path, keys []string) {
	prefixes := policy.ControllersAnnotations()
	for i, key := range keys {
		if key == "" {
			continue // list says so
		}
		if !slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(key, prefix) }) {
			c.invalid(at.Index(i), key, "must begin with %s: other annotations need no permission", strings.Join(prefixes, " or "))
			continue
		}
		for _, problem := range validation.IsQualifiedName(key) {
			c.invalid(at.Index(i), key, "%s", problem)
		}
	}
}
