package repo

import (
	"os"
	"strings"
	"testing"
)

func TestPath(t *testing.T) {
	t.Run("from anywhere in the repository", func(t *testing.T) {
		file, err := Path("manifests", "policies", "deerflow.yaml")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(file); err != nil {
			t.Error(err)
		}
	})
	t.Run("from elsewhere it says so", func(t *testing.T) {
		t.Chdir(t.TempDir())
		if file, err := Path("go.mod"); err == nil || !strings.Contains(err.Error(), "is not in a clone of Userscope") {
			t.Errorf("got: %s, %v", file, err)
		}
	})
}
