package scope

import (
	"path"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"userscope.dev/userscope/webhook/policy"
)

// RuleHostPath is the rule of this file.
const RuleHostPath Rule = "host-path"

// Refusals that the backstop words like the decision.
const (
	saysHostPath      = "is not a hostPath that this sandbox may have: use the claim, or have the policy list it in allow.hostPaths"
	saysOtherBase     = "is a directory of the layout, and below none of hostPathBases: use the claim, or list the base"
	saysWritableByAll = "is sharedByAll, and so lies on the claim alone: mount it by the claim"
	saysNotADirectory = "is not a directory, and no policy may list it: use Directory or DirectoryOrCreate"
)

var hostPathRule = rule{
	ID:      RuleHostPath,
	Summary: "Of the node, a sandbox may mount its own directories below the policy's bases, and the paths that the policy lists.",
	Why: "Anything else on the node is somebody else's: other users' directories, the kubelet's volumes with " +
		"the claim among them, the sockets through which the node is ruled. The path must be exactly one of " +
		"the directories, for below them a symlink could lead anywhere on the node; it must be a directory; " +
		"and it is mounted whole. Use the claim, or have the policy list the path (`allow.hostPaths`), which " +
		"then every sandbox may read. A path that ends in a directory of the layout is some user's: do not list it, " +
		"but what lies above it (`hostPathBases`).",
	says:  map[string]string{"path": saysHostPath, "type": saysNotADirectory, "base": saysOtherBase},
	check: (*review).checkHostPath,
}

// A hostPath volume shows the node's own files. It is one of the identity's directories below
// one of the policy's bases, or a listed path, which is read-only; it is a directory; and it
// is mounted whole, since a path through a directory in which others write may lead anywhere
// within it.

// checkHostPath judges every hostPath volume and its mounts.
func (r *review) checkHostPath(p *policy.Policy) {
	volumes := map[string]policy.Access{}
	for i := range r.pod.Spec.Volumes {
		volume := &r.pod.Spec.Volumes[i]
		if volume.HostPath == nil {
			continue
		}
		clean := path.Clean(volume.HostPath.Path)
		access, allowed := onHost(p, clean, r.dirs)
		switch {
		case hasDotDot(volume.HostPath.Path):
			r.refuse(RuleHostPath, volumeAt(i, "hostPath", "path"), volume.HostPath.Path, "contains ..: write the path that it means")
			continue
		case !allowed && !r.identified && isPrivateHostPath(p, volume):
			continue // whose it is cannot be said, and that is refused already
		case !allowed:
			message := saysHostPath
			if slices.ContainsFunc(p.HostPathBases, func(base string) bool { return clean == base || strings.HasPrefix(clean, base+"/") }) {
				message = "is no directory of this sandbox's identity below the base, and no policy may list it: use the claim"
			}
			if base, ok := p.Layout.BaseOf(clean); ok && isWritableByAll(p, clean, base) {
				message = saysWritableByAll
			} else if ok && !slices.Contains(p.HostPathBases, base) {
				message = saysOtherBase + "; it lies in " + pathsText([]string{base})
			}
			r.refuse(RuleHostPath, volumeAt(i, "hostPath", "path"), volume.HostPath.Path, message)
			continue
		}
		r.checkHostPathType(volume.HostPath.Type, i)
		if volume.HostPath.Path != clean {
			r.setString(&volume.HostPath.Path, volumeAt(i, "hostPath", "path"), clean)
		}
		if volumes[volume.Name] != policy.ReadOnly { // should several carry one name, the least access holds
			volumes[volume.Name] = access
		}
	}
	r.checkHostPathMounts(volumes)
}

// checkHostPathType refuses everything that is not a directory: sockets and devices give more
// than files.
func (r *review) checkHostPathType(kind *corev1.HostPathType, volume int) {
	if kind == nil {
		return
	}
	switch *kind {
	case corev1.HostPathUnset, corev1.HostPathDirectory, corev1.HostPathDirectoryOrCreate:
	default:
		r.refuse(RuleHostPath, volumeAt(volume, "hostPath", "type"), string(*kind), saysNotADirectory)
	}
}

// checkHostPathMounts refuses a part of one of the volumes, and forces readOnly where the policy
// says so.
func (r *review) checkHostPathMounts(volumes map[string]policy.Access) {
	for _, m := range mounts(r.pod) {
		access, ok := volumes[m.Name]
		if !ok {
			continue
		}
		if m.SubPath != "" {
			r.refuse(RuleHostPath, m.at("subPath"), m.SubPath, "is a part of a hostPath volume: mount the volume without subPath")
		}
		if m.SubPathExpr != "" {
			r.refuse(RuleHostPath, m.at("subPathExpr"), m.SubPathExpr, "is a part of a hostPath volume: mount the volume without subPathExpr")
		}
		if access == policy.ReadOnly && !m.ReadOnly {
			r.setTrue(&m.ReadOnly, m.at("readOnly"), "the policy lists the directory as ReadOnly")
		}
	}
}

// isWritableByAll reports whether a path of the node is a directory below a base that is sharedByAll.
func isWritableByAll(p *policy.Policy, clean, base string) bool {
	return slices.Contains(p.HostPathBases, base) && slices.ContainsFunc(p.Layout.Directories, func(d policy.Directory) bool {
		return d.SharedByAll && base+"/"+d.String() == clean
	})
}

// onHost returns the access to a clean path of the node.
func onHost(p *policy.Policy, clean string, dirs policy.Tree) (policy.Access, bool) {
	if slices.Contains(p.Allow.HostPaths, clean) {
		return policy.ReadOnly, true
	}
	for _, base := range p.HostPathBases {
		if below, ok := strings.CutPrefix(clean, base+"/"); ok {
			return dirs.OnNode(below)
		}
	}
	return "", false
}
