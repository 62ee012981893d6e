package architecture

import (
	"io/fs"
	"os"
	"path"
	"strings"
	"testing"
)

// TestGenerateMakesAll keeps `make generate` complete: of each package whose tests write files with -update,
// the Makefile has a line that does so.
func TestGenerateMakesAll(t *testing.T) {
	tree := os.DirFS("../../..")
	makefile, err := fs.ReadFile(tree, "Makefile")
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
				updated[path.Join(module, word)] = true
			}
		}
	}

	err = fs.WalkDir(tree, ".", func(name string, _ fs.DirEntry, err error) error {
		if err == nil && name == "bin" {
			return fs.SkipDir // it may hold another copy of all this
		}
		if err != nil || !strings.HasSuffix(name, "_test.go") {
			return err
		}
		source, err := fs.ReadFile(tree, name)
		if of := path.Dir(name); strings.Contains(string(source), `flag.Bool("`+`update"`) && !updated[of] {
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
