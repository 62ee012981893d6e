package migrate

import (
	"fmt"
	"slices"
	"strings"

	"userscope.dev/userscope/migrate/claim"
	"userscope.dev/userscope/webhook/policy"
)

// Layout says where a policy's threads lay, and where they lie.
type Layout struct {
	// Legacy is the directory of the old threads, below the root where nothing else is said.
	Legacy string

	userRule, threadRule policy.IDRule
	// user and thread are the directories of a user and of a thread below the root.
	user, thread policy.Template
	// inThread are the layout's directories below a thread's own, which sandboxes mount.
	inThread []string
}

const (
	userSegment   = "{user}"
	threadSegment = "{thread}"
)

// NewLayout reads a policy's layout. A thread moves as a whole, with all that lies beside its user
// data; so its old and its new user-data directory must end alike.
func NewLayout(p *policy.Policy) (Layout, error) {
	layout := p.Layout
	if !layout.Legacy.HasThread() {
		return Layout{}, fmt.Errorf("policy %s: spec.layout.legacyUserData: is not set: nothing says where the threads lay", p.Name)
	}
	dir, tail := cut(layout.UserData, threadSegment)
	if dir == nil {
		return Layout{}, fmt.Errorf("policy %s: spec.layout.userData: %q: has no {thread}: nothing says where a thread is to lie", p.Name, layout.UserData)
	}
	legacy, legacyTail := cut(layout.Legacy, threadSegment)
	if !slices.Equal(tail, legacyTail) {
		return Layout{}, fmt.Errorf("policy %s: spec.layout.userData: %q: must end behind {thread} as legacyUserData does, %q, because a thread moves as a whole",
			p.Name, layout.UserData, layout.Legacy)
	}
	user, _ := cut(layout.UserData, userSegment)
	result := Layout{
		Legacy: strings.Join(legacy[:len(legacy)-1], "/"), userRule: p.User, threadRule: p.Thread,
		inThread: inThread(layout),
	}
	var err error
	if result.user, err = policy.ParseTemplate(strings.Join(user, "/")); err != nil {
		return Layout{}, err
	}
	result.thread, err = policy.ParseTemplate(strings.Join(dir, "/"))
	return result, err
}

// inThread returns the directories of a layout relative to a thread's own.
func inThread(layout policy.Layout) []string {
	var below []string
	for _, directory := range layout.All() {
		if through, behind := cut(directory.Template, threadSegment); through != nil && len(behind) > 0 {
			below = append(below, strings.Join(behind, "/"))
		}
	}
	return below
}

// cut returns the segments of a template up to a placeholder, and those behind it.
func cut(template policy.Template, placeholder string) (through, behind []string) {
	segments := strings.Split(template.String(), "/")
	i := slices.Index(segments, placeholder)
	if i < 0 {
		return nil, segments
	}
	return segments[:i+1], segments[i+1:]
}

func (l Layout) threadDir(user, thread string) claim.Path {
	return claim.Path{Tree: claim.Root, Name: l.thread.Path(policy.Identity{User: user, Thread: thread})}
}

func (l Layout) userDir(user string) claim.Path {
	return claim.Path{Tree: claim.Root, Name: l.user.Path(policy.Identity{User: user})}
}
