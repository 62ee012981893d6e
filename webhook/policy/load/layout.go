package load

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"userscope.dev/userscope/webhook/policy"
)

func (c *compiler) layout(at *field.Path, layout Layout, characters string) policy.Layout {
	if layout.Root != "" {
		root, err := c.template(at.Child("root"), layout.Root)
		if err == nil && (root.HasUser() || root.HasThread()) {
			c.invalid(at.Child("root"), layout.Root, "must not have placeholders: every identity shares the root")
		}
	}
	if layout.UserData == "" {
		c.required(at.Child("userData"), "such as users/{user}/threads/{thread}/user-data")
		return policy.Layout{}
	}
	userData, err := c.template(at.Child("userData"), layout.UserData)
	if err == nil && !userData.HasUser() {
		c.invalid(at.Child("userData"), layout.UserData, "must contain {user}: without it users share a directory")
	}
	compiled := policy.Layout{Root: layout.Root, UserData: userData}
	for i, directory := range layout.Directories {
		if parsed, ok := c.directory(at.Child("directories").Index(i), directory); ok {
			compiled.Directories = append(compiled.Directories, parsed)
		}
	}
	if layout.LegacyUserData != "" {
		compiled.Legacy = c.legacy(at.Child("legacyUserData"), layout.LegacyUserData)
	}
	if len(compiled.Directories) == len(layout.Directories) && err == nil {
		c.overlaps(at, compiled, characters)
	}
	return compiled
}

// template reads a template.
func (c *compiler) template(at *field.Path, text string) (policy.Template, error) {
	c.possible(at, text)
	template, err := policy.ParseTemplate(text)
	if err != nil {
		c.invalid(at, text, "%v", err)
	}
	return template, err
}

// legacy reads the template of the user-data directory of old.
func (c *compiler) legacy(at *field.Path, text string) policy.Template {
	template, err := c.template(at, text)
	if err == nil && (template.HasUser() || !template.HasThread()) {
		c.invalid(at, text, "must contain {thread} and not {user}: list what names a user under directories")
		return policy.Template{}
	}
	return template
}

// directory reads one directory of the layout.
func (c *compiler) directory(at *field.Path, directory Directory) (policy.Directory, bool) {
	template, err := c.template(at.Child("path"), directory.Path)
	if err == nil && template.HasThread() && !template.HasUser() {
		c.invalid(at.Child("path"), directory.Path, "must contain {user} beside {thread}: threads of different users may carry the same id")
	}
	switch directory.Access {
	case policy.ReadOnly:
	case policy.ReadWrite:
		if err == nil && !template.HasUser() && !directory.SharedByAll {
			c.invalid(at.Child("access"), directory.Access, "must be ReadOnly, or sharedByAll be true: without {user} the directory is shared by all")
		}
	case "":
		c.required(at.Child("access"), "ReadOnly or ReadWrite")
	default:
		c.mistakes = append(c.mistakes, field.NotSupported(at.Child("access"), directory.Access, []policy.Access{policy.ReadOnly, policy.ReadWrite}))
	}
	if directory.SharedByAll && err == nil && (template.HasUser() || directory.Access == policy.ReadOnly) {
		c.invalid(at.Child("sharedByAll"), true, "is for a ReadWrite directory without {user}")
	}
	return policy.Directory{Template: template, Access: directory.Access, SharedByAll: directory.SharedByAll}, err == nil
}

// overlaps refuses directories through which one identity could reach another's data, or change
// what lies above one of its own mounts.
func (c *compiler) overlaps(at *field.Path, layout policy.Layout, characters string) {
	userData := policy.Directory{Template: layout.UserData, Access: policy.ReadWrite}
	legacy := policy.Directory{Template: layout.Legacy, Access: policy.ReadOnly}
	for _, directory := range append([]policy.Directory{userData}, layout.Directories...) {
		if problem := policy.Overlap(directory, legacy, characters); layout.Legacy.HasThread() && problem != "" {
			c.invalid(at.Child("legacyUserData"), legacy.String(), "%s", problem)
		}
	}
	for i, directory := range layout.Directories {
		where := at.Child("directories").Index(i).Child("path")
		for _, other := range append([]policy.Directory{userData}, layout.Directories[:i]...) {
			if problem := policy.Overlap(directory, other, characters); problem != "" {
				c.invalid(where, directory.String(), "%s", problem)
			}
		}
	}
}

// hostPaths checks a list of paths of the nodes.
func (c *compiler) hostPaths(at *field.Path, paths []string) []string {
	for i, file := range paths {
		c.absolute(at.Index(i), file)
		if own := slices.IndexFunc(nodesOwn, func(own string) bool { return nested(own, file) }); own >= 0 && file != "/" {
			c.invalid(at.Index(i), file, "and %s, through which the node can be read or ruled, lie inside one another", nodesOwn[own])
		}
	}
	return c.list(at, paths)
}

// bases refuses paths of the nodes that lie inside one another: a listed path above a base, for
// instance, would show everybody's data.
func (c *compiler) bases(at *field.Path, p *policy.Policy) {
	for i, base := range p.HostPathBases {
		for _, other := range p.HostPathBases[:i] {
			if nested(base, other) {
				c.invalid(at.Child("hostPathBases").Index(i), base, "and the base %s lie inside one another", other)
			}
		}
		for j, listed := range p.Allow.HostPaths {
			if nested(base, listed) {
				c.invalid(at.Child("allow", "hostPaths").Index(j), listed, "and the base %s lie inside one another", base)
			}
		}
	}
}

// nested reports whether one of two clean absolute paths is the other or an ancestor of it.
func nested(a, b string) bool {
	return strings.HasPrefix(a+"/", b+"/") || strings.HasPrefix(b+"/", a+"/")
}
