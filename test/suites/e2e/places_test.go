//go:build e2e

package e2e

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
)

// scope is whose sandboxes may do something with a place.
type scope int

const (
	nobody scope = iota
	thread       // those of the user's thread
	user         // those of the user, in each thread
	everyone
)

// layout says who may read and write what. Everything below a directory is of the last line that fits.
var layout = []struct {
	dir         string // from the claim's root
	read, write scope
}{
	{"", nobody, nobody},
	{"threads/{thread}/user-data", nobody, nobody}, // where it lay before there were users
	{"deer-flow/skills_view/public", everyone, nobody},
	{"deer-flow/users/{user}", nobody, nobody},
	{"deer-flow/users/{user}/skills_view/custom", user, nobody},
	{"deer-flow/users/{user}/integrations/lark-cli/config", user, nobody},
	{"deer-flow/users/{user}/integrations/lark-cli/config/locks", user, user},
	{"deer-flow/users/{user}/integrations/lark-cli/data", user, user},
	{"deer-flow/users/{user}/threads/{thread}/acp-workspace", thread, nobody},
	{"deer-flow/users/{user}/threads/{thread}/user-data", thread, thread},
}

// The identities: two users with equal thread ids, and one of them with another thread.
var (
	alice    = identity{"alice", "thread-1"}
	aliceToo = identity{"alice", "thread-2"}
	bob      = identity{"bob", "thread-1"}
)

// place is a directory of the layout, with a canary in it.
type place struct {
	dir         string
	of          identity
	read, write scope
	canary      string
}

// String names the place as the printed table does.
func (p place) String() string {
	switch {
	case p.dir == "":
		return "the claim"
	case p.of.user == "":
		return p.dir
	case p.of.thread == "":
		return p.of.user
	default:
		return p.of.String()
	}
}

// allows reports whether a scope of the place takes an identity in.
func (p place) allows(s scope, i identity) bool {
	switch s {
	case thread:
		return i == p.of
	case user:
		return i.user == p.of.user
	case everyone:
		return true
	default:
		return false
	}
}

// places are all of them, in the order of the layout.
var places = expand()

// targets are the canaries' paths.
var targets = func() (paths []string) {
	for _, p := range places {
		paths = append(paths, filepath.Join(p.dir, "canary"))
	}
	return paths
}()

func expand() (all []place) {
	for _, line := range layout {
		seen := map[string]bool{}
		for _, i := range []identity{alice, aliceToo, bob} {
			dir := strings.NewReplacer("{user}", i.user, "{thread}", i.thread).Replace(line.dir)
			if seen[dir] {
				continue
			}
			seen[dir] = true
			var of identity
			if strings.Contains(line.dir, "{user}") {
				of.user = i.user
				if strings.Contains(line.dir, "{thread}") {
					of.thread = i.thread
				}
			}
			all = append(all, place{dir: dir, of: of, read: line.read, write: line.write, canary: "CANARY-" + rand.Text()})
		}
	}
	return all
}

// at returns the place that a path from the claim's root belongs to.
func at(path string) (found place) {
	for _, p := range places {
		if p.dir == "" || path == p.dir || strings.HasPrefix(path, p.dir+"/") {
			found = p
		}
	}
	return found
}

// The canaries as they are put: everything but root is kept from them by mode.
const canaryMode = 0o600

// seed makes a volume what it is before any sandbox runs: all directories, with a canary in each.
func seed(root string) error {
	old, err := filepath.Glob(filepath.Join(root, "*"))
	if err != nil {
		return err
	}
	for _, path := range old {
		if err := os.RemoveAll(path); err != nil {
			return err
		}
	}
	// What a sandbox with fsGroup has made of the root.
	if err := errors.Join(os.Chown(root, 0, 0), os.Chmod(root, 0o755)); err != nil { //nolint:gosec // as the root of a volume
		return err
	}
	for _, p := range places {
		dir := filepath.Join(root, p.dir)
		if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // as a kubelet makes it
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, "canary"), []byte(p.canary+"\n"), canaryMode); err != nil {
			return err
		}
	}
	return nil
}

// planted finds who wrote something.
var planted = regexp.MustCompile(`PLANTED-BY-([a-z-]+)`)

// changes are what became of a volume.
type changes struct {
	// writers are the places that sandboxes wrote to, by the names of those.
	writers map[string][]place
	// owned are the canaries whose owner, group or mode has changed.
	owned []place
}

// inspect compares a volume with what was put there.
func inspect(root string) (changes, error) {
	found := changes{writers: map[string][]place{}}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		relative, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		text, err := os.ReadFile(path) //nolint:gosec // no sandbox runs any more that could put a link there
		if err != nil {
			return err
		}
		for _, match := range planted.FindAllStringSubmatch(string(text), -1) {
			found.writers[match[1]] = append(found.writers[match[1]], at(relative))
		}
		if entry.Name() != "canary" {
			return nil
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		owner := info.Sys().(*syscall.Stat_t)
		if owner.Uid != 0 || owner.Gid != 0 || info.Mode() != canaryMode {
			found.owned = append(found.owned, at(relative))
		}
		return nil
	})
	if err != nil {
		return found, err
	}
	for _, p := range places {
		if text, err := os.ReadFile(filepath.Join(root, p.dir, "canary")); err != nil || !strings.HasPrefix(string(text), p.canary) {
			return found, errors.Join(fmt.Errorf("the canary of %s is gone", p.dir), err)
		}
	}
	return found, nil
}
