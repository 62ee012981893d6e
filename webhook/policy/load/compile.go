package load

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode"

	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metavalidation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"userscope.dev/userscope/webhook/policy"
)

// serviceAccountPrefix begins the username of every ServiceAccount.
const serviceAccountPrefix = "system:serviceaccount:"

// compile turns a document into the policy that it describes, with defaults filled in, and
// reports every mistake. Relative paths in it are relative to dir.
func compile(document *Document, dir string) (*policy.Policy, field.ErrorList) {
	c := compiler{dir: dir}
	spec, at := withDefaults(document.Spec), field.NewPath("spec")
	c.want(field.NewPath("apiVersion"), document.APIVersion, APIVersion)
	c.want(field.NewPath("kind"), document.Kind, Kind)

	characters := c.idCharacters(at.Child("idCharacters"), spec.IDCharacters, *spec.CaseSensitive)
	p := &policy.Policy{
		Name:              c.name(field.NewPath("metadata", "name"), document.Metadata.Name, validation.IsDNS1123Subdomain),
		Namespaces:        c.namespaces(at.Child("namespaces"), spec.Namespaces),
		Claim:             c.name(at.Child("claim"), spec.Claim, validation.IsDNS1123Subdomain),
		Selector:          c.selector(at.Child("selector"), spec.Selector),
		Provisioners:      c.list(at.Child("provisioners"), spec.Provisioners),
		Exempt:            c.creators(at.Child("exemptCreators"), *spec.ExemptCreators),
		IdentityFrom:      c.identityFrom(at.Child("identityFrom"), *spec.IdentityFrom, *spec.Proof),
		User:              c.idRule(at, "user", *spec.UserKey, spec.UserPattern, policy.MaxUserLength, characters, *spec.CaseSensitive),
		Thread:            c.idRule(at, "thread", *spec.ThreadKey, spec.ThreadPattern, policy.MaxThreadLength, characters, *spec.CaseSensitive),
		UserDataVolume:    c.name(at.Child("userDataVolume"), *spec.UserDataVolume, validation.IsDNS1123Label),
		UserDataMountPath: c.mountPath(at.Child("userDataMountPath"), *spec.UserDataMountPath),
		SandboxIDKey:      *spec.SandboxIDKey,
		Proof:             *spec.Proof,
		Keys:              c.keys(at.Child("keyFile"), spec.KeyFile),
		DefaultUser:       spec.DefaultUser,
		ReplaceUserData:   *spec.ReplaceUserData,
		OnOtherIdentity:   c.onOtherIdentity(at.Child("onOtherIdentity"), *spec.OnOtherIdentity),
		Layout:            c.layout(at.Child("layout"), spec.Layout, characters),
		HostPathBases:     c.hostPaths(at.Child("hostPathBases"), spec.HostPathBases),
		Bounds:            c.bounds(at.Child("bounds"), spec.Bounds),
		Allow:             c.allow(at.Child("allow"), spec.Allow),
	}
	c.bases(at, p)
	c.identityKeys(at, p)
	p.ProofOf = c.proofOf(at.Child("proofOf"), spec.ProofOf, p.Layout)
	c.proof(at, p)
	c.exemptions(at, p)
	return p, c.mistakes
}

// compiler collects the mistakes of one document. Its methods return what they were given, in
// the form that scope wants; after a mistake the result is never used.
type compiler struct {
	dir      string
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

func (c *compiler) creators(at *field.Path, creators policy.Creators) policy.Creators {
	return policy.Creators{Users: c.list(at.Child("users"), creators.Users), Groups: c.list(at.Child("groups"), creators.Groups)}
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

// idCharacters returns the further characters of ids as one text.
func (c *compiler) idCharacters(at *field.Path, characters []policy.IDCharacter, caseSensitive bool) string {
	all := make([]string, len(characters))
	for i, character := range characters {
		all[i] = string(character)
		known := []policy.IDCharacter{policy.Dot, policy.AtSign, policy.Plus, policy.Tilde}
		switch {
		case character != "" && !slices.Contains(known, character):
			c.mistakes = append(c.mistakes, field.NotSupported(at.Index(i), character, known))
		case character == policy.Tilde && !caseSensitive:
			c.invalid(at.Index(i), character, "must not be listed with caseSensitive: false: such filesystems may have short names of other ids, as ALICEB~1")
		}
	}
	return strings.Join(c.list(at, all), "")
}

func (c *compiler) onOtherIdentity(at *field.Path, value policy.OnOtherIdentity) policy.OnOtherIdentity {
	if known := []policy.OnOtherIdentity{policy.Rewrite, policy.Refuse}; !slices.Contains(known, value) {
		c.mistakes = append(c.mistakes, field.NotSupported(at, value, known))
	}
	return value
}

func (c *compiler) idRule(at *field.Path, noun, key, pattern string, most int, characters string, caseSensitive bool) policy.IDRule {
	rule := policy.IDRule{Key: key, MaxLength: most, Characters: characters, LowerCase: !caseSensitive}
	c.mistakes = append(c.mistakes, metavalidation.ValidateLabelName(rule.Key, at.Child(noun+"Key"))...)
	if pattern == "" {
		return rule
	}
	// Alone first: a pattern such as a)|(b would close the anchors' group. And then inside it:
	// one such as \Qa would take the group's end for its own text, and one may be too deep.
	_, err := regexp.Compile(pattern)
	if err == nil {
		rule.Pattern, err = regexp.Compile(`^(?:` + pattern + `)$`)
	}
	if err != nil {
		c.invalid(at.Child(noun+"Pattern"), pattern, "is not a regular expression: %v", err)
	}
	return rule
}

// identityKeys refuses keys that would read or stamp one fact over another.
func (c *compiler) identityKeys(at *field.Path, p *policy.Policy) {
	c.mistakes = append(c.mistakes, metavalidation.ValidateLabelName(p.SandboxIDKey, at.Child("sandboxIDKey"))...)
	taken := map[string]string{
		policy.MarkerAnnotation: "the marker that Userscope sets",
		policy.UserStamp:        "a stamp that Userscope sets",
		policy.ThreadStamp:      "a stamp that Userscope sets",
	}
	for _, requirement := range p.Selector {
		taken[requirement.Key] = "a label of the selector"
	}
	for _, key := range []struct{ name, value string }{
		{"userKey", p.User.Key}, {"threadKey", p.Thread.Key}, {"sandboxIDKey", p.SandboxIDKey},
	} {
		if other, ok := taken[key.value]; ok {
			c.invalid(at.Child(key.name), key.value, "is also %s", other)
		}
		taken[key.value] = "the " + key.name
	}
}

// absolute checks a path of a container or a node.
func (c *compiler) absolute(at *field.Path, file string) string {
	if !path.IsAbs(file) || path.Clean(file) != file || file == "/" {
		c.invalid(at, file, "must be an absolute path other than /, without a slash at the end, . or ..")
	}
	c.possible(at, file)
	return file
}

// mountPath checks a path of a container, where the API server allows no colon.
func (c *compiler) mountPath(at *field.Path, file string) string {
	if strings.Contains(file, ":") {
		c.invalid(at, file, "must not contain a colon")
	}
	return c.absolute(at, file)
}

// The longest that Linux allows, in bytes.
const (
	maxPath    = 4095
	maxSegment = 255
)

// possible checks that a path can exist, and can be shown.
func (c *compiler) possible(at *field.Path, file string) {
	switch {
	case strings.ContainsFunc(file, unicode.IsControl):
		c.invalid(at, file, "must not contain control characters")
	case len(file) > maxPath:
		c.mistakes = append(c.mistakes, field.TooLong(at, file, maxPath))
	case slices.ContainsFunc(strings.Split(file, "/"), func(segment string) bool { return len(segment) > maxSegment }):
		c.invalid(at, file, "must not contain a segment of more than %d bytes", maxSegment)
	}
}

// exemptions refuses exempt creators that no policy can have; validateExemptions refuses those
// that depend on the others.
func (c *compiler) exemptions(at *field.Path, p *policy.Policy) {
	for i, user := range p.Exempt.Users {
		if slices.Contains(p.Provisioners, user) {
			c.invalid(at.Child("exemptCreators", "users").Index(i), user, "is also one of the provisioners, whose Pods are always governed")
		}
	}
	for i, group := range p.Exempt.Groups {
		if slices.Contains(groupsOfAll, group) {
			c.invalid(at.Child("exemptCreators", "groups").Index(i), group, "contains every ServiceAccount of the governed namespaces")
		}
	}
}
