package scope

import (
	"path"
	"strings"

	"userscope.dev/userscope/webhook/podjson"
	"userscope.dev/userscope/webhook/policy"
)

// An unmodified provisioner declares no identity, but it mounts its sandbox's private
// directories, and their paths name user and thread. These ids are adopted, for the sandbox id to
// prove. The templates that write the paths read them.

// pathIdentity is the identity that one mounted path names; its user or its thread may be empty.
type pathIdentity struct {
	policy.Identity
	where place
	text  string // of the whole path
}

// place is where an id stands: in a mount's subPath, in a hostPath volume, or in an entry of the metadata.
type place struct {
	mount  *mount
	volume int
	field  string // "labels" or "annotations"
	key    podjson.MapKey
}

// at is the location of the place. It is worked out only for what is told.
func (p place) at() podjson.Location {
	switch {
	case p.mount != nil:
		return p.mount.at("subPath")
	case p.field != "":
		return podjson.Location{"metadata", p.field, p.key}
	default:
		return volumeAt(p.volume, "hostPath", "path")
	}
}

// pathIdentities returns the identities that the mounts of the claim and the hostPath volumes name,
// as they were sent.
func (r *review) pathIdentities() []pathIdentity {
	var all []pathIdentity
	for _, p := range r.governing {
		if !p.ReadsFrom(policy.FromMounts) {
			continue
		}
		mounted := claimMounts(p, r.sent)
		for i := range mounted {
			m := &mounted[i]
			if m.SubPathExpr != "" {
				continue
			}
			if clean, problem := cleanRelative(m.SubPath); problem == "" {
				if id, ok := p.Layout.ReadOnClaim(clean); ok {
					all = append(all, pathIdentity{id, place{mount: m}, m.SubPath})
				}
			}
		}
		for i := range r.sent.Spec.Volumes {
			hostPath := r.sent.Spec.Volumes[i].HostPath
			if hostPath == nil || hasDotDot(hostPath.Path) {
				continue
			}
			for _, base := range p.HostPathBases {
				below, ok := strings.CutPrefix(path.Clean(hostPath.Path), base+"/")
				if !ok {
					continue
				}
				if id, ok := p.Layout.Read(below); ok {
					all = append(all, pathIdentity{id, place{volume: i}, hostPath.Path})
				}
			}
		}
	}
	return all
}
