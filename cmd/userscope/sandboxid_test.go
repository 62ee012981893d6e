package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The digests were computed with another implementation.
func TestSandboxID(t *testing.T) {
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, []byte("0123456789abcdef0123456789abcdef\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	short := filepath.Join(t.TempDir(), "short")
	if err := os.WriteFile(short, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		args   string
		code   int
		stdout string
		stderr string
	}{
		{"plain", "--user alice --thread t1", 0, "b076b51a7d6fe4e2\n", ""},
		{"keyed", "--user alice --thread t1 --key-file " + key, 0, "38f3bfc0eecde8be\n", ""},
		{"keyed, the first of a directory", "--user alice --thread t1 --key-file " + filepath.Dir(key), 0, "38f3bfc0eecde8be\n", ""},
		{"more digits", "--user alice --thread t1 --digits 63", 0, "b076b51a7d6fe4e26bd8c8eff4f1c34b62cac1cba16d205cd6283ae9214d52e\n", ""},
		{"too few digits", "--user alice --thread t1 --digits 15", 2, "", "--digits 15: must be 16 to 63"},
		{"too many digits", "--user alice --thread t1 --digits 64", 2, "", "--digits 64: must be 16 to 63"},
		{"no user", "--thread t1", 2, "", `--user "": is empty`},
		{"no thread", "--user alice", 2, "", `--thread "": is empty`},
		{"an illegal user", "--user a:b --thread t1", 2, "", `--user "a:b": has characters that no policy can admit there`},
		{"an empty key file, as of a variable that is not set", "--user alice --thread t1 --key-file=", 2, "", "--key-file: is empty: name a file or a directory, or leave it out"},
		{"a key that is no file", "--user alice --thread t1 --key-file /dev/null", 1, "", "--key-file: read key /dev/null: is no file"},
		{"a missing key", "--user alice --thread t1 --key-file none", 1, "", "--key-file: names no file: no such file or directory"},
		{"a missing key in a directory", "--user alice --thread t1 --key-file ./none", 1, "", "--key-file: stat ./none: no such file or directory"},
		{"a short key", "--user alice --thread t1 --key-file " + short, 1, "", "and a key has at least 32"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			stdout, stderr, code := command("", append([]string{"sandbox-id"}, strings.Fields(test.args)...)...)
			if code != test.code || stdout != test.stdout || !strings.Contains(stderr, test.stderr) || (stderr == "") != (test.stderr == "") {
				t.Errorf("exit code %d, stdout %q, stderr %q; want %d, %q, %q", code, stdout, stderr, test.code, test.stdout, test.stderr)
			}
		})
	}
}
