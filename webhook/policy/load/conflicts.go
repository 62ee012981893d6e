package load

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"userscope.dev/userscope/webhook/policy"
)

// validateTogether checks what no policy can see alone. Policies whose namespaces meet govern
// the same Pods, which have one identity and one list of provisioners; and a claim has one
// layout.
func validateTogether(policies policy.Policies) field.ErrorList {
	var mistakes field.ErrorList
	for i, p := range policies {
		for _, other := range policies[:i] {
			mistakes = append(mistakes, validatePair(p, other)...)
		}
		for _, other := range policies {
			mistakes = append(mistakes, validateClaims(p, other)...)
			if p != other { // see bases
				mistakes = append(mistakes, validateNodes(field.NewPath("spec", "allow", "hostPaths"), p.Allow.HostPaths, other.HostPathBases, other.Name)...)
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
func validateBases(at *field.Path, p, other *policy.Policy) field.ErrorList {
	layout := func(p *policy.Policy) policy.Layout {
		return policy.Layout{UserData: p.Layout.UserData, Directories: p.Layout.Directories}
	}
	bases := other.HostPathBases
	if reflect.DeepEqual(layout(p), layout(other)) {
		bases = slices.DeleteFunc(slices.Clone(bases), func(base string) bool { return slices.Contains(p.HostPathBases, base) })
	}
	return validateNodes(at, p.HostPathBases, bases, other.Name)
}

// validateCase refuses policies that divide the same base, the one with regard to case and the other without: where
// the filesystem ignores case, Alice of the one would be alice of the other.
func validateCase(at *field.Path, p, other *policy.Policy) field.ErrorList {
	if p.User.LowerCase == other.User.LowerCase {
		return nil
	}
	for _, base := range p.HostPathBases {
		for _, others := range other.HostPathBases {
			if nested(base, others) {
				return field.ErrorList{field.Invalid(at, !p.User.LowerCase, "must be as in policy "+other.Name+", which divides "+others+" of hostPathBases, too")}
			}
		}
	}
	return nil
}

// validateClaims refuses to list a claim that some policy protects: listed claims are mounted
// whole.
func validateClaims(p, other *policy.Policy) field.ErrorList {
	var mistakes field.ErrorList
	for i, claim := range p.Allow.Claims {
		if claim == other.Claim && meet(p, other) {
			mistakes = append(mistakes, field.Invalid(field.NewPath("spec", "allow", "claims").Index(i), claim,
				"is the claim that policy "+other.Name+" protects"))
		}
	}
	return mistakes
}

// meet reports whether two policies govern Pods of the same namespace.
func meet(p, other *policy.Policy) bool {
	return slices.ContainsFunc(p.Namespaces, func(namespace string) bool {
		return slices.Contains(other.Namespaces, namespace)
	})
}

// validatePair reports what keeps policy from standing beside other.
func validatePair(p, other *policy.Policy) field.ErrorList {
	if p.Name == other.Name {
		return field.ErrorList{field.Duplicate(field.NewPath("metadata", "name"), p.Name)}
	}
	at := field.NewPath("spec")
	mistakes := validateCase(at.Child("caseSensitive"), p, other)
	if !meet(p, other) {
		// Where they meet, a Pod must pass both.
		return append(mistakes, validateBases(at.Child("hostPathBases"), p, other)...)
	}
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
	alike("selector", p.Selector.String(), p.Selector.Equal(other.Selector))
	alike("provisioners", p.Provisioners, sameSet(p.Provisioners, other.Provisioners))
	alike("exemptCreators.users", p.Exempt.Users, sameSet(p.Exempt.Users, other.Exempt.Users))
	alike("exemptCreators.groups", p.Exempt.Groups, sameSet(p.Exempt.Groups, other.Exempt.Groups))
	alike("identityFrom", p.IdentityFrom, slices.Equal(inOrder(p.IdentityFrom), inOrder(other.IdentityFrom)))
	alike("userKey", p.User.Key, p.User.Key == other.User.Key)
	alike("sandboxIDKey", p.SandboxIDKey, p.SandboxIDKey == other.SandboxIDKey)
	alike("threadKey", p.Thread.Key, p.Thread.Key == other.Thread.Key)
	if p.Layout.NeedsThread() == other.Layout.NeedsThread() {
		alike("proofOf", texts(p.ProofOf), sameSet(texts(p.ProofOf), texts(other.ProofOf)))
	} else {
		mistakes = append(mistakes, validateTexts(at.Child("proofOf"), p, other)...)
	}
	alike("proof", p.Proof, p.Proof == other.Proof)
	alike("defaultUser", p.DefaultUser, p.DefaultUser == other.DefaultUser)
	// As JSON, the form of every other value here, keys would be legible.
	alike("keyFile", fmt.Sprint(p.Keys), slices.EqualFunc(p.Keys, other.Keys, func(a, b policy.Key) bool { return bytes.Equal(a, b) }))
	unlike("claim", p.Claim, other.Claim)
	unlike("userDataVolume", p.UserDataVolume, other.UserDataVolume)
	unlike("userDataMountPath", p.UserDataMountPath, other.UserDataMountPath)
	return mistakes
}

// inOrder returns places with Label before an Annotation beside it, since only their order to Mounts matters.
func inOrder(sources []policy.IdentitySource) []policy.IdentitySource {
	sources = slices.Clone(sources)
	for i := 1; i < len(sources); i++ {
		if sources[i-1] == policy.FromAnnotation && sources[i] == policy.FromLabel {
			sources[i-1], sources[i] = sources[i], sources[i-1]
		}
	}
	return sources
}

// validateTexts refuses texts that two policies of one namespace could take for two identities, one with a thread
// and one without.
func validateTexts(at *field.Path, p, other *policy.Policy) field.ErrorList {
	var mistakes field.ErrorList
	for i, text := range p.ProofOf {
		for _, others := range other.ProofOf {
			if text.CouldBe(others) {
				mistakes = append(mistakes, field.Invalid(at.Index(i), text, fmt.Sprintf(
					"could be the same text as %q of policy %s, which governs Pods of the same namespace", others, other.Name)))
			}
		}
	}
	return mistakes
}

// texts returns what sandbox ids are hashes of, as the policy has it.
func texts(of []policy.ProofText) []string {
	all := make([]string, len(of))
	for i, text := range of {
		all[i] = text.String()
	}
	return all
}

// sameSet reports whether two lists without duplicates hold the same entries.
func sameSet(a, b []string) bool {
	return len(a) == len(b) && !slices.ContainsFunc(a, func(entry string) bool { return !slices.Contains(b, entry) })
}

// validateExemptions refuses to exempt ServiceAccounts of any governed namespace, including another
// policy's: whoever breaks into a program of such a namespace would be exempt too.
func validateExemptions(p *policy.Policy, policies policy.Policies) field.ErrorList {
	governed := func(namespace string) bool {
		return slices.ContainsFunc(policies, func(p *policy.Policy) bool { return slices.Contains(p.Namespaces, namespace) })
	}
	at := field.NewPath("spec", "exemptCreators")
	var mistakes field.ErrorList
	for i, user := range p.Exempt.Users {
		if namespace, ok := serviceAccountNamespace(user); ok && governed(namespace) {
			mistakes = append(mistakes, field.Invalid(at.Child("users").Index(i), user, "is a ServiceAccount of the governed namespace "+namespace))
		}
	}
	for i, group := range p.Exempt.Groups {
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
