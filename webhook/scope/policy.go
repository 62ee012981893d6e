package scope

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// Policies are all the policies of one installation. Policies whose namespaces meet name the
// same selector, provisioners and identity keys, so that a Pod of several has one identity;
// package config sees to it.
type Policies []*Policy

// Policy says which Pods are sandboxes of one claim and what belongs to whom on it. Its
// fields are taken as valid: package config reads and validates them.
type Policy struct {
	// Name is for people and logs.
	Name string

	// Namespaces are the only ones in which the policy governs Pods.
	Namespaces []string

	// Claim names the PersistentVolumeClaim that holds every user's data.
	Claim string

	// Selector are the labels that a sandbox wears, all of them.
	Selector map[string]string

	// Provisioners are the usernames whose every Pod is a sandbox.
	Provisioners []string

	// ExemptUsers and ExemptGroups may mount the claim without being governed for it.
	ExemptUsers  []string
	ExemptGroups []string

	// User and Thread say where the ids of a sandbox are declared and which are valid.
	User   IDRule
	Thread IDRule

	// UserDataVolume is the volume name, and UserDataMountPath the clean absolute path in
	// the containers, by which the user-data mounts are known.
	UserDataVolume    string
	UserDataMountPath string

	// ReplaceUserData turns a user-data volume of any other source into the claim; without
	// it such a Pod is refused.
	ReplaceUserData bool

	// Layout is where on the claim each identity's directories lie.
	Layout Layout

	// HostPathBases are the directories of the nodes, clean and absolute, that hold the
	// layout's directories once more (without its root).
	HostPathBases []string

	// SandboxIDKey is the label that carries the gateway's sandbox id, Proof which identities
	// it must prove, and Keys the secrets under one of which it is minted; without keys it is
	// a plain SHA-256.
	SandboxIDKey string
	Proof        Proof
	Keys         []Key

	// DefaultUser stands in for a user that nothing names; empty for none. A defaulted
	// user gets directories of the thread only.
	DefaultUser string

	// Allow lists what else a sandbox may have.
	Allow Allow
}

// Allow lists what a sandbox may have beyond its identity's directories. Everything shared
// among sandboxes is read-only.
type Allow struct {
	// HostPaths are clean absolute paths of the nodes, mounted read-only.
	HostPaths []string
	// Claims are other PersistentVolumeClaims, mounted read-only.
	Claims []string
	// VolumeTypes are volume sources by their field's name in the API: csi, nfs, ephemeral.
	VolumeTypes []string
	// Secrets may be mounted and read into the environment.
	Secrets []string
	// ServiceAccounts may be run as, besides default.
	ServiceAccounts []string
	// TokenAudiences are audiences for which a ServiceAccount token may be projected.
	TokenAudiences []string
	// ResourceClaims are ResourceClaims, ResourceClaimTemplates and extended resources by
	// name.
	ResourceClaims []string
	// RuntimeClasses may be asked for.
	RuntimeClasses []string
	// Capabilities may be added beyond those of the Pod Security baseline.
	Capabilities []string
	// FSGroup is the one fsGroup that may be set; nil for none.
	FSGroup *int64
	// SELinuxOptions are the ones that may be set; nil for none.
	SELinuxOptions *corev1.SELinuxOptions
}

// Access is what a sandbox may do in a directory.
type Access string

// The two kinds of access.
const (
	ReadOnly  Access = "ReadOnly"
	ReadWrite Access = "ReadWrite"
)

// Layout is how a claim is divided among identities.
type Layout struct {
	// Root is the directory on the claim below which the layout lies; empty for the
	// claim's own root.
	Root string

	// UserData is the directory that a user-data mount shows, read-write.
	UserData Template

	// Directories are the others that a sandbox may mount.
	Directories []Directory

	// Legacy is the user-data directory of old, by thread alone, below the root, a base or
	// at the claim's root. Nobody may mount it; it names the thread of the Pods that do. The
	// zero value matches nothing.
	Legacy Template
}

// Directory is a template and what its identity may do there. A directory that does not
// depend on the user is shared, and ReadOnly.
type Directory struct {
	Template
	Access Access
}

// all returns every directory of the layout, the user-data directory first.
func (l Layout) all() []Directory {
	return append([]Directory{{l.UserData, ReadWrite}}, l.Directories...)
}

// isShared reports whether a path below the root is a directory that everybody shares.
func (l Layout) isShared(below string) bool {
	return slices.ContainsFunc(l.Directories, func(d Directory) bool { return !d.HasUser() && d.String() == below })
}

// needsThread reports whether an identity of the layout has a thread at all.
func (l Layout) needsThread() bool {
	return slices.ContainsFunc(l.all(), func(d Directory) bool { return d.HasThread() })
}

// tree is the directories of one identity by their paths below the layout's root.
type tree struct {
	root, userData string
	access         map[string]Access
}

// tree returns the directories of an identity. Without one it holds only those that all
// share; of a defaulted user, only those of the thread and the shared ones.
func (l Layout) tree(id Identity, identified bool) tree {
	t := tree{root: l.Root, access: map[string]Access{}}
	for _, directory := range l.all() {
		if directory.HasUser() && (!identified || id.Source == SourceDefault && !directory.HasThread()) {
			continue
		}
		t.access[directory.Path(id)] = directory.Access
	}
	t.userData = join(l.Root, l.UserData.Path(id))
	return t
}

// onClaim returns the access to a clean path on the claim.
func (t tree) onClaim(clean string) (Access, bool) {
	below, ok := cutRoot(t.root, clean)
	access, found := t.access[below]
	return access, ok && found
}

// cutRoot returns what of a clean path lies below root.
func cutRoot(root, clean string) (string, bool) {
	if root == "" {
		return clean, true
	}
	return strings.CutPrefix(clean, root+"/")
}

// join is path.Join without its cleaning: the parts are clean, and what is written must be
// what the template says.
func join(root, below string) string {
	if root == "" {
		return below
	}
	return root + "/" + below
}

// forNamespace returns the policies that speak of a namespace.
func (p Policies) forNamespace(namespace string) Policies {
	var found Policies
	for _, policy := range p {
		if slices.Contains(policy.Namespaces, namespace) {
			found = append(found, policy)
		}
	}
	return found
}

// labelsText writes labels as kubectl's -l takes them.
func labelsText(labels map[string]string) string {
	pairs := make([]string, 0, len(labels))
	for key, value := range labels {
		pairs = append(pairs, key+"="+value)
	}
	slices.Sort(pairs)
	return strings.Join(pairs, ",")
}
