package cleanup

import (
	"fmt"
	"os"
)

// Dir is a temporary directory.
type Dir struct {
	// Path is its absolute path.
	Path string

	janitor *janitor
}

// removeDir tries for a while, because the children of a killed process die a moment after it and
// may write until then.
const removeDir = `
try=0
while [ $((try += 1)) -le 100 ]; do
	rm -rf -- "$1" && [ ! -e "$1" ] && exit 0
	sleep 0.1
done
exit 1
`

// MkdirTemp makes a temporary directory as os.MkdirTemp does, in the default place.
func MkdirTemp(pattern string) (*Dir, error) {
	path, err := os.MkdirTemp("", pattern)
	if err != nil {
		return nil, err
	}
	janitor, err := hire(removeDir, path)
	if err != nil {
		_ = os.RemoveAll(path)
		return nil, fmt.Errorf("start the process that will remove %s: %w", path, err)
	}
	return &Dir{Path: path, janitor: janitor}, nil
}

// Remove removes the directory with all that is in it.
func (d *Dir) Remove() error {
	if err := d.janitor.work(); err != nil {
		return fmt.Errorf("remove %s: %w", d.Path, err)
	}
	return nil
}
