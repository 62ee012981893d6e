package oracle

import (
	"fmt"
	"slices"
)

// JudgeUpdate returns what a Pod's update breaks: what makes it a sandbox of its identity must
// stay as it is, and nothing becomes a sandbox later.
func JudgeUpdate(policies []Policy, request Request, old, updated map[string]any) []string {
	var findings []string
	givenAway := gives(policies, request, old, updated)
	for _, p := range policies {
		if !slices.Contains(p.Namespaces, request.Namespace) {
			continue
		}
		if p.provisions(request) {
			for _, finding := range given(p, old, updated) {
				findings = append(findings, "I4: "+finding)
			}
		}
		if !bearsMarker(old) {
			if bearsMarker(updated) {
				findings = append(findings, "I5: the marker is put on a Pod that was not judged")
			}
			for _, place := range []string{"labels", "annotations"} {
				for _, key := range []string{userStamp, threadStamp} {
					if _, has := child(updated, "metadata", place)[key]; has {
						findings = append(findings, altered(old, updated, place, []string{key})...)
					}
				}
			}
			if p.selects(updated) && !p.selects(old) {
				findings = append(findings, "I5: a Pod that was not judged now matches the selector")
			}
			continue
		}
		labels, annotations := []string{}, []string{marker}
		if !givenAway {
			labels = append(labels, p.identityKeys("labels")...)
			annotations = append(annotations, p.identityKeys("annotations")...)
		}
		if _, had := child(old, "metadata", "labels")[p.Identity.SandboxIDKey]; had || !givenAway {
			labels = append(labels, p.Identity.SandboxIDKey)
		}
		if p.selects(old) != p.selects(updated) {
			findings = append(findings, "I5: the selector does not match as before")
		}
		findings = append(findings, altered(old, updated, "labels", labels)...)
		findings = append(findings, altered(old, updated, "annotations", annotations)...)
	}
	slices.Sort(findings)
	return slices.Compact(findings)
}

// identityKeys are the labels or annotations that say whose a Pod is.
func (p Policy) identityKeys(place string) []string {
	keys := []string{userStamp, threadStamp}
	if !p.Identity.reads(place, p.Identity.UserKey) {
		return keys
	}
	if p.hasThreads() {
		keys = append(keys, p.Identity.ThreadKey)
	}
	return append(keys, p.Identity.UserKey)
}

// altered condemns labels or annotations that come, go or change.
func altered(old, updated object, place string, keys []string) []string {
	var findings []string
	before, after := child(old, "metadata", place), child(updated, "metadata", place)
	for _, key := range keys {
		_, had := before[key]
		_, has := after[key]
		if had != has || text(before, key) != text(after, key) {
			findings = append(findings, fmt.Sprintf("I5: %s %s changes from %v to %v", place, key, before[key], after[key]))
		}
	}
	return findings
}

// JudgeDelete returns what a deletion breaks: provisioners delete sandboxes only.
func JudgeDelete(policies []Policy, request Request, old map[string]any) []string {
	for _, p := range policies {
		if slices.Contains(p.Namespaces, request.Namespace) && p.provisions(request) && !p.selects(old) && !bearsMarker(old) {
			return []string{"I4: a provisioner deletes a Pod that is no sandbox"}
		}
	}
	return nil
}

// JudgeEphemeralContainers returns what the containers that an update adds to a running Pod
// break.
func JudgeEphemeralContainers(policies []Policy, request Request, old, updated map[string]any) []string {
	known := map[string]bool{}
	for _, c := range containers(old, []string{"ephemeralContainers"}) {
		known[text(c.object, "name")] = true
	}
	var findings []string
	for _, p := range policies {
		outside := p.provisions(request) && !p.isSandbox(old)
		if !slices.Contains(p.Namespaces, request.Namespace) ||
			!p.isSandbox(old) && !outside && (!p.referenced(old) || p.exempts(request)) {
			continue
		}
		j := &judgement{policy: p, request: request, pod: updated}
		for _, c := range containers(updated, []string{"ephemeralContainers"}) {
			if known[text(c.object, "name")] {
				continue
			}
			j.ephemeralContainer(c)
			if p.isSandbox(old) {
				j.environment(c)
			}
			if outside {
				j.condemn("I3", "a provisioner's %s joins a Pod that is no sandbox", c.where)
			}
		}
		findings = append(findings, j.findings...)
	}
	slices.Sort(findings)
	return findings
}

// isSandbox reports whether a stored Pod is one: it was judged when it was created, or it is
// older than the installation and wears the labels.
func (p Policy) isSandbox(pod object) bool {
	return bearsMarker(pod) || p.selects(pod)
}
