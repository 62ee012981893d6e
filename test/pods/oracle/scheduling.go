package oracle

import (
	"slices"
	"strconv"
	"strings"
)

// scheduling is I4 for what a Pod may take from others: their place on a node.
func (j *judgement) scheduling() {
	spec := child(j.pod, "spec")
	if rank, err := strconv.Atoi(number(spec["priority"])); err == nil && rank > j.policy.Allowed.MaxPriority {
		j.condemn("I4", "the priority is %d, and %d may be", rank, j.policy.Allowed.MaxPriority)
	}
	if class := text(spec, "priorityClassName"); strings.HasPrefix(class, "system-") {
		j.condemn("I4", "the priority class %q is the system's", class)
	}
	j.tolerations(children(spec, "tolerations"))
}

// tolerations condemns what stays where others are evicted, but as every Pod does for some time.
func (j *judgement) tolerations(all []object) {
	for _, t := range all {
		switch text(t, "effect") {
		case "NoSchedule", "PreferNoSchedule":
			continue
		case "NoExecute":
			fleeing := []string{"node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"}
			if slices.Contains(fleeing, text(t, "key")) && present(t, "tolerationSeconds") {
				continue
			}
		}
		if !slices.ContainsFunc(j.policy.Allowed.Tolerations, func(listed object) bool { return atMost(t, listed) }) {
			j.condemn("I4", "the toleration %v is not listed", t)
		}
	}
}

// atMost reports whether a toleration is no wider than another: no field that the other narrows is wider.
func atMost(t, other object) bool {
	if key := text(other, "key"); key != "" && text(t, "key") != key {
		return false
	}
	if text(other, "operator") != "Exists" {
		if operator := text(t, "operator"); operator != "" && operator != "Equal" {
			return false
		}
		if text(t, "value") != text(other, "value") {
			return false
		}
	}
	if effect := text(other, "effect"); effect != "" && text(t, "effect") != effect {
		return false
	}
	limit, err := strconv.Atoi(number(other["tolerationSeconds"]))
	if err != nil {
		return true
	}
	seconds, err := strconv.Atoi(number(t["tolerationSeconds"]))
	return err == nil && seconds <= limit
}
