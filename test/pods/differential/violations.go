package differential

import (
	"slices"
	"strconv"
	"strings"

	"userscope.dev/userscope/webhook/scope"
)

// checkViolations is I8: each violation names a rule, a field that is there or could be, its
// value, and what to do.
func (o *Outcome) checkViolations(sent map[string]any) {
	d := o.Decision
	if len(d.Violations) > scope.MaxViolations || d.More > 0 && len(d.Violations) < scope.MaxViolations {
		o.problem("I8: %d violations are listed, and %d more", len(d.Violations), d.More)
	}
	for _, violation := range d.Violations {
		if !slices.Contains(scope.Rules(), violation.Rule) {
			o.problem("I8: %q is no rule: %+v", violation.Rule, violation)
		}
		if violation.Message == "" {
			o.problem("I8: no message: %+v", violation)
		}
		value, there, ok := resolve(sent, violation.Path)
		if !ok {
			o.problem("I8: the Pod has no field %s: %+v", violation.Path, violation)
		}
		if violation.Value == "" && there && !isEmpty(value) {
			o.problem("I8: the value %v of %s is not named: %+v", value, violation.Path, violation)
		}
	}
}

// isEmpty reports whether a value's text may be empty.
func isEmpty(value any) bool {
	switch value := value.(type) {
	case nil:
		return true
	case string:
		return value == ""
	case map[string]any:
		return len(value) == 0
	case []any:
		return len(value) == 0
	default:
		return false
	}
}

// resolve follows a path as Kubernetes writes it: spec.volumes[0].name, metadata.labels[app]. It
// reports whether the field is there, and else whether it could be: whether only its last parts
// are missing, and nothing of another kind stands in their place.
func resolve(pod map[string]any, path string) (value any, there, ok bool) {
	parts := split(path)
	var at any = pod
	for i := 0; i < len(parts); i++ {
		switch parent := at.(type) {
		case map[string]any:
			at, there = parent[parts[i]]
			// A name may hold dots.
			for j := i + 2; !there && j <= len(parts); j++ {
				if at, there = parent[strings.Join(parts[i:j], ".")]; there {
					i = j - 1
				}
			}
		case []any:
			entry, err := strconv.Atoi(parts[i])
			if err != nil || entry < 0 || entry >= len(parent) {
				return nil, false, false
			}
			at, there = parent[entry], true
		case nil:
			there = false
		default:
			return nil, false, false
		}
	}
	return at, there, len(parts) > 0
}

// split cuts a path into names, keys and indices.
func split(path string) []string {
	// The key of a label or an annotation is the path's end, whatever it holds.
	if before, key, ok := strings.Cut(path, "["); ok && (before == "metadata.labels" || before == "metadata.annotations") {
		return append(strings.Split(before, "."), strings.TrimSuffix(key, "]"))
	}
	return strings.Split(strings.NewReplacer("[", ".", "]", "").Replace(path), ".")
}
