package scope

import (
	corev1 "k8s.io/api/core/v1"

	"userscope.dev/userscope/webhook/policy"
)

// RuleClaimMount is the rule of this file.
const RuleClaimMount Rule = "claim-mount"

// saysFileVariable is a refusal that the backstop words like the decision.
const saysFileVariable = "is read from the volume's root: use an emptyDir"

// saysTwice is a refusal of a mountPath in its clean form.
const saysTwice = "is there twice in this container, which the API server refuses, too: drop one of the two mounts"

var claimMountRule = rule{
	ID:      RuleClaimMount,
	Summary: "Of the claim, a sandbox may mount the policy's directories of its own user and thread, each exactly.",
	Why: "A mount without subPath is every user's data; one of another user's directory is that user's. A " +
		"path below a directory is refused as much as one above it, because the kubelet follows symlinks " +
		"inside a volume: whoever can write in the directory could put a link there that leads into another " +
		"user's. An expression (`subPathExpr`) is expanded only on the node, where it can become any path. A " +
		"variable from a file (`fileKeyRef`) is read from the root of its volume, past every subPath, and so " +
		"only from an emptyDir. Mount one of the directories that the policy's layout lists, with the ids " +
		"filled in, drop the mount, or have the policy list the directory (`layout.directories`). A mount at " +
		"`userDataMountPath`, and one of the thread's directory of old, is not refused but rewritten. Where the policy says " +
		"`onOtherIdentity: Refuse`, a mount at that path that asks for another directory is refused, too.",
	says:       map[string]string{"file": saysFileVariable},
	check:      (*review).checkClaimMount,
	containers: (*review).checkEnvFiles,
}

// A mount of the claim that does not show user data must be one of the directories of the
// Pod's identity, exactly: not above one, and not below one either. The kubelet follows
// symlinks as long as they stay inside the volume, so that a path through a directory in which
// any sandbox can write may lead to any other.

// checkClaimMount keeps the mounts of the claim that are the identity's directories, in their
// clean form and with at most their access, and refuses all others.
func (r *review) checkClaimMount(p *policy.Policy) {
	if !r.identified {
		return
	}
	defer r.checkMountedTwice(p)
	told := false // the first refusal names the directories that there are
	for _, m := range claimMounts(p, r.pod) {
		if r.isUserData(p, m) {
			r.checkUserData(p, m)
			continue
		}
		problem := r.checkDirectory(m)
		if problem == "" {
			continue
		}
		if !told {
			problem, told = problem+"; it has "+pathsText(r.dirs.Paths()), true
		}
		r.refuse(RuleClaimMount, m.at("subPath"), m.SubPath, problem)
	}
}

// checkMountedTwice refuses a second mount at the clean path of one of the claim's: which of the two a container
// would see, nobody says.
func (r *review) checkMountedTwice(p *policy.Policy) {
	names := claimVolumes(p, r.pod)
	for _, c := range containers(r.pod) {
		taken := make(map[string]bool, len(c.VolumeMounts)) // whether by the claim
		for i, m := range c.VolumeMounts {
			ofClaim, again := taken[m.MountPath]
			if again && (ofClaim || names[m.Name]) {
				r.refuse(RuleClaimMount, c.at("volumeMounts", i, "mountPath"), m.MountPath, saysTwice)
			}
			taken[m.MountPath] = ofClaim || names[m.Name]
		}
	}
}

// checkUserData points a user-data mount at the identity's own directory, or refuses to.
func (r *review) checkUserData(p *policy.Policy, m mount) {
	if p.OnOtherIdentity == policy.Refuse {
		if at, value, other := r.asksForOther(p, m); other {
			r.refuse(RuleClaimMount, at, value, "is not this sandbox's user data: mount that, or set onOtherIdentity: Rewrite; it is "+pathsText([]string{r.dirs.UserData}))
			return
		}
	}
	r.scopeUserData(m)
}

// checkDirectory keeps a mount that is one of the identity's directories. Of any other subPath it returns what is
// wrong with it.
func (r *review) checkDirectory(m mount) string {
	if m.SubPathExpr != "" {
		r.refuse(RuleClaimMount, m.at("subPathExpr"), m.SubPathExpr, "is expanded on the node, where it could become any path: set subPath instead")
		return ""
	}
	clean, problem := cleanRelative(m.SubPath)
	access, own := r.dirs.OnClaim(clean)
	switch {
	case problem != "":
		return problem + ": mount a directory of this sandbox"
	case !own:
		return "is no directory of this sandbox: mount one, or list it in layout.directories"
	}
	r.setMountString(m, &m.SubPath, "subPath", clean)
	r.setMountString(m, &m.MountPath, "mountPath", containerPath(m.MountPath))
	if access == policy.ReadOnly && !m.ReadOnly {
		r.setTrue(&m.ReadOnly, m.at("readOnly"), "the policy lists the directory as ReadOnly")
	}
	return ""
}

// checkEnvFiles refuses environment variables of the containers that come from files of anything
// but an emptyDir: the kubelet reads them from the volume's root, past every subPath (KEP-3721).
// Should several volumes carry one name, one of another kind is enough.
func (r *review) checkEnvFiles() {
	var scratch map[string]bool
	for _, c := range r.judged {
		for i, env := range c.Env {
			if env.ValueFrom == nil || env.ValueFrom.FileKeyRef == nil {
				continue
			}
			if scratch == nil {
				scratch = scratchVolumes(r.pod)
			}
			if name := env.ValueFrom.FileKeyRef.VolumeName; !scratch[name] {
				r.refuse(RuleClaimMount, c.at("env", i, "valueFrom", "fileKeyRef", "volumeName"), name, saysFileVariable)
			}
		}
	}
}

// scratchVolumes returns the names of volumes, and whether all of a name are emptyDirs.
func scratchVolumes(pod *corev1.Pod) map[string]bool {
	scratch := map[string]bool{}
	for i := range pod.Spec.Volumes {
		volume := &pod.Spec.Volumes[i]
		before, again := scratch[volume.Name]
		scratch[volume.Name] = volume.EmptyDir != nil && (before || !again)
	}
	return scratch
}
