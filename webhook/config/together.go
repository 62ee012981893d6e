package config

import (
	"bytes"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"userscope.dev/userscope/webhook/scope"
)

// validateTogether checks what no policy can see alone. Policies whose namespaces meet govern
// the same Pods, which have one identity and one list of provisioners; and a claim has one
// layout.
func validateTogether(policies scope.Policies) field.ErrorList {
	var mistakes field.ErrorList
	for i, policy := range policies {
		for _, other := range policies[:i] {
			mistakes = append(mistakes, validatePair(policy, other)...)
		}
		for _, other := range policies {
			mistakes = append(mistakes, validateClaims(policy, other)...)
			if policy != other { // see bases
				mistakes = append(mistakes, validateNodes(field.NewPath("spec", "allow", "hostPaths"), policy.Allow.HostPaths, other.HostPathBases, other.Name)...)
			}
		}
	}
	return mistakes
}

// validateNodes refuses paths of the nodes, bases or listed ones, that meet the bases which another
// policy divides among its users: the Pods of all namespaces run on the same nodes.
func validateNodes(at *field.Path, paths, bases []string, other string) field.ErrorList {
	var mistakes field.ErrorList
	for i, file := range paths {
		for _, base := range bases {
			if nested(base, file) {
				mistakes = append(mistakes, field.Invalid(at.Index(i), file, "and the base "+base+" of policy "+other+" lie inside one another"))
			}
		}
	}
	return mistakes
}

// validateBases refuses bases that two policies divide unlike each other: what one gives to alice the
// other could give to somebody else.
func validateBases(at *field.Path, policy, other *scope.Policy) field.ErrorList {
	layout := func(p *scope.Policy) scope.Layout {
		return scope.Layout{UserData: p.Layout.UserData, Directories: p.Layout.Directories}
	}
	bases := other.HostPathBases
	if reflect.DeepEqual(layout(policy), layout(other)) {
		bases = slices.DeleteFunc(slices.Clone(bases), func(base string) bool { return slices.Contains(policy.HostPathBases, base) })
	}
	return validateNodes(at, policy.HostPathBases, bases, other.Name)
}

// validateClaims refuses to list a claim that some policy protects: listed claims are mounted
// whole.
func validateClaims(policy, other *scope.Policy) field.ErrorList {
	var mistakes field.ErrorList
	for i, claim := range policy.Allow.Claims {
		if claim == other.Claim && meet(policy, other) {
			mistakes = append(mistakes, field.Invalid(field.NewPath("spec", "allow", "claims").Index(i), claim,
				"is the claim that policy "+other.Name+" protects"))
		}
	}
	return mistakes
}

// meet reports whether two policies govern Pods of the same namespace.
func meet(policy, other *scope.Policy) bool {
	return slices.ContainsFunc(policy.Namespaces, func(namespace string) bool {
		return slices.Contains(other.Namespaces, namespace)
	})
}

// validatePair reports what keeps policy from standing beside other.
func validatePair(policy, other *scope.Policy) field.ErrorList {
	if policy.Name == other.Name {
		return field.ErrorList{field.Duplicate(field.NewPath("metadata", "name"), policy.Name)}
	}
	at := field.NewPath("spec")
	if !meet(policy, other) {
		// Where they meet, a Pod must pass both.
		return validateBases(at.Child("hostPathBases"), policy, other)
	}
	var mistakes field.ErrorList
	alike := func(name string, value any, same bool) {
		if !same {
			mistakes = append(mistakes, field.Invalid(at.Child(name), value,
				"must be as in policy "+other.Name+", which governs Pods of the same namespace"))
		}
	}
	unlike := func(name, value, taken string) {
		if value == taken {
			mistakes = append(mistakes, field.Invalid(at.Child(name), value,
				"is taken by policy "+other.Name+", which governs Pods of the same namespace"))
		}
	}
	alike("selector", policy.Selector, maps.Equal(policy.Selector, other.Selector))
	alike("provisioners", policy.Provisioners, sameSet(policy.Provisioners, other.Provisioners))
	alike("exemptCreators.users", policy.Exempt.Users, sameSet(policy.Exempt.Users, other.Exempt.Users))
	alike("exemptCreators.groups", policy.Exempt.Groups, sameSet(policy.Exempt.Groups, other.Exempt.Groups))
	alike("userKey", policy.User.Key, policy.User.Key == other.User.Key)
	alike("sandboxIDKey", policy.SandboxIDKey, policy.SandboxIDKey == other.SandboxIDKey)
	alike("threadKey", policy.Thread.Key, policy.Thread.Key == other.Thread.Key)
	alike("proof", policy.Proof, policy.Proof == other.Proof)
	alike("defaultUser", policy.DefaultUser, policy.DefaultUser == other.DefaultUser)
	// As JSON, the form of every other value here, keys would be legible.
	alike("keyFile", fmt.Sprint(policy.Keys), slices.EqualFunc(policy.Keys, other.Keys, func(a, b scope.Key) bool { return bytes.Equal(a, b) }))
	unlike("claim", policy.Claim, other.Claim)
	unlike("userDataVolume", policy.UserDataVolume, other.UserDataVolume)
	unlike("userDataMountPath", policy.UserDataMountPath, other.UserDataMountPath)
	return mistakes
}

// sameSet reports whether two lists without duplicates hold the same entries.
func sameSet(a, b []string) bool {
	return len(a) == len(b) && !slices.ContainsFunc(a, func(entry string) bool { return !slices.Contains(b, entry) })
}

// validateExemptions refuses exempt creators that the programs of a governed namespace, be it
// another policy's, could be: whoever breaks into one of them would be exempt too.
func validateExemptions(policy *scope.Policy, policies scope.Policies) field.ErrorList {
	governed := func(namespace string) bool {
		return slices.ContainsFunc(policies, func(p *scope.Policy) bool { return slices.Contains(p.Namespaces, namespace) })
	}
	at := field.NewPath("spec", "exemptCreators")
	var mistakes field.ErrorList
	for i, user := range policy.Exempt.Users {
		if namespace, ok := serviceAccountNamespace(user); ok && governed(namespace) {
			mistakes = append(mistakes, field.Invalid(at.Child("users").Index(i), user, "is a ServiceAccount of the governed namespace "+namespace))
		}
	}
	for i, group := range policy.Exempt.Groups {
		if namespace, ok := strings.CutPrefix(group, "system:serviceaccounts:"); ok && governed(namespace) {
			mistakes = append(mistakes, field.Invalid(at.Child("groups").Index(i), group, "contains every ServiceAccount of a governed namespace"))
		}
	}
	return mistakes
}

// serviceAccountNamespace returns the namespace in the username of a ServiceAccount.
func serviceAccountNamespace(username string) (string, bool) {
	name, ok := strings.CutPrefix(username, serviceAccountPrefix)
	if !ok {
		return "", false
	}
	namespace, _, ok := strings.Cut(name, ":")
	return namespace, ok
}
