// Package policy says what a policy is: which Pods are sandboxes of a claim, how the claim is
// divided among users and threads, and what proves whose a sandbox is.
//
// It knows no Pod and decides nothing: package scope does. It is as pure as scope is, and imports
// none of Userscope's packages.
package policy

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// MarkerAnnotation marks a Pod that Userscope judged when it was created. Its value names the
// policies. Later operations know sandboxes by it.
const MarkerAnnotation = "userscope.dev/policies"

// The stamps record a Pod's identity: as annotations and, where the ids are label values, as labels.
// Only Userscope writes them on a new Pod, and nothing declares an identity by them.
const (
	UserStamp   = "userscope.dev/user"
	ThreadStamp = "userscope.dev/thread"
)

// Policies are all the policies of one installation. Policies whose namespaces meet name the
// same selector, provisioners and identity keys, so that a Pod of several has one identity;
// package load sees to it.
type Policies []*Policy

// Policy says which Pods are sandboxes of one claim and what belongs to whom on it. Its
// fields are taken as valid: package load reads and validates them.
type Policy struct {
	// Name is for people and logs.
	Name string

	// Namespaces are the only ones in which the policy governs Pods.
	Namespaces []string

	// Claim names the PersistentVolumeClaim that holds every user's data.
	Claim string

	// Selector says which labels a sandbox wears.
	Selector Selector

	// Provisioners are the usernames whose every Pod is a sandbox.
	Provisioners []string

	// Exempt creators may mount the claim without being governed for it.
	Exempt Creators

	// IdentityFrom are the places from which an identity is read, the first that counts first. No other is
	// read or written.
	IdentityFrom []IdentitySource

	// User and Thread say where the ids of a sandbox are declared and which are valid.
	User   IDRule
	Thread IDRule

	// UserDataMountPath is the clean absolute path in the containers by which the user-data mounts are known.
	UserDataMountPath string

	// UserDataVolume is the name of the user-data volume. ReplaceUserData turns such a volume that is a
	// hostPath into the claim; without it such a Pod is refused.
	UserDataVolume  string
	ReplaceUserData bool

	// OnOtherIdentity is what becomes of a user-data mount that asks for another's directory.
	OnOtherIdentity OnOtherIdentity

	// Layout is where on the claim each identity's directories lie.
	Layout Layout

	// HostPathBases are the directories of the nodes, clean and absolute, that hold the
	// layout's directories once more (without its root).
	HostPathBases []string

	// SandboxIDKey is the label that carries the gateway's sandbox id.
	SandboxIDKey string

	// Proof says which identities the sandbox id must prove.
	Proof Proof

	// ProofOf are the texts of which a sandbox id may be the hash.
	ProofOf []ProofText

	// Keys are the secrets that the gateway may mint a sandbox id under. Without keys an id is
	// a plain SHA-256.
	Keys []Key

	// DefaultUser stands in for a user that nothing names; empty for none. A defaulted
	// user gets directories of the thread only.
	DefaultUser string

	// Bounds limit how much a sandbox may have of anything.
	Bounds Bounds

	// Allow lists what else a sandbox may have.
	Allow Allow
}

// Creators are names as the API server authenticates them.
type Creators struct {
	// Users are usernames. A ServiceAccount of a governed namespace is refused here.
	Users []string `json:"users,omitempty"`

	// Groups are groups. Those that contain ServiceAccounts of a governed namespace are refused here.
	Groups []string `json:"groups,omitempty"`
}

// Allow lists what a sandbox may have beyond its identity's directories. Everything shared
// among sandboxes is read-only.
type Allow struct {
	// HostPaths are paths of the nodes. They are mounted read-only.
	// +format=absolutePath
	HostPaths []string `json:"hostPaths,omitempty"`

	// Claims are other PersistentVolumeClaims. They are mounted read-only.
	// +format=subdomain
	Claims []string `json:"claims,omitempty"`

	// VolumeTypes are types of volumes by their field's name in the API, such as nfs, image or ephemeral.
	// What stands in such a volume is not looked into, ephemeral aside. Types with a list of their own, such as csi, are no
	// entries.
	// +format=volumeType
	VolumeTypes []string `json:"volumeTypes,omitempty"`

	// CSIDrivers are drivers of inline CSI volumes by name, such as secrets-store.csi.k8s.io. Attributes of
	// such a volume, and the Secret that it names, are not looked into.
	CSIDrivers []string `json:"csiDrivers,omitempty"`

	// Labels may be given by a provisioner beyond those of selector, identity and sandbox id: each key with its
	// permitted values. The entry * stands alone, for every value; app, release, component and app.kubernetes.io/*
	// need their values. Labels that other webhooks add to the Pod count, too.
	// +format=permittedLabels
	Labels map[string][]string `json:"labels,omitempty"`

	// Annotations are the keys below controller.kubernetes.io/ and scheduler.alpha.kubernetes.io/ that a provisioner
	// may set. Other annotations need no permission.
	// +format=controllersAnnotation
	Annotations []string `json:"annotations,omitempty"`

	// Secrets may be mounted and read into the environment.
	Secrets []string `json:"secrets,omitempty"`

	// ImagePullSecrets may be named in imagePullSecrets, and nowhere else.
	// +format=subdomain
	ImagePullSecrets []string `json:"imagePullSecrets,omitempty"`

	// ConfigMaps may be mounted and read into the environment. If the list is left out, all may, and if it is empty, none.
	// +format=subdomain
	ConfigMaps []string `json:"configMaps,omitempty"`

	// StorageClasses may be named by volumes of the type ephemeral, each of which must name one.
	// +format=subdomain
	StorageClasses []string `json:"storageClasses,omitempty"`

	// ServiceAccounts may be run as, besides default.
	ServiceAccounts []string `json:"serviceAccounts,omitempty"`

	// TokenAudiences are audiences for which a ServiceAccount token may be projected.
	TokenAudiences []string `json:"tokenAudiences,omitempty"`

	// ResourceClaims are the names of ResourceClaims, ResourceClaimTemplates and extended resources, such
	// as nvidia.com/gpu.
	ResourceClaims []string `json:"resourceClaims,omitempty"`

	// RuntimeClasses may be asked for.
	RuntimeClasses []string `json:"runtimeClasses,omitempty"`

	// HostAliases are names that a sandbox may put into its /etc/hosts.
	HostAliases []string `json:"hostAliases,omitempty"`

	// Hostnames are the fields by which a sandbox may choose its names: hostname, subdomain, setHostnameAsFQDN
	// and hostnameOverride.
	Hostnames []HostnameField `json:"hostnames,omitempty"`

	// MaxPriority is the highest priority that a sandbox may have. The default is 0, and classes whose name
	// begins with system- are never allowed.
	// +format=priority
	MaxPriority int32 `json:"maxPriority,omitempty"`

	// NodeNames are nodes that a sandbox may name in nodeName, past the scheduler.
	NodeNames []string `json:"nodeNames,omitempty"`

	// Tolerations are those of NoExecute that a sandbox may have, each with what tolerates less, besides those
	// that the API server gives every Pod.
	// +format=toleration
	Tolerations []corev1.Toleration `json:"tolerations,omitempty"`

	// Capabilities may be added beyond the Pod Security baseline's. Service meshes need them.
	// +format=networkCapability
	Capabilities []string `json:"capabilities,omitempty"`

	// ControllerOwners are kinds, as Kind.group, whose controllers may own a provisioner's Pods. An owner of
	// such a kind must own sandboxes only: its controller deletes others to keep its count.
	// +format=controllerOwner
	ControllerOwners []string `json:"controllerOwners,omitempty"`

	// FSGroup is the one fsGroup that a sandbox may set, with fsGroupChangePolicy: OnRootMismatch.
	// +format=groupID
	FSGroup *int64 `json:"fsGroup,omitempty"`

	// SELinuxOptions are the ones that a sandbox may set.
	// +format=seLinuxOptions
	SELinuxOptions *corev1.SELinuxOptions `json:"seLinuxOptions,omitempty"`
}

// HostnameField is a field of a Pod that chooses a name of its, for itself or in DNS.
type HostnameField string

// The fields that choose names.
const (
	Hostname          HostnameField = "hostname"
	Subdomain         HostnameField = "subdomain"
	SetHostnameAsFQDN HostnameField = "setHostnameAsFQDN"
	HostnameOverride  HostnameField = "hostnameOverride"
)

// ForNamespace returns the policies that speak of a namespace.
func (p Policies) ForNamespace(namespace string) Policies {
	var found Policies
	for _, policy := range p {
		if slices.Contains(policy.Namespaces, namespace) {
			found = append(found, policy)
		}
	}
	return found
}

// IsProvisioner reports whether every Pod that the user creates is a sandbox.
func (p *Policy) IsProvisioner(username string) bool {
	return slices.Contains(p.Provisioners, username)
}

// Selects reports whether the labels match the sandbox selector.
func (p *Policy) Selects(labels map[string]string) bool {
	return p.Selector.Matches(labels)
}

// Exempts reports whether a user of the groups may mount the claim freely.
func (p *Policy) Exempts(username string, groups []string) bool {
	if slices.Contains(p.Exempt.Users, username) {
		return true
	}
	return slices.ContainsFunc(groups, func(group string) bool {
		return slices.Contains(p.Exempt.Groups, group)
	})
}

// ReadsFrom reports whether identities are read from a place.
func (p *Policy) ReadsFrom(source IdentitySource) bool {
	return slices.Contains(p.IdentityFrom, source)
}

// IdentityKeys returns the keys of labels or of annotations that say whose a Pod is: the stamps and, if the
// policy reads from there, the keys that declare an identity.
func (p *Policy) IdentityKeys(source IdentitySource) []string {
	keys := []string{UserStamp, ThreadStamp}
	if !p.ReadsFrom(source) {
		return keys
	}
	keys = append(keys, p.User.Key)
	if p.Layout.NeedsThread() {
		keys = append(keys, p.Thread.Key)
	}
	return keys
}
