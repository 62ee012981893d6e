package config

import (
	"maps"
	"slices"

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
	}
	return mistakes
}

// validatePair reports what keeps policy from standing beside other.
func validatePair(policy, other *scope.Policy) field.ErrorList {
	if policy.Name == other.Name {
		return field.ErrorList{field.Duplicate(field.NewPath("metadata", "name"), policy.Name)}
	}
	meet := slices.ContainsFunc(policy.Namespaces, func(namespace string) bool {
		return slices.Contains(other.Namespaces, namespace)
	})
	if !meet {
		return nil
	}

	at := field.NewPath("spec")
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
	alike("exemptCreators.users", policy.ExemptUsers, sameSet(policy.ExemptUsers, other.ExemptUsers))
	alike("exemptCreators.groups", policy.ExemptGroups, sameSet(policy.ExemptGroups, other.ExemptGroups))
	alike("userKey", policy.User.Key, policy.User.Key == other.User.Key)
	alike("threadKey", policy.Thread.Key, policy.Thread.Key == other.Thread.Key)
	unlike("claim", policy.Claim, other.Claim)
	unlike("userDataVolume", policy.UserDataVolume, other.UserDataVolume)
	unlike("userDataMountPath", policy.UserDataMountPath, other.UserDataMountPath)
	return mistakes
}

// sameSet reports whether two lists without duplicates hold the same entries.
func sameSet(a, b []string) bool {
	return len(a) == len(b) && !slices.ContainsFunc(a, func(entry string) bool { return !slices.Contains(b, entry) })
}
