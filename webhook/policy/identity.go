package policy

import "slices"

// Identity is whose sandbox a Pod is.
type Identity struct {
	User string
	// Thread is empty where the layout does not divide a user's data by thread.
	Thread string
	// Source is where the identity was found: the less direct one, if its halves were
	// found in different places.
	Source Source
}

// IdentitySource is a place of a Pod from which its identity may be read.
type IdentitySource string

// The places: a label or an annotation of the policy's keys declares an id, and the directories that the Pod
// mounts spell the ids of who may be adopted.
const (
	FromLabel      IdentitySource = "Label"
	FromAnnotation IdentitySource = "Annotation"
	FromMounts     IdentitySource = "Mounts"
)

// IdentitySources returns all places, in the order of the default.
func IdentitySources() []IdentitySource {
	return []IdentitySource{FromLabel, FromAnnotation, FromMounts}
}

// Source is where an identity comes from.
type Source string

// The sources of an identity, the most direct first: declared by a label or an annotation,
// adopted from the directories that the Pod mounts, or the policy's default user.
const (
	SourceLabel      Source = "label"
	SourceAnnotation Source = "annotation"
	SourceSubPath    Source = "subPath"
	SourceDefault    Source = "default"
)

// LessDirect returns the less direct of two sources.
func LessDirect(a, b Source) Source {
	order := []Source{"", SourceLabel, SourceAnnotation, SourceSubPath, SourceDefault}
	return order[max(slices.Index(order, a), slices.Index(order, b))]
}

// String is the identity as people read it: alice/thread-1, or alice.
func (i Identity) String() string {
	if i.Thread == "" {
		return i.User
	}
	return i.User + "/" + i.Thread
}
