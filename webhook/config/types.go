// Package config reads policy files: versioned, strict, defaulted and validated, so that what
// reaches package scope can hold. It imports documents and scope and nothing else of Userscope.
package config

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"userscope.dev/userscope/webhook/policy"
)

// The apiVersion and kind of every document of a policy file.
const (
	APIVersion = "userscope.dev/v1alpha1"
	Kind       = "Policy"
)

// Policy is one document of a policy file.
type Policy struct {
	metav1.TypeMeta `json:",inline"`
	Metadata        Metadata `json:"metadata"`
	Spec            Spec     `json:"spec"`
}

// Metadata names a policy.
type Metadata struct {
	// Name is for people, logs and refusals.
	Name string `json:"name"`
}

// Spec is what a policy says of one claim.
type Spec struct {
	// Namespaces are the ones whose sandboxes the policy governs. Required.
	Namespaces []string `json:"namespaces"`

	// Claim names the PersistentVolumeClaim that holds every user's data. Required.
	Claim string `json:"claim"`

	// Selector are the labels of a sandbox. Required.
	Selector map[string]string `json:"selector"`

	// Provisioners are the usernames whose every Pod is a sandbox, such as
	// system:serviceaccount:NAMESPACE:NAME.
	Provisioners []string `json:"provisioners,omitempty"`

	// ExemptCreators may mount the claim without being governed for it. By default the
	// group system:masters and the workload controllers of kube-system.
	ExemptCreators *policy.Creators `json:"exemptCreators,omitempty"`

	// UserKey and ThreadKey are the label and annotation keys that declare an identity.
	// By default user-id and thread-id.
	UserKey   *string `json:"userKey,omitempty"`
	ThreadKey *string `json:"threadKey,omitempty"`

	// UserPattern and ThreadPattern are regular expressions (RE2) that narrow the legal
	// ids, anchored at both ends. By default every safe id is legal.
	UserPattern   string `json:"userPattern,omitempty"`
	ThreadPattern string `json:"threadPattern,omitempty"`

	// CaseSensitive is whether the claim's filesystem tells A from a. By default true; false
	// refuses ids with upper-case letters.
	CaseSensitive *bool `json:"caseSensitive,omitempty"`

	// UserDataVolume is the volume name, and UserDataMountPath the path in the containers,
	// by which user-data mounts are known. By default user-data and /mnt/user-data.
	UserDataVolume    *string `json:"userDataVolume,omitempty"`
	UserDataMountPath *string `json:"userDataMountPath,omitempty"`

	// SandboxIDKey is the label that carries the gateway's sandbox id. By default
	// sandbox-id.
	SandboxIDKey *string `json:"sandboxIDKey,omitempty"`

	// Proof says which identities the sandbox id must prove: Adopted (the default), Always or
	// Never.
	Proof *policy.Proof `json:"proof,omitempty"`

	// KeyFile holds the secret under which the gateway mints sandbox ids, or is a directory
	// of several such files: the first by name signs, all verify. A key is the content of
	// its file less one newline at the end, at least 32 bytes. A relative path is relative
	// to the policy file. By default sandbox ids are plain SHA-256.
	KeyFile string `json:"keyFile,omitempty"`

	// DefaultUser stands in for a user that nothing names. By default such Pods are
	// refused.
	DefaultUser string `json:"defaultUser,omitempty"`

	// ReplaceUserData turns a user-data volume of any other source into the claim. By
	// default true; false refuses such Pods.
	ReplaceUserData *bool `json:"replaceUserData,omitempty"`

	// Layout is where on the claim each user's data lies. Required.
	Layout Layout `json:"layout"`

	// HostPathBases are directories of the nodes that hold the layout's directories once
	// more, without its root.
	HostPathBases []string `json:"hostPathBases,omitempty"`

	// Allow lists what else a sandbox may have. By default nothing.
	Allow policy.Allow `json:"allow,omitzero"`
}

// Layout is how the claim is divided.
type Layout struct {
	// Root is the directory on the claim that holds the layout. By default the claim's
	// own root.
	Root string `json:"root,omitempty"`

	// UserData is the template of the user-data directory below the root, such as
	// users/{user}/threads/{thread}/user-data. It is ReadWrite. Required.
	UserData string `json:"userData"`

	// LegacyUserData is the template of the user-data directory of old, by thread alone, such
	// as threads/{thread}/user-data. Nobody may mount it; it names the thread of the Pods
	// that do. By default there is none.
	LegacyUserData string `json:"legacyUserData,omitempty"`

	// Directories are the others that a sandbox may mount.
	Directories []Directory `json:"directories,omitempty"`
}

// Directory is one directory of the layout, or rather one for each identity.
type Directory struct {
	// Path is a template below the root. Without {user} the directory is shared, and must
	// be ReadOnly.
	Path string `json:"path"`

	// Access is ReadOnly or ReadWrite. Required.
	Access policy.Access `json:"access"`
}
