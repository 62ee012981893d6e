package scope

import (
	"slices"
	"strings"
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

	// Layout is where on the claim each identity's directories lie.
	Layout Layout
}

// Layout is how a claim is divided among identities.
type Layout struct {
	// Root is the directory on the claim below which the layout lies; empty for the
	// claim's own root.
	Root string

	// UserData is the directory that a user-data mount shows.
	UserData Template
}

// userDataPath returns the subPath of an identity's user-data mounts.
func (l Layout) userDataPath(id Identity) string { return join(l.Root, l.UserData.Path(id)) }

// needsThread reports whether an identity of the layout has a thread at all.
func (l Layout) needsThread() bool { return l.UserData.HasThread() }

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
