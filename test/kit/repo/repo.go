// Package repo finds files of this repository, for programs and tests that run somewhere in it.
package repo

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// moduleLine opens the go.mod of the repository's root and of no other directory.
const moduleLine = "module userscope.dev/userscope\n"

// Path returns the absolute path of a file below the repository's root.
func Path(elements ...string) (string, error) {
	start, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		content, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && bytes.HasPrefix(content, []byte(moduleLine)) {
			return filepath.Join(append([]string{dir}, elements...)...), nil
		}
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return "", err
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("%s is not in a clone of Userscope: no directory above it holds the go.mod of userscope.dev/userscope", start)
		}
	}
}
