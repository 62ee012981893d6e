package oracle

import (
	"maps"
	"slices"
	"strings"
)

// spelled returns the ids that a Pod's paths spell, each once: of private directories, of any
// policy that governs, for they agree on whose a Pod is.
func spelled(policies []Policy, pod object) (users, threads []string) {
	inUsers, inThreads := map[string]bool{}, map[string]bool{}
	read := func(path string, templates ...string) {
		for _, template := range templates {
			user, thread := match(template, path)
			inUsers[user], inThreads[thread] = true, true
		}
	}
	for _, p := range policies {
		if !slices.Contains(p.Identity.From, "Mounts") {
			continue
		}
		templates := []string{p.Legacy}
		for _, directory := range p.Directories {
			templates = append(templates, directory.Path)
		}
		for _, path := range p.mounted(pod) {
			// The directories of old lay at the top of the claim too.
			read(path, p.Legacy)
			if p.Root == "" {
				read(path, templates...)
			} else if below, ok := strings.CutPrefix(path, p.Root+"/"); ok {
				read(below, templates...)
			}
		}
		for _, below := range p.onNodes(pod) {
			read(below, templates...)
		}
	}
	delete(inUsers, "")
	delete(inThreads, "")
	return slices.Sorted(maps.Keys(inUsers)), slices.Sorted(maps.Keys(inThreads))
}

// mounted returns the clean form of what a Pod mounts of the claim. A path beside an expression
// is not what is mounted, and one that steps back may lead anywhere.
func (p Policy) mounted(pod object) []string {
	names := map[string]bool{}
	for _, volume := range volumes(pod) {
		if text(child(volume, "persistentVolumeClaim"), "claimName") == p.Claim {
			names[text(volume, "name")] = true
		}
	}
	var found []string
	for _, c := range containers(pod, everyone) {
		for _, mount := range children(c.object, "volumeMounts") {
			path, ok := relativePath(text(mount, "subPath"))
			if ok && names[text(mount, "name")] && text(mount, "subPathExpr") == "" {
				found = append(found, path)
			}
		}
	}
	return found
}

// onNodes returns what the hostPath volumes of a Pod are, below a base.
func (p Policy) onNodes(pod object) []string {
	var found []string
	for _, volume := range volumes(pod) {
		path := text(child(volume, "hostPath"), "path")
		below, ok := p.belowBase(path)
		if ok && strings.HasPrefix(path, "/") && !slices.Contains(strings.Split(path, "/"), "..") {
			found = append(found, below)
		}
	}
	return found
}

// match returns the ids in a path that follows a template; empty where it does not, or where the
// template has none.
func match(template, path string) (user, thread string) {
	want, got := strings.Split(template, "/"), strings.Split(path, "/")
	if len(want) != len(got) {
		return "", ""
	}
	for i := range want {
		switch {
		case want[i] == "{user}":
			user = got[i]
		case want[i] == "{thread}":
			thread = got[i]
		case want[i] != got[i]:
			return "", ""
		}
	}
	return user, thread
}
