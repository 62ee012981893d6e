// Package load reads policy files: versioned, strict, defaulted and validated, so that what
// reaches package scope can hold. It imports policy and yamlstream and nothing else of Userscope.
package load

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"userscope.dev/userscope/webhook/policy"
)

// The apiVersion and kind of every document of a policy file.
const (
	APIVersion = "userscope.dev/v1alpha1"
	Kind       = "Policy"
)

// Document is one document of a policy file.
type Document struct {
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
//
// The chart's schema and docs/policy.md are made of these types and the first paragraphs of their comments:
// see manifests/facts. A line that begins with +format= names the definition of values.schema.json that a
// value keeps, or each entry of a list. A field without omitempty is required.
// +format=plainWithoutIDCharacters
type Spec struct {
	// Namespaces are those whose sandboxes the policy governs. Pods of other namespaces are not governed.
	// +format=label
	Namespaces []string `json:"namespaces"`

	// Claim names the PersistentVolumeClaim that holds every user's data.
	// +format=subdomain
	Claim string `json:"claim"`

	// Selector says which labels a sandbox wears. A Pod that matches it is governed. In matchLabels or a plain map
	// stand labels with their values; in matchExpressions requirements with key, the operator In or Exists, and values.
	// By Exists a provisioner chooses the value, so no Service or controller of others may select Pods by that label.
	// +format=labelSelector
	Selector map[string]any `json:"selector"`

	// Provisioners are usernames, such as system:serviceaccount:NAMESPACE:NAME, whose every Pod is a
	// sandbox and must have the selector's labels.
	Provisioners []string `json:"provisioners,omitempty"`

	// ExemptCreators may mount the claim without being governed for it. The default is the group
	// system:masters and the workload controllers of kube-system.
	ExemptCreators *policy.Creators `json:"exemptCreators,omitempty"`

	// IdentityFrom lists the places from which user and thread are read. Label and Annotation are those of userKey
	// and threadKey, and must not contradict each other. Mounts are the directories that a Pod mounts. What comes
	// first of Mounts and the others counts. Places that are not listed are neither read nor written. Without
	// Mounts proof must not be Adopted.
	IdentityFrom *[]policy.IdentitySource `json:"identityFrom,omitempty"`

	// UserKey is the key of the label or annotation that declares the user.
	// +format=labelKey
	UserKey *string `json:"userKey,omitempty"`

	// ThreadKey is the key of the label or annotation that declares the thread.
	// +format=labelKey
	ThreadKey *string `json:"threadKey,omitempty"`

	// UserPattern narrows the legal ids of users. It is anchored at both ends. Without it all are legal.
	// +format=regularExpression
	UserPattern string `json:"userPattern,omitempty"`

	// ThreadPattern narrows the legal ids of threads. It is anchored at both ends. Without it all are legal.
	// +format=regularExpression
	ThreadPattern string `json:"threadPattern,omitempty"`

	// IDCharacters are characters that ids may have beyond A-Z, a-z, 0-9, _ and -. None of them is the first
	// or last character of an id, and .. is never legal. The character ~ needs caseSensitive: true, since other
	// filesystems may have short names with it.
	IDCharacters []policy.IDCharacter `json:"idCharacters,omitempty"`

	// CaseSensitive is false for a claim whose filesystem does not tell A from a, such as an SMB share.
	// Ids with upper-case letters are refused then.
	CaseSensitive *bool `json:"caseSensitive,omitempty"`

	// UserDataVolume is the name of the volume of user data. A volume of that name that is a hostPath becomes the
	// claim, see replaceUserData.
	// +format=label
	UserDataVolume *string `json:"userDataVolume,omitempty"`

	// UserDataMountPath is the path of user data in the containers: each mount of the claim there, by a volume of
	// any name, is a user-data mount.
	// +format=mountPath
	UserDataMountPath *string `json:"userDataMountPath,omitempty"`

	// SandboxIDKey is the key of the label that carries the gateway's sandbox id.
	// +format=labelKey
	SandboxIDKey *string `json:"sandboxIDKey,omitempty"`

	// Proof says which identities the sandbox id must prove. Adopted: those that are read off the mounted
	// directories. Always: declared ones too. Never: none, every identity is believed. See docs/identity.md.
	Proof *policy.Proof `json:"proof,omitempty"`

	// ProofOf lists what a sandbox id may be the hash of: {user}, {thread} if the layout has it, and other words,
	// divided by colons. No two of them could be the same text. By default it is {user}:{thread}, or {user} for a
	// layout without {thread}.
	// +format=proofText
	ProofOf *[]string `json:"proofOf,omitempty"`

	// KeyFile holds the key under which the gateway mints sandbox ids, or is a directory of several: the
	// first by name signs, all verify. A key is the content of its file less one newline at the end, at
	// least 32 bytes, which are not all the same. A relative path is relative to the policy file; the chart takes
	// only a file or directory of its keys. Without it sandbox ids are plain SHA-256. With it proof must be Always.
	KeyFile string `json:"keyFile,omitempty"`

	// DefaultUser is the user of a Pod that names a thread and no user. Without it such Pods are refused. With it
	// all of them belong to one user, unless the sandbox id shows that they are another's.
	// +format=userID
	DefaultUser string `json:"defaultUser,omitempty"`

	// ReplaceUserData turns a user-data volume that is a hostPath into the claim. If it is false, such Pods are
	// refused. Another claim of that name is judged as any other claim, and an emptyDir stays one.
	ReplaceUserData *bool `json:"replaceUserData,omitempty"`

	// OnOtherIdentity says what becomes of a mount at userDataMountPath that asks for another directory than the
	// identity's own, or the one of old of its thread. Rewrite: it shows the identity's own. Refuse: the Pod is refused,
	// so that no home is swapped for an empty one unseen.
	OnOtherIdentity *policy.OnOtherIdentity `json:"onOtherIdentity,omitempty"`

	// Layout says where on the claim each user's data lies.
	Layout Layout `json:"layout"`

	// HostPathBases are directories of the nodes that hold the layout's directories once more, without
	// its root.
	// +format=absolutePath
	HostPathBases []string `json:"hostPathBases,omitempty"`

	// Bounds limit how much a sandbox may have of anything, so that no Pod keeps an API server busy. Those
	// that are left out are the defaults.
	Bounds Bounds `json:"bounds,omitzero"`

	// Allow lists what else a sandbox may have. By default that is nothing.
	Allow policy.Allow `json:"allow,omitzero"`
}

// Bounds are the largest numbers of some things in a sandbox.
type Bounds struct {
	// Volumes is how many volumes, and sources that are projected into volumes, a sandbox may have.
	// +format=volumesBound
	Volumes *int `json:"volumes,omitempty"`

	// Mounts is how many volumeMounts its containers may have together.
	// +format=mountsBound
	Mounts *int `json:"mounts,omitempty"`

	// Containers is how many init and regular containers it may have.
	// +format=containersBound
	Containers *int `json:"containers,omitempty"`

	// Environment is how many entries of env and envFrom its containers may have together.
	// +format=environmentBound
	Environment *int `json:"environment,omitempty"`
}

// Layout is how the claim is divided.
type Layout struct {
	// Root is the directory on the claim that holds the layout. By default it is the claim's own root.
	// +format=directory
	Root string `json:"root,omitempty"`

	// UserData is the user-data directory below the root, such as
	// users/{user}/threads/{thread}/user-data. A sandbox may write to it.
	// +format=userTemplate
	UserData string `json:"userData"`

	// LegacyUserData is the user-data directory of old, by thread alone, such as
	// threads/{thread}/user-data. Nobody may mount it; it names the thread of the Pods that do, which get their
	// own directory instead. By default there is none.
	// +format=threadTemplate
	LegacyUserData string `json:"legacyUserData,omitempty"`

	// Directories are the others that a sandbox may mount.
	Directories []Directory `json:"directories,omitempty"`
}

// Directory is one directory of the layout, or rather one for each identity.
// +format=writableByOneUser
type Directory struct {
	// Path is the directory below the root. Without {user} the directory is shared by all.
	// +format=template
	Path string `json:"path"`

	// Access is what a sandbox may do there. A shared directory is ReadOnly, unless it is sharedByAll.
	Access policy.Access `json:"access"`

	// SharedByAll says of a directory without {user} that it is ReadWrite all the same: users meet there. No other
	// directory lies around or below it, and below hostPathBases it cannot be mounted.
	SharedByAll bool `json:"sharedByAll,omitempty"`
}
