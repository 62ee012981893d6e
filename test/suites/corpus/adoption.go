package corpus

import (
	"fmt"
	"strings"
)

// unlabelled are the Pod as the provisioner sends it, and with one character wrong: in the user or
// the thread of all its paths or of one, and in its sandbox id.
func unlabelled(pod object, entry Entry) []variant {
	id := entry.identity()
	users, threads := segment{"/users/", id.user}, segment{"threads/", id.thread}
	rule := ""
	switch {
	case users.in(pod) == 0:
		rule = "identity-missing"
	case !entry.Proved():
		rule = "identity-unproven"
	}
	all := []variant{{name: "unlabelled", unlabelled: true, rule: rule, change: func(object, identity) {}}}
	if rule != "" {
		return all
	}

	for _, half := range []struct {
		noun string
		segment
	}{{"user", users}, {"thread", threads}} {
		all = append(all, variant{
			name: "unlabelled, another " + half.noun, unlabelled: true, rule: "identity-unproven",
			change: func(pod object, _ identity) { half.mistype(pod, everywhere) },
		})
		for i := range half.in(pod) {
			if half.in(pod) == 1 {
				break // which is every one
			}
			all = append(all, variant{
				name: fmt.Sprintf("unlabelled, another %s in path %d", half.noun, i), unlabelled: true, rule: "identity-unproven",
				change: func(pod object, _ identity) { half.mistype(pod, i) },
			})
		}
	}
	for _, digit := range []int{0, 7, 8, 15} {
		all = append(all, variant{
			name: fmt.Sprintf("unlabelled, digit %d of the sandbox id wrong", digit), unlabelled: true, rule: "identity-unproven",
			change: func(pod object, _ identity) {
				labels := child(child(pod, "metadata"), "labels")
				labels[sandboxIDKey] = mistyped(text(labels, sandboxIDKey), digit)
			},
		})
	}
	return all
}

// segment is an id in a path, after what stands before it there.
type segment struct{ before, id string }

// everywhere means every path of a Pod.
const everywhere = -1

// in counts the paths of a Pod that name the id.
func (s segment) in(pod object) int {
	found := 0
	s.each(pod, func(object, string) { found++ })
	return found
}

// mistype changes the id's last character in one path, by its place among those that name it, or
// in all.
func (s segment) mistype(pod object, only int) {
	i := 0
	s.each(pod, func(parent object, key string) {
		if only == everywhere || only == i {
			wrong := s.before + mistyped(s.id, len(s.id)-1) + "/"
			parent[key] = strings.Replace(text(parent, key), s.before+s.id+"/", wrong, 1)
		}
		i++
	})
}

// each calls f for the paths of a Pod that name the id: those of mounts and of the node.
func (s segment) each(pod object, f func(parent object, key string)) {
	visit := func(parent object, key string) {
		if strings.Contains(text(parent, key), s.before+s.id+"/") {
			f(parent, key)
		}
	}
	for _, container := range containers(pod) {
		for _, mount := range list(container, "volumeMounts") {
			visit(mount, "subPath")
		}
	}
	for _, volume := range list(child(pod, "spec"), "volumes") {
		if source, ok := volume["hostPath"].(object); ok {
			visit(source, "path")
		}
	}
}

// mistyped changes one character of an id to another hex digit.
func mistyped(id string, at int) string {
	digit := "0"
	if id[at] == '0' {
		digit = "1"
	}
	return id[:at] + digit + id[at+1:]
}
