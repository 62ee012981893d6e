package cleanup

import "fmt"

// Groups are cgroups, as cgroups(7) describes them.
type Groups struct {
	paths   []string
	janitor *janitor
}

// removeGroups removes them with those below, the lowest first. It tries for a while: a cgroup cannot be
// removed until the last process in it has ended, which takes killed ones a moment.
const removeGroups = `
try=0
while [ $((try += 1)) -le 100 ]; do
	left=
	for group; do
		[ ! -d "$group" ] || find "$group" -depth -type d -exec rmdir {} \; 2>/dev/null
		[ ! -d "$group" ] || left=1
	done
	[ -n "$left" ] || exit 0
	sleep 0.1
done
exit 1
`

// RemoveGroups sees to it that the cgroups at these paths, which may be made yet, are gone after this
// process.
func RemoveGroups(paths ...string) (*Groups, error) {
	janitor, err := hire(removeGroups, paths...)
	if err != nil {
		return nil, fmt.Errorf("start the process that will remove %q: %w", paths, err)
	}
	return &Groups{paths, janitor}, nil
}

// Remove removes the cgroups with all below them.
func (g *Groups) Remove() error {
	if err := g.janitor.work(); err != nil {
		return fmt.Errorf("remove the cgroups %q: %w", g.paths, err)
	}
	return nil
}
