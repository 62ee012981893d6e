package corpus

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"userscope.dev/userscope/test/kit/cleanup"
	"userscope.dev/userscope/test/kit/controlplane"
	"userscope.dev/userscope/test/kit/webhookprocess"
)

// cluster is the control plane of all tests, whose Pods of DeerFlow's namespace go to the
// webhook.
var cluster *controlplane.ControlPlane

func TestMain(m *testing.M) {
	os.Exit(cleanup.RunTests(m, func(ctx context.Context) (stop func() error, err error) {
		started, err := webhookprocess.StartCluster(ctx, controlplane.Options{}, webhookprocess.Options{})
		if err != nil {
			return nil, err
		}
		cluster = started.ControlPlane
		return started.Stop, nil
	}))
}

func TestFolders(t *testing.T) {
	inspector, err := New(t.Context(), cluster, HostPathRewritten)
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range append([]string{"testdata"}, RealFolders()...) {
		t.Run(filepath.Base(folder), func(t *testing.T) {
			entries, err := ReadIndex(folder)
			if err != nil {
				t.Fatal(err)
			}
			results, err := inspector.Folder(t.Context(), folder)
			if err != nil {
				t.Fatal(err)
			}
			judged := map[string]bool{}
			for _, result := range results {
				judged[result.File] = true
				if len(result.Problems) > 0 {
					t.Errorf("%s, %s:\n\t%s", result.File, result.Variant, strings.Join(result.Problems, "\n\t"))
				}
			}
			if len(judged) != len(entries) {
				t.Errorf("%d Pods were judged of %d", len(judged), len(entries))
			}
			t.Logf("%d Pods, %d with their variants", len(judged), len(results))
		})
	}
}

// Every manifest of our own is in the index, and nothing else is.
func TestFixturesAreListed(t *testing.T) {
	entries, err := ReadIndex("testdata")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{filepath.Join("testdata", indexFile): true}
	for _, entry := range entries {
		listed[filepath.Join("testdata", entry.File)] = true
	}
	files, err := filepath.Glob("testdata/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if !listed[file] {
			t.Errorf("%s is not in the index", file)
		}
	}
	if len(files) != len(listed) {
		t.Errorf("%d files, and the index makes %d", len(files), len(listed))
	}
}
