package config

import (
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metavalidation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"userscope.dev/userscope/webhook/scope"
)

// defaultExempt returns who creates Pods on behalf of the claim's own software: cluster
// admins, and the controllers behind Deployments, StatefulSets, DaemonSets and Jobs.
func defaultExempt() Creators {
	exempt := Creators{Groups: []string{"system:masters"}}
	for _, controller := range []string{"replicaset", "replication", "statefulset", "daemon-set", "job"} {
		exempt.Users = append(exempt.Users, serviceAccountPrefix+"kube-system:"+controller+"-controller")
	}
	return exempt
}

// serviceAccountPrefix begins the username of every ServiceAccount.
const serviceAccountPrefix = "system:serviceaccount:"

// compile turns a document into the policy that it describes, with defaults filled in, and
// reports every mistake.
func compile(document *Policy) (*scope.Policy, field.ErrorList) {
	c := compiler{}
	spec, at := &document.Spec, field.NewPath("spec")
	c.want(field.NewPath("apiVersion"), document.APIVersion, APIVersion)
	c.want(field.NewPath("kind"), document.Kind, Kind)

	exempt := spec.ExemptCreators
	if exempt == nil {
		exempt = new(defaultExempt())
	}
	policy := &scope.Policy{
		Name:              c.name(field.NewPath("metadata", "name"), document.Metadata.Name, validation.IsDNS1123Subdomain),
		Namespaces:        c.namespaces(at.Child("namespaces"), spec.Namespaces),
		Claim:             c.name(at.Child("claim"), spec.Claim, validation.IsDNS1123Subdomain),
		Selector:          c.selector(at.Child("selector"), spec.Selector),
		Provisioners:      c.list(at.Child("provisioners"), spec.Provisioners),
		ExemptUsers:       c.list(at.Child("exemptCreators", "users"), exempt.Users),
		ExemptGroups:      c.list(at.Child("exemptCreators", "groups"), exempt.Groups),
		User:              c.idRule(at, "user", spec.UserKey, spec.UserPattern, scope.MaxUserLength, spec.CaseSensitive),
		Thread:            c.idRule(at, "thread", spec.ThreadKey, spec.ThreadPattern, scope.MaxThreadLength, spec.CaseSensitive),
		UserDataVolume:    c.name(at.Child("userDataVolume"), or(spec.UserDataVolume, "user-data"), validation.IsDNS1123Label),
		UserDataMountPath: c.mountPath(at.Child("userDataMountPath"), or(spec.UserDataMountPath, "/mnt/user-data")),
		Layout:            c.layout(at.Child("layout"), spec.Layout),
	}
	c.keys(at, policy)
	c.exemptions(at, policy)
	return policy, c.mistakes
}

// compiler collects the mistakes of one document. Its methods return what they were given, in
// the form that scope wants; after a mistake the result is never used.
type compiler struct {
	mistakes field.ErrorList
}

func (c *compiler) invalid(at *field.Path, value any, format string, args ...any) {
	c.mistakes = append(c.mistakes, field.Invalid(at, value, fmt.Sprintf(format, args...)))
}

func (c *compiler) required(at *field.Path, why string) {
	c.mistakes = append(c.mistakes, field.Required(at, why))
}

// want reports a value that is not the only one possible.
func (c *compiler) want(at *field.Path, got, want string) {
	if got != want {
		c.mistakes = append(c.mistakes, field.NotSupported(at, got, []string{want}))
	}
}

// name checks a required name of some Kubernetes form.
func (c *compiler) name(at *field.Path, name string, form func(string) []string) string {
	if name == "" {
		c.required(at, "")
		return name
	}
	for _, problem := range form(name) {
		c.invalid(at, name, "%s", problem)
	}
	return name
}

// list checks that no entry is empty or there twice.
func (c *compiler) list(at *field.Path, entries []string) []string {
	for i, entry := range entries {
		switch {
		case entry == "":
			c.required(at.Index(i), "")
		case slices.Contains(entries[:i], entry):
			c.mistakes = append(c.mistakes, field.Duplicate(at.Index(i), entry))
		}
	}
	return entries
}

func (c *compiler) namespaces(at *field.Path, namespaces []string) []string {
	if len(namespaces) == 0 {
		c.required(at, "name the namespaces whose sandboxes are governed")
	}
	for i, namespace := range namespaces {
		for _, problem := range apivalidation.ValidateNamespaceName(namespace, false) {
			c.invalid(at.Index(i), namespace, "%s", problem)
		}
	}
	return c.list(at, namespaces)
}

func (c *compiler) selector(at *field.Path, labels map[string]string) map[string]string {
	if len(labels) == 0 {
		c.required(at, "without labels every Pod of the namespaces would be a sandbox")
	}
	c.mistakes = append(c.mistakes, metavalidation.ValidateLabels(labels, at)...)
	return maps.Clone(labels)
}

func (c *compiler) idRule(at *field.Path, noun string, key *string, pattern string, most int, caseSensitive *bool) scope.IDRule {
	rule := scope.IDRule{Key: or(key, noun+"-id"), MaxLength: most, LowerCase: !or(caseSensitive, true)}
	c.mistakes = append(c.mistakes, metavalidation.ValidateLabelName(rule.Key, at.Child(noun+"Key"))...)
	if pattern == "" {
		return rule
	}
	// Alone first: a pattern such as a)|(b would close the anchors' group.
	if _, err := regexp.Compile(pattern); err != nil {
		c.invalid(at.Child(noun+"Pattern"), pattern, "is not a regular expression: %v", err)
		return rule
	}
	rule.Pattern = regexp.MustCompile(`^(?:` + pattern + `)$`)
	return rule
}

// keys refuses keys that would read or stamp one fact over another.
func (c *compiler) keys(at *field.Path, policy *scope.Policy) {
	if policy.User.Key == policy.Thread.Key {
		c.invalid(at.Child("threadKey"), policy.Thread.Key, "is also the userKey")
	}
	for _, key := range []struct{ name, value string }{{"userKey", policy.User.Key}, {"threadKey", policy.Thread.Key}} {
		if _, ok := policy.Selector[key.value]; ok {
			c.invalid(at.Child(key.name), key.value, "is also a label of the selector")
		}
	}
}

func (c *compiler) mountPath(at *field.Path, mountPath string) string {
	if !path.IsAbs(mountPath) || path.Clean(mountPath) != mountPath || mountPath == "/" {
		c.invalid(at, mountPath, "must be an absolute path without a slash at the end, . or ..")
	}
	return mountPath
}

func (c *compiler) layout(at *field.Path, layout Layout) scope.Layout {
	if layout.Root != "" {
		root, err := scope.ParseTemplate(layout.Root)
		switch {
		case err != nil:
			c.invalid(at.Child("root"), layout.Root, "%v", err)
		case root.HasUser():
			c.invalid(at.Child("root"), layout.Root, "must not have placeholders: every identity shares the root")
		}
	}
	if layout.UserData == "" {
		c.required(at.Child("userData"), "such as users/{user}/threads/{thread}/user-data")
		return scope.Layout{}
	}
	userData, err := scope.ParseTemplate(layout.UserData)
	switch {
	case err != nil:
		c.invalid(at.Child("userData"), layout.UserData, "%v", err)
	case !userData.HasUser():
		c.invalid(at.Child("userData"), layout.UserData, "must contain {user}: without it all users share one directory")
	}
	return scope.Layout{Root: layout.Root, UserData: userData}
}

// exemptions refuses exempt creators that a sandbox namespace's own programs could be: then
// whoever breaks into one of them is exempt too.
func (c *compiler) exemptions(at *field.Path, policy *scope.Policy) {
	for i, user := range policy.ExemptUsers {
		where := at.Child("exemptCreators", "users").Index(i)
		if namespace, ok := serviceAccountNamespace(user); ok && slices.Contains(policy.Namespaces, namespace) {
			c.invalid(where, user, "is a ServiceAccount of the governed namespace %s", namespace)
		}
		if slices.Contains(policy.Provisioners, user) {
			c.invalid(where, user, "is also one of the provisioners, whose Pods are always governed")
		}
	}
	for i, group := range policy.ExemptGroups {
		where := at.Child("exemptCreators", "groups").Index(i)
		switch {
		case group == "system:authenticated" || group == "system:serviceaccounts":
			c.invalid(where, group, "contains every ServiceAccount of the governed namespaces")
		case slices.Contains(policy.Namespaces, strings.TrimPrefix(group, "system:serviceaccounts:")):
			c.invalid(where, group, "contains every ServiceAccount of a governed namespace")
		}
	}
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

// or returns what a pointer points to, or the default where it is nil.
func or[T any](value *T, fallback T) T {
	if value == nil {
		return fallback
	}
	return *value
}
