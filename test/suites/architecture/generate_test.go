package architecture

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestGenerateMakesAll keeps `make generate` complete: of each package whose tests write files with -update,
// the Makefile has a line that does so.
func TestGenerateMakesAll(t *testing.T) {
	const root = "../../.."
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	updated := map[string]bool{}
	for line := range strings.Lines(string(makefile)) {
		before, updates := strings.CutSuffix(strings.TrimSpace(line), " -update")
		module := ""
		if rest, inTest := strings.CutPrefix(before, "cd test && "); inTest {
			module, before = "test", rest
		}
		for _, word := range strings.Fields(before) {
			if strings.HasPrefix(word, "./") && updates {
				updated[filepath.Join(module, word)] = true
			}
		}
	}

	err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && path == filepath.Join(root, "bin") {
			return fs.SkipDir // it may hold another copy of all this
		}
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		source, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if !strings.Contains(string(source), `flag.Bool("`+`update"`) {
			return nil
		}
		of, err := filepath.Rel(root, filepath.Dir(path))
		if err == nil && !updated[of] {
			t.Errorf("the tests of %s write files with -update: let `make generate` do so in the Makefile", of)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(updated) == 0 {
		t.Error("the Makefile updates nothing")
	}
}
