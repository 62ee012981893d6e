package scope

import (
	"path"
	"strings"

	"userscope.dev/userscope/webhook/podjson"
	"userscope.dev/userscope/webhook/policy"
)

// An unmodified provisioner declares no identity, but it mounts its sandbox's private
// directories, and their paths spell user and thread. These ids are adopted, for the proof to
// confirm: see proof.go. The paths are read by the same templates that they are written by.

// spelling is what one mounted path says of an identity; either half may be empty.
type spelling struct {
	policy.Identity
	at   podjson.Location
	path string
}

// spellings returns what the mounts of the claim and the hostPath volumes, as they were sent, say
// of the Pod's identity.
func (r *review) spellings() []spelling {
	var all []spelling
	for _, p := range r.governing {
		for _, m := range claimMounts(p, r.sent) {
			if m.SubPathExpr != "" {
				continue
			}
			if clean, problem := cleanRelative(m.SubPath); problem == "" {
				if id, ok := p.Layout.ReadOnClaim(clean); ok {
					all = append(all, spelling{id, m.at("subPath"), m.SubPath})
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
					all = append(all, spelling{id, podjson.Location{"spec", "volumes", i, "hostPath", "path"}, hostPath.Path})
				}
			}
		}
	}
	return all
}
