package oracle

import (
	"slices"
	"strings"
)

// volumes is I4 for all that a Pod may mount.
func (j *judgement) volumes() {
	for _, volume := range volumes(j.pod) {
		j.volume(volume)
	}
	for _, c := range containers(j.pod, everyone) {
		for _, mount := range children(c.object, "volumeMounts") {
			for _, field := range mountFields.unknown(mount) {
				j.condemn("I4", "a mount of %s has the unknown field %s", c.where, field)
			}
		}
	}
}

func (j *judgement) volume(volume object) {
	name := text(volume, "name")
	if name == j.policy.Volume && present(volume, "hostPath") {
		j.condemn("I2", "volume %q lies on the node", name)
	}
	// One without source is an emptyDir.
	for key, source := range volume {
		if key == "name" || source == nil {
			continue
		}
		switch key {
		case "configMap", "downwardAPI", "emptyDir":
		case "projected":
			j.projected(name, child(volume, "projected"))
		case "secret", "csi":
			// Secrets are judged by name, with those of the environment, and drivers with other lists.
		case "persistentVolumeClaim":
			j.claim(name, child(volume, "persistentVolumeClaim"))
		case "hostPath":
			j.hostPath(name, child(volume, "hostPath"))
		case "ephemeral":
			j.clone(volume)
			j.allow(j.policy.Allowed.VolumeTypes, key, "the type of volume %q", name)
		default:
			j.allow(j.policy.Allowed.VolumeTypes, key, "the type of volume %q", name)
		}
		for _, field := range sourceFields[key].unknown(source) {
			j.condemn("I4", "volume %q has the unknown field %s.%s", name, key, field)
		}
	}
}

// claim judges a claim that no governing policy protects.
func (j *judgement) claim(name string, source object) {
	claim := text(source, "claimName")
	if j.isProtected(claim) {
		return
	}
	j.allow(j.policy.Allowed.Claims, claim, "the claim of volume %q", name)
	if !flag(source, "readOnly") {
		j.condemn("I4", "volume %q, the claim %q, is writable", name, claim)
	}
}

func (j *judgement) hostPath(name string, source object) {
	path := text(source, "path")
	directory, ok := j.onNode(path)
	if !ok {
		j.condemn("I4", "volume %q is the node's %q", name, path)
	}
	if kind := text(source, "type"); kind != "" && kind != "Directory" && kind != "DirectoryOrCreate" {
		j.condemn("I4", "volume %q is of hostPath type %q", name, kind)
	}
	for _, c := range containers(j.pod, lasting) {
		for _, mount := range children(c.object, "volumeMounts") {
			if text(mount, "name") != name {
				continue
			}
			if text(mount, "subPath") != "" || text(mount, "subPathExpr") != "" {
				j.condemn("I4", "%s mounts a part of the node's %q", c.where, path)
			}
			if !directory.Writable && !flag(mount, "readOnly") {
				j.condemn("I4", "%s can write to the node's %q", c.where, path)
			}
		}
	}
}

// onNode returns the directory that a path of the node leads to. What a step back leaves may be
// a symlink: then the kernel goes elsewhere than the text.
func (j *judgement) onNode(path string) (Directory, bool) {
	if !strings.HasPrefix(path, "/") || slices.Contains(strings.Split(path, "/"), "..") {
		return Directory{}, false
	}
	if slices.Contains(j.policy.Allowed.HostPaths, absolutePath(path)) {
		return Directory{}, true
	}
	below, ok := j.policy.belowBase(path)
	directory, known := j.directories[below]
	// What all may write to is there on the claim only.
	everybodys := directory.Writable && !strings.Contains(directory.Path, "{user}")
	return directory, ok && known && !everybodys
}

// projected judges what is projected into a volume: the types that a volume of their own would
// need no list for, and tokens, the one that the API server puts into every Pod and those for
// listed audiences.
func (j *judgement) projected(name string, source object) {
	for _, projection := range children(source, "sources") {
		sources := 0
		for kind, what := range projection {
			if what == nil {
				continue
			}
			sources++
			switch kind {
			case "configMap", "downwardAPI", "clusterTrustBundle":
			case "secret":
				// As above.
			case "serviceAccountToken":
				j.token(name, child(projection, kind))
			default:
				j.allow(j.policy.Allowed.VolumeTypes, kind, "the type of a source of volume %q", name)
			}
		}
		if sources == 0 {
			j.condemn("I4", "volume %q has a source that is none", name)
		}
	}
}

func (j *judgement) token(volume string, token object) {
	audience := text(token, "audience")
	isOwn := audience == "" && text(token, "path") == "token" && number(token["expirationSeconds"]) == "3607" &&
		strings.HasPrefix(volume, "kube-api-access-")
	if !isOwn {
		j.allow(j.policy.Allowed.TokenAudiences, audience, "the audience of a token in volume %q", volume)
	}
}
