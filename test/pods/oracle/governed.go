package oracle

import (
	"slices"
	"strings"
)

// Governed returns the policies that a Pod is subject to when it is created.
func Governed(policies []Policy, request Request, pod map[string]any) []Policy {
	var found []Policy
	posing := poses(policies, request, pod)
	for _, p := range policies {
		if slices.Contains(p.Namespaces, request.Namespace) && (p.governs(request, pod) || slices.Contains(posing, p.Name)) {
			found = append(found, p)
		}
	}
	return found
}

// poses returns the policies that a new Pod pretends to have been judged by: those of the namespace that its marker
// names or, if these are none, all of them. A stamp alone is a pretence, too.
func poses(policies []Policy, request Request, pod object) []string {
	labels, annotations := child(pod, "metadata", "labels"), child(pod, "metadata", "annotations")
	pretends := bearsMarker(pod)
	for _, key := range []string{userStamp, threadStamp} {
		_, labelled := labels[key]
		_, annotated := annotations[key]
		pretends = pretends || labelled || annotated
	}
	if !pretends {
		return nil
	}
	var all, named []string
	for _, p := range policies {
		if !slices.Contains(p.Namespaces, request.Namespace) {
			continue
		}
		all = append(all, p.Name)
		if slices.Contains(strings.Split(text(annotations, marker), ","), p.Name) {
			named = append(named, p.Name)
		}
	}
	if len(named) == 0 {
		return all
	}
	return named
}

// governs is section 3 of the design, without what a Pod pretends.
func (p Policy) governs(request Request, pod object) bool {
	if p.selects(pod) || p.provisions(request) {
		return true
	}
	return p.referenced(pod) && !p.exempts(request)
}

func (p Policy) provisions(request Request) bool {
	return slices.Contains(p.Provisioners, request.Username)
}

func (p Policy) exempts(request Request) bool {
	return slices.Contains(p.ExemptUsers, request.Username) ||
		slices.ContainsFunc(request.Groups, func(group string) bool { return slices.Contains(p.ExemptGroups, group) })
}

// referenced reports whether a Pod names the claim, or has a volume made that may be a copy.
func (p Policy) referenced(pod object) bool {
	return slices.ContainsFunc(volumes(pod), func(volume object) bool {
		template := child(volume, "ephemeral", "volumeClaimTemplate", "spec")
		return text(child(volume, "persistentVolumeClaim"), "claimName") == p.Claim ||
			present(template, "dataSource") || present(template, "dataSourceRef")
	})
}

// marker is the annotation of every governed Pod.
const marker = "userscope.dev/policies"

// bearsMarker reports whether a Pod was governed by whichever policy.
func bearsMarker(pod object) bool {
	_, ok := child(pod, "metadata", "annotations")[marker]
	return ok
}
