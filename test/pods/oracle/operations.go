package oracle

import (
	"fmt"
	"reflect"
	"slices"
)

// JudgeUpdate returns what a Pod's update breaks: what makes it a sandbox of its identity must
// stay as it is, and nothing becomes a sandbox later. Where a sandbox's volumes and containers change, none is
// added, and what it then has keeps I1, I3 and I4.
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
		if p.isSandbox(old) && respecified(old, updated) {
			findings = append(findings, grown(old, updated)...)
			j := &judgement{policy: p, governing: slices.DeleteFunc(slices.Clone(policies), func(p Policy) bool { return !p.isSandbox(old) }), request: request, pod: updated}
			j.findIdentity()
			j.directories = j.ownDirectories()
			j.claimMounts()
			j.devices()
			j.volumes()
			j.secrets()
			findings = append(findings, j.findings...)
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
				j.configMapVariables(c)
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

// respecified reports whether an update changes volumes, or what a container is called, mounts, reads or may do.
func respecified(old, updated object) bool {
	look := func(pod object) any {
		var all []any
		for _, c := range containers(pod, lasting) {
			all = append(all, c.object["name"], c.object["volumeMounts"], c.object["volumeDevices"], c.object["env"], c.object["envFrom"], c.object["securityContext"])
		}
		return append(all, child(pod, "spec")["volumes"])
	}
	return !reflect.DeepEqual(look(old), look(updated))
}

// grown condemns each list of an update that holds more than before, or something of another name.
func grown(old, updated object) []string {
	var findings []string
	compare := func(where string, before, after []object, name func(entry object) string) {
		had := map[string]bool{}
		for _, entry := range before {
			had[name(entry)] = true
		}
		if len(after) > len(before) || slices.ContainsFunc(after, func(entry object) bool { return !had[name(entry)] }) {
			findings = append(findings, "I4: an update adds to "+where)
		}
	}
	by := func(key string) func(object) string { return func(entry object) string { return text(entry, key) } }
	before, after := child(old, "spec"), child(updated, "spec")
	compare("volumes", children(before, "volumes"), children(after, "volumes"), by("name"))
	for _, list := range lasting {
		compare(list, children(before, list), children(after, list), by("name"))
		for _, c := range children(after, list) {
			for _, o := range children(before, list) {
				if text(o, "name") != text(c, "name") {
					continue
				}
				where := list + " " + text(c, "name") + " "
				compare(where+"volumeMounts", children(o, "volumeMounts"), children(c, "volumeMounts"), by("mountPath"))
				compare(where+"volumeDevices", children(o, "volumeDevices"), children(c, "volumeDevices"), by("devicePath"))
				compare(where+"env", children(o, "env"), children(c, "env"), by("name"))
				compare(where+"envFrom", children(o, "envFrom"), children(c, "envFrom"), func(entry object) string {
					return text(entry, "prefix") + " " + text(child(entry, "configMapRef"), "name") + " " + text(child(entry, "secretRef"), "name")
				})
			}
		}
	}
	return findings
}
