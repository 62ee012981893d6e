package oracle

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// changes is I7: it condemns each difference between the Pod that was sent and the one that was
// let through that no governing policy can want.
func changes(judgements []*judgement, sent, final object) []string {
	c := comparison{judgements: judgements, sent: sent, final: final}
	c.compare(nil, sent, final)
	return c.findings
}

// comparison walks through both Pods at once.
type comparison struct {
	judgements  []*judgement
	sent, final object
	findings    []string
}

// absent stands for a member that is not there; null is one that is.
type absent struct{}

func (c *comparison) compare(path []string, sent, final any) {
	switch before := sent.(type) {
	case object:
		if after, ok := final.(object); ok {
			c.compareObjects(path, before, after)
			return
		}
	case []any:
		if after, ok := final.([]any); ok && len(before) == len(after) {
			for i := range before {
				c.compare(append(path, strconv.Itoa(i)), before[i], after[i])
			}
			return
		}
	default:
		if _, ok := final.(object); !ok && number(sent) == number(final) && fmt.Sprintf("%T", sent) == fmt.Sprintf("%T", final) {
			return
		}
	}
	if !slices.ContainsFunc(c.judgements, func(j *judgement) bool { return j.wants(path, c.sent, sent, final) }) {
		c.findings = append(c.findings, fmt.Sprintf("I7: %s is changed from %v to %v", strings.Join(path, "."), sent, final))
	}
}

func (c *comparison) compareObjects(path []string, sent, final object) {
	keys := maps.Clone(sent)
	maps.Copy(keys, final)
	for key := range keys {
		before, ok := sent[key]
		if !ok {
			before = absent{}
		}
		after, ok := final[key]
		if !ok {
			after = absent{}
		}
		c.compare(append(slices.Clip(path), key), before, after)
	}
}

// wants reports whether the design has the policy make one difference.
func (j *judgement) wants(path []string, pod object, sent, final any) bool {
	at := strings.Join(path, ".")
	switch {
	case at == "metadata":
		stamped, ok := final.(object)
		return ok && isEmpty(sent) && !slices.ContainsFunc(slices.Collect(maps.Keys(stamped)), func(field string) bool {
			return field != "annotations" && field != "labels" || !j.justStamps(field, stamped[field])
		})
	case at == "metadata.annotations" || at == "metadata.labels":
		return isEmpty(sent) && j.justStamps(path[1], final)
	case len(path) == 3 && path[0] == "metadata" && (path[2] == userStamp || path[2] == threadStamp):
		return final == absent{} || j.isStamp(path[1], path[2], final)
	case len(path) == 3 && path[0] == "metadata":
		return j.isStamp(path[1], path[2], final) && (path[2] == marker || sent == absent{} || j.isOverruled(path[1])) ||
			final == absent{} && j.isOverruled(path[1]) && path[1] == "labels" && j.isUnlabelled(path[2])
	case at == "spec.securityContext.fsGroupChangePolicy":
		return final == "OnRootMismatch"
	case strings.HasPrefix(at, "spec.volumes."):
		return j.wantsVolume(path[2:], pod, final)
	case len(path) == 6 && slices.Contains(lasting, path[1]) && path[3] == "volumeMounts":
		return j.wantsMount(path, pod, sent, final)
	}
	return false
}

// isEmpty reports whether labels or annotations hold nothing.
func isEmpty(value any) bool {
	entries, ok := value.(object)
	return len(entries) == 0 && (ok || value == nil || value == absent{})
}

// isOverruled reports whether the directories that a Pod mounts come before its labels, or its annotations.
func (j *judgement) isOverruled(place string) bool {
	from := j.policy.Identity.From
	mounts := slices.Index(from, "Mounts")
	return mounts >= 0 && mounts < slices.Index(from, map[string]string{"labels": "Label", "annotations": "Annotation"}[place])
}

// isUnlabelled reports whether a key declares an id that cannot be the value of a label.
func (j *judgement) isUnlabelled(key string) bool {
	rules := j.policy.Identity
	return key == rules.UserKey && j.user != "" && !isLabelValue(j.user) || key == rules.ThreadKey && j.thread != "" && !isLabelValue(j.thread)
}

// justStamps reports whether labels or annotations hold nothing that the Pod was not stamped with.
func (j *judgement) justStamps(place string, value any) bool {
	entries, _ := value.(object)
	for key, value := range entries {
		if !j.isStamp(place, key, value) {
			return false
		}
	}
	return len(entries) > 0
}

// isStamp reports whether an entry is the marker or one half of the identity, where it may stand.
func (j *judgement) isStamp(place, key string, value any) bool {
	entry, ok := value.(string)
	if !ok || entry == "" || place == "labels" && !isLabelValue(entry) {
		return false
	}
	switch key {
	case marker:
		return place == "annotations"
	case userStamp:
		return entry == j.user
	case threadStamp:
		return entry == j.thread
	case j.policy.Identity.UserKey:
		return entry == j.user && j.policy.Identity.reads(place, key)
	case j.policy.Identity.ThreadKey:
		return entry == j.thread && j.policy.Identity.reads(place, key)
	}
	return false
}

// wantsVolume allows what makes the claim of a user-data volume on the node, another claim read-only, and
// the clean form of a node's path. Its own path begins with the volume's number.
func (j *judgement) wantsVolume(path []string, pod object, final any) bool {
	i, _ := strconv.Atoi(path[0])
	before, after := volumes(pod)[i], volumes(j.pod)[i]
	source := child(before, "persistentVolumeClaim")
	if text(before, "name") == j.policy.Volume && present(before, "hostPath") {
		claim := child(after, "persistentVolumeClaim")
		return len(after) == 2 && len(claim) == 1 && text(claim, "claimName") == j.policy.Claim && text(after, "name") == j.policy.Volume
	}
	switch strings.Join(path[1:], ".") {
	case "persistentVolumeClaim.readOnly":
		return final == true && !j.isProtected(text(source, "claimName"))
	case "hostPath.path":
		return final == absolutePath(text(child(before, "hostPath"), "path"))
	}
	return false
}

// wantsMount allows what section 5 of the design does to a mount.
func (j *judgement) wantsMount(path []string, pod object, sent, final any) bool {
	before, after := mountAt(pod, path), mountAt(j.pod, path)
	name := text(after, "name")
	if name != text(before, "name") {
		return false
	}
	if !j.claimVolumes()[name] {
		return path[5] == "readOnly" && final == true && j.isReadOnlyHostPath(name)
	}
	directory, _ := j.onClaim(text(after, "subPath"))
	isUserData := absolutePath(text(before, "mountPath")) == j.policy.MountPath && !(j.policy.RefusesOthers && j.asksForOther(pod, before)) || j.isOld(before)
	switch path[5] {
	case "mountPath":
		return final == absolutePath(text(before, "mountPath"))
	case "readOnly":
		return final == true && !directory.Writable
	case "subPathExpr":
		return isUserData && final == absent{}
	case "subPath":
		spelled, _ := sent.(string)
		clean, ok := relativePath(spelled)
		return isUserData && directory.UserData || ok && clean == final
	}
	return false
}

// asksForOther reports whether a mount that was sent shows neither the user-data directory nor the one of old: of the
// claim, or of the node where its volume lies there.
func (j *judgement) asksForOther(pod, mount object) bool {
	if text(mount, "subPathExpr") != "" {
		return true
	}
	own := ""
	for path, directory := range j.directories {
		if directory.UserData {
			own = path
		}
	}
	old := strings.ReplaceAll(j.policy.Legacy, "{thread}", j.thread)
	isOwn := func(below string) bool {
		return below != "" && (below == own || below == old && j.thread != "" && old != "")
	}
	for _, volume := range volumes(pod) {
		if text(volume, "name") != text(mount, "name") || !present(volume, "hostPath") {
			continue
		}
		path := text(child(volume, "hostPath"), "path") + "/" + text(mount, "subPath")
		below, ok := j.policy.belowBase(path)
		return !ok || slices.Contains(strings.Split(path, "/"), "..") || !isOwn(below)
	}
	path, ok := relativePath(text(mount, "subPath"))
	below, inRoot := strings.CutPrefix("/"+path, "/"+j.policy.Root+"/")
	if j.policy.Root == "" {
		below, inRoot = path, true
	}
	return !ok || !(inRoot && isOwn(below)) && (path != old || !isOwn(path))
}

// isOld reports whether a mount shows the directory of old of the Pod's own thread, which lay at the top of the
// claim or where the directories begin.
func (j *judgement) isOld(mount object) bool {
	path, ok := relativePath(text(mount, "subPath"))
	if !ok || j.thread == "" || text(mount, "subPathExpr") != "" {
		return false
	}
	old := strings.ReplaceAll(j.policy.Legacy, "{thread}", j.thread)
	_, own := j.onClaim(path)
	return !own && (path == old || path == j.policy.Root+"/"+old)
}

// isReadOnlyHostPath reports whether a volume is a directory of the node that sandboxes share.
func (j *judgement) isReadOnlyHostPath(name string) bool {
	return slices.ContainsFunc(volumes(j.pod), func(volume object) bool {
		directory, ok := j.onNode(text(child(volume, "hostPath"), "path"))
		return text(volume, "name") == name && ok && !directory.Writable
	})
}

// mountAt returns the mount that a path leads into.
func mountAt(pod object, path []string) object {
	i, _ := strconv.Atoi(path[2])
	j, _ := strconv.Atoi(path[4])
	return children(children(child(pod, "spec"), path[1])[i], "volumeMounts")[j]
}
