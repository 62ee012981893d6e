package load

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// write puts content at path in one step, as the kubelet does.
func write(t *testing.T, path, content string) {
	t.Helper()
	half := filepath.Join(t.TempDir(), "half")
	if err := os.WriteFile(half, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(half, path); err != nil {
		t.Fatal(err)
	}
}

func TestSource(t *testing.T) {
	dir := t.TempDir()
	file, key := filepath.Join(dir, "policy.yaml"), filepath.Join(dir, "keys", "a")
	if err := os.Mkdir(filepath.Dir(key), 0o700); err != nil {
		t.Fatal(err)
	}
	keyed := strings.Replace(minimal, "claim:", "proof: Always\n  keyFile: keys\n  claim:", 1)
	write(t, file, keyed)
	write(t, key, strings.Repeat("a-", 16))

	source, err := Open(file)
	if err != nil {
		t.Fatal(err)
	}
	hash := "" // of the file as it was last taken
	// One step after another, each with what it makes of the policies in force.
	for _, step := range []struct {
		name    string
		change  func()
		changed bool
		err     string
		keys    int
		claim   string
	}{
		{"nothing", func() {}, false, "", 1, "deer-flow-home"},
		{"the file written again", func() { write(t, file, keyed) }, false, "", 1, "deer-flow-home"},
		{"a comment", func() { write(t, file, keyed+"# why\n") }, true, "", 1, "deer-flow-home"},
		{"no comment", func() { write(t, file, keyed) }, true, "", 1, "deer-flow-home"},
		{"another key", func() { write(t, key, strings.Repeat("b-", 16)) }, true, "", 1, "deer-flow-home"},
		{"a second key", func() { write(t, key+"2", strings.Repeat("c-", 16)) }, true, "", 2, "deer-flow-home"},
		{"a broken key", func() { write(t, key, "short") }, false, "and a key has at least 32", 2, "deer-flow-home"},
		{"the key mended", func() { write(t, key, strings.Repeat("b-", 16)) }, false, "", 2, "deer-flow-home"},
		{"a broken policy", func() { write(t, file, "kind: Pod") }, false, "kind: Unsupported value", 2, "deer-flow-home"},
		{"a truncated policy", func() { write(t, file, "") }, false, "holds no policy", 2, "deer-flow-home"},
		{"no policy", func() { _ = os.Remove(file) }, false, "no such file", 2, "deer-flow-home"},
		{"another claim", func() { write(t, file, strings.Replace(keyed, "deer-flow-home", "other", 1)) }, true, "", 2, "other"},
	} {
		step.change()
		changed, err := source.Reload()
		if changed != step.changed || (err == nil) != (step.err == "") || err != nil && !strings.Contains(err.Error(), step.err) {
			t.Errorf("%s: changed %t, %v; want %t, %s", step.name, changed, err, step.changed, step.err)
		}
		if got := source.Policies()[0]; len(got.Keys) != step.keys || got.Claim != step.claim {
			t.Errorf("%s: %d keys, claim %s; want %d, %s", step.name, len(got.Keys), got.Claim, step.keys, step.claim)
		}
		if step.err == "" {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			hash = fmt.Sprintf("%x", sha256.Sum256(content))
		}
		if source.Hash() != hash {
			t.Errorf("%s: the hash is %s, want %s", step.name, source.Hash(), hash)
		}
	}
}

func TestOpenErrors(t *testing.T) {
	if _, err := Open("testdata/missing.yaml"); err == nil {
		t.Error("opened a file that is not there")
	}
}

func TestWatch(t *testing.T) {
	file := filepath.Join(t.TempDir(), "policy.yaml")
	write(t, file, minimal)
	source, err := Open(file)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	reports, ended := make(chan error), make(chan struct{})
	go func() {
		defer close(ended)
		source.Watch(ctx, time.Millisecond, func(err error) { reports <- err })
	}()

	// An error is reported once while it lasts, and again when it comes back.
	for range 2 {
		write(t, file, "kind: Pod")
		if err := <-reports; err == nil {
			t.Fatal("a broken policy was taken")
		}
		write(t, file, strings.Replace(minimal, "deer-flow-home", "other", 1))
		if err := <-reports; err != nil {
			t.Fatal(err)
		}
		if got := source.Policies()[0].Claim; got != "other" {
			t.Fatalf("claim %s is in force", got)
		}
		write(t, file, minimal)
		if err := <-reports; err != nil {
			t.Fatal(err)
		}
	}

	// So is its end, if the old policy comes back.
	write(t, file, "kind: Pod")
	if err := <-reports; err == nil {
		t.Fatal("a broken policy was taken")
	}
	write(t, file, minimal)
	if err := <-reports; err != nil {
		t.Fatal(err)
	}
	cancel()
	<-ended
}
