package main

import (
	"os"
	"path/filepath"
	"testing"

	"userscope.dev/userscope/migrate/owners"
)

// What keeps a migration from starting is said before anything is looked at, and changes nothing.
// What an API server decides is tried in test/inuse.
func TestMigrateDoesNotStart(t *testing.T) {
	t.Setenv("KUBECONFIG", "/none")
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	t.Setenv(owners.DSNVariable, "")
	dir := t.TempDir()
	root := filepath.Join(dir, "deer-flow")
	if err := os.MkdirAll(filepath.Join(root, "threads", "t1"), 0o700); err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(dir, "owners.csv")
	if err := os.WriteFile(list, []byte("thread_id,user_id\nt1,alice\nt1,bob\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"a list that names a thread twice", []string{"--owners", list}, 1,
			list + `: line 3: thread_id "t1": is named again, with user_id "bob"; line 2 has it with "alice": leave one` + "\n"},
		{"PostgreSQL without a DSN", []string{"--owners", "postgres"}, 1,
			"postgres: USERSCOPE_OWNERS_DSN: is not set: set it to DeerFlow's database.postgres_url\n"},
		{"a kubeconfig for nothing", []string{"--kubeconfig", "/none"}, 2,
			"--kubeconfig: is for --check-pods, which is not there\nRun 'userscope migrate apply --help' for usage.\n"},
		{"a kubeconfig that is not there", []string{"--check-pods", "--kubeconfig", "/none"}, 1,
			"--check-pods: stat /none: no such file or directory\n"},
		{"no cluster at all", []string{"--check-pods"}, 1,
			"--check-pods: invalid configuration: no configuration has been provided, try setting KUBERNETES_MASTER environment variable\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			out, errs, code := command("", append([]string{"migrate", "apply", "--root", root}, test.args...)...)
			if code != test.code || out != "" || errs != "userscope migrate apply: "+test.want {
				t.Errorf("got %d, %q,\n%s\nwant %d,\n%s", code, out, errs, test.code, test.want)
			}
			if left, err := os.ReadDir(root); err != nil || len(left) != 1 {
				t.Errorf("something has changed: %v, %v", left, err)
			}
		})
	}
}
