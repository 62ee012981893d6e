package oracle

import (
	"cmp"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// legal reports whether a text is an id of at most so many bytes, as DeerFlow defines them. The further
// characters stand between two others only, and two dots never together.
func legal(id string, most int, further []string) bool {
	parts := []string{id}
	for _, character := range further {
		var finer []string
		for _, part := range parts {
			finer = append(finer, strings.Split(part, character)...)
		}
		parts = finer
	}
	for i, part := range parts {
		inner := 0 < i && i < len(parts)-1
		if part == "" && !inner || strings.Trim(part, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") != "" {
			return false
		}
	}
	return len(id) <= most && !strings.Contains(id, "..") && id != "lost+found"
}

// Whose returns the identity that a Pod bears under the policies, empty where it has none. Each
// policy has a say, for one may know threads that another does not.
func Whose(policies []Policy, pod map[string]any) (user, thread string) {
	for _, p := range policies {
		j := &judgement{policy: p, pod: pod}
		j.findIdentity()
		user, thread = cmp.Or(user, j.user), cmp.Or(thread, j.thread)
	}
	return user, thread
}

// findIdentity reads the identity that the Pod bears and condemns what is none.
func (j *judgement) findIdentity() {
	rules := j.policy.Identity
	needed := j.needsIdentity()
	j.user = j.id("user", userStamp, rules.UserKey, 255, rules.UserPattern, needed)
	if j.policy.hasThreads() {
		j.thread = j.id("thread", threadStamp, rules.ThreadKey, 64, rules.ThreadPattern, needed)
	}
}

// reads are the labels or annotations that are read for a key.
func (rules Identity) reads(place, key string) bool {
	return slices.Contains(rules.From, map[string]string{"labels": "Label", "annotations": "Annotation"}[place]) && key != ""
}

// id reads one half of the identity from its stamp and from what declares it; empty where the Pod bears no
// valid one.
func (j *judgement) id(noun, stamp, key string, most int, pattern string, needed bool) string {
	var spelled []string
	for _, place := range []string{"labels", "annotations"} {
		for _, key := range []string{stamp, key} {
			if key != stamp && !j.policy.Identity.reads(place, key) {
				continue
			}
			value, ok := child(j.pod, "metadata", place)[key]
			if !ok {
				continue
			}
			id, _ := value.(string)
			if !legal(id, most, j.policy.Identity.Characters) || pattern != "" && !regexp.MustCompile(`\A(?:`+pattern+`)\z`).MatchString(id) ||
				j.policy.Identity.LowerCase && strings.ToLower(id) != id {
				j.condemn("I5", "the %s in the %s is %q, which is no legal id", noun, place, id)
				return ""
			}
			spelled = append(spelled, id)
		}
	}
	slices.Sort(spelled)
	switch {
	case len(spelled) == 0:
		if needed {
			j.condemn("I5", "the Pod references data and bears no %s", noun)
		}
		return ""
	case spelled[0] != spelled[len(spelled)-1]:
		j.condemn("I5", "labels and annotations name the %s %q", noun, slices.Compact(spelled))
		return ""
	default:
		return spelled[0]
	}
}

// needsIdentity reports whether the Pod references data: the claim, or what is below a base on the
// node and is not shared.
func (j *judgement) needsIdentity() bool {
	shared := j.policy.directoriesOf("", "")
	return slices.ContainsFunc(volumes(j.pod), func(volume object) bool {
		if text(child(volume, "persistentVolumeClaim"), "claimName") == j.policy.Claim {
			return true
		}
		below, ok := j.policy.belowBase(text(child(volume, "hostPath"), "path"))
		_, public := shared[below]
		return ok && !public
	})
}

// hasThreads reports whether the layout knows threads.
func (p Policy) hasThreads() bool {
	return slices.ContainsFunc(p.Directories, func(d Directory) bool { return strings.Contains(d.Path, "{thread}") })
}

// directoriesOf returns the directories of an identity by their paths below the root. What
// depends on a half that is missing is not among them.
func (p Policy) directoriesOf(user, thread string) map[string]Directory {
	found := map[string]Directory{}
	for _, directory := range p.Directories {
		parts := strings.Split(directory.Path, "/")
		for i, part := range parts {
			switch part {
			case "{user}":
				parts[i] = user
			case "{thread}":
				parts[i] = thread
			}
		}
		if !slices.Contains(parts, "") {
			found[strings.Join(parts, "/")] = directory
		}
	}
	return found
}

// ownDirectories returns what the Pod may mount. A user that nobody named may be anybody: only
// what the thread divides is theirs.
func (j *judgement) ownDirectories() map[string]Directory {
	found := j.policy.directoriesOf(j.user, j.thread)
	if j.defaulted {
		maps.DeleteFunc(found, func(_ string, d Directory) bool {
			return strings.Contains(d.Path, "{user}") && !strings.Contains(d.Path, "{thread}")
		})
	}
	return found
}

// belowBase returns the rest of a node's path below one of the bases.
func (p Policy) belowBase(path string) (string, bool) {
	for _, base := range p.HostBases {
		if rest, ok := strings.CutPrefix(absolutePath(path), base+"/"); ok {
			return rest, true
		}
	}
	return "", false
}
