package oracle

// claimMounts is I1 and I2.
func (j *judgement) claimMounts() {
	names := j.claimVolumes()
	for _, c := range containers(j.pod, lasting) {
		mounts := children(c.object, "volumeMounts")
		for i, mount := range mounts {
			if names[text(mount, "name")] {
				j.claimMount(c.where, mount)
			}
			for _, other := range mounts[:i] {
				at := text(mount, "mountPath")
				if at == text(other, "mountPath") && (names[text(mount, "name")] || names[text(other, "name")]) {
					j.condemn("I2", "%s has two mounts at %q, one of the claim", c.where, at)
				}
			}
		}
	}
}

// claimVolumes returns the names of the volumes that are the claim. Where two volumes have one
// name, which Kubernetes refuses, a mount of it may be of either.
func (j *judgement) claimVolumes() map[string]bool {
	names := map[string]bool{}
	for _, volume := range volumes(j.pod) {
		if text(child(volume, "persistentVolumeClaim"), "claimName") == j.policy.Claim {
			names[text(volume, "name")] = true
		}
	}
	return names
}

func (j *judgement) claimMount(where string, mount object) {
	path, at := text(mount, "subPath"), text(mount, "mountPath")
	if expr := text(mount, "subPathExpr"); expr != "" {
		j.condemn("I1", "%s mounts the claim at %q by the expression %q", where, at, expr)
	}
	directory, ok := j.onClaim(path)
	if !ok {
		j.condemn("I1", "%s mounts the claim at %q by subPath %q, which is no directory of user %q, thread %q", where, at, path, j.user, j.thread)
	}
	if ok && !directory.Writable && !flag(mount, "readOnly") {
		j.condemn("I1", "%s can write to subPath %q", where, path)
	}
	if absolutePath(at) != at {
		j.condemn("I2", "%s mounts the claim at %q, which is another spelling of %q", where, at, absolutePath(at))
	}
	if absolutePath(at) == j.policy.MountPath && !directory.UserData {
		j.condemn("I2", "%s has subPath %q as its user data", where, path)
	}
}

// onClaim returns the directory that a subPath spells exactly.
func (j *judgement) onClaim(path string) (Directory, bool) {
	for below, directory := range j.directories {
		whole := below
		if j.policy.Root != "" {
			whole = j.policy.Root + "/" + below
		}
		if path == whole {
			return directory, true
		}
	}
	return Directory{}, false
}
