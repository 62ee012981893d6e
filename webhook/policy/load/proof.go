package load

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"userscope.dev/userscope/webhook/policy"
)

// MinKeyLength is the shortest key, in bytes: that of the hash (RFC 2104, section 3).
const MinKeyLength = 32

var (
	errNoKey   = errors.New("the directory holds no key")
	errNotFile = errors.New("is no file")
)

// proof checks how identities are proved.
func (c *compiler) proof(at *field.Path, p *policy.Policy) {
	known := []policy.Proof{policy.ProofAdopted, policy.ProofAlways, policy.ProofNever}
	userData := p.Layout.UserData
	threads := userData.HasThread() || !userData.HasUser() // one without a user is reported already
	switch {
	case !slices.Contains(known, p.Proof):
		c.mistakes = append(c.mistakes, field.NotSupported(at.Child("proof"), p.Proof, known))
	case len(p.Keys) > 0 && p.Proof != policy.ProofAlways:
		c.invalid(at.Child("proof"), p.Proof, "must be Always where there is a keyFile: an identity that is believed needs no key")
	}
	c.defaultUser(at.Child("defaultUser"), p, threads)
}

// identityFrom checks the places from which identities are read.
func (c *compiler) identityFrom(at *field.Path, sources []policy.IdentitySource, proof policy.Proof) []policy.IdentitySource {
	if len(sources) == 0 {
		c.required(at, "an identity is read from some place")
	}
	for i, source := range sources {
		switch {
		case !slices.Contains(policy.IdentitySources(), source):
			c.mistakes = append(c.mistakes, field.NotSupported(at.Index(i), source, policy.IdentitySources()))
		case slices.Contains(sources[:i], source):
			c.mistakes = append(c.mistakes, field.Duplicate(at.Index(i), source))
		}
	}
	if len(sources) > 0 && proof == policy.ProofAdopted && !slices.Contains(sources, policy.FromMounts) {
		c.invalid(at, sources, "must have Mounts where proof is Adopted, which has only what is read from there proved: set proof to Always or Never")
	}
	return sources
}

// proofOf reads what sandbox ids are hashes of. A layout that is wrong is reported already.
func (c *compiler) proofOf(at *field.Path, texts *[]string, layout policy.Layout) []policy.ProofText {
	threads := layout.NeedsThread()
	if texts == nil {
		return []policy.ProofText{policy.DefaultProofText(threads)}
	}
	if len(*texts) == 0 {
		c.required(at, "such as {user}:{thread}")
	}
	var all []policy.ProofText
	for i, text := range *texts {
		template, err := policy.ParseProofText(text, threads)
		if err != nil {
			if layout.UserData.HasUser() {
				c.invalid(at.Index(i), text, "%v", err)
			}
			continue
		}
		for _, other := range all {
			if template.CouldBe(other) {
				c.invalid(at.Index(i), text, "could be the same text as %q, of another identity: begin them with words that differ", other)
			}
		}
		all = append(all, template)
	}
	return all
}

// defaultUser checks the user of Pods that name none.
func (c *compiler) defaultUser(at *field.Path, p *policy.Policy, threads bool) {
	if p.DefaultUser == "" {
		return
	}
	if problem := p.User.Check(p.DefaultUser); problem != "" {
		c.invalid(at, p.DefaultUser, "%s", problem)
	}
	if !threads {
		c.invalid(at, p.DefaultUser, "must be empty where the user-data directory has no {thread}: all sandboxes that name no user would share it")
	}
	if annotation, mounts := slices.Index(p.IdentityFrom, policy.FromAnnotation), slices.Index(p.IdentityFrom, policy.FromMounts); annotation < 0 || 0 <= mounts && mounts < annotation {
		c.invalid(at, p.DefaultUser, "needs Annotation in identityFrom, before Mounts: a Pod that is judged twice is known by it")
	}
}

// keys reads a key file, or a directory of several.
func (c *compiler) keys(at *field.Path, file string) []policy.Key {
	if file == "" {
		return nil
	}
	if !filepath.IsAbs(file) {
		file = filepath.Join(c.dir, file)
	}
	keys, err := ReadKeys(file)
	if err != nil && !namesFile(file) {
		file = hidden
	}
	if err != nil {
		c.invalid(at, file, "%v", err)
	}
	return keys
}

// hidden stands for a text that may be a key, pasted where its file belongs.
const hidden = "(not shown: it may be a key)"

// namesFile reports whether a text surely is a file's name and no key: there is such a file, or its directory is
// there and the last element is shorter than any key. A text without a slash may be a key.
func namesFile(text string) bool {
	if _, err := os.Lstat(text); err == nil {
		return true
	}
	if !strings.Contains(text, "/") || strings.Contains(text, "\n") || len(filepath.Base(text)) >= MinKeyLength {
		return false
	}
	_, err := os.Stat(filepath.Dir(text))
	return err == nil
}

// ReadKeys reads the keys of a file, or of a directory's files in the order of their names.
// Names that begin with a dot are passed over: a mounted Secret has some of its own. The error
// says which file is no key. It does not show a name that may be a key.
func ReadKeys(file string) ([]policy.Key, error) {
	info, err := os.Stat(file)
	if err != nil && !namesFile(file) {
		return nil, fmt.Errorf("names no file: %w", errors.Unwrap(err))
	}
	if err != nil {
		return nil, err
	}
	files := []string{file}
	if info.IsDir() {
		entries, err := os.ReadDir(file)
		if err != nil {
			return nil, err
		}
		files = nil
		for _, entry := range entries {
			if !strings.HasPrefix(entry.Name(), ".") {
				files = append(files, filepath.Join(file, entry.Name()))
			}
		}
		if len(files) == 0 {
			return nil, &os.PathError{Op: "read keys", Path: file, Err: errNoKey}
		}
	}
	keys := make([]policy.Key, len(files))
	for i, name := range files {
		if keys[i], err = readKey(name); err != nil {
			return nil, &os.PathError{Op: "read key", Path: name, Err: err}
		}
	}
	return keys, nil
}

// readKey reads one key, from a file that ends: a pipe would have the webhook wait for ever.
func readKey(name string) (policy.Key, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, errors.Unwrap(err)
	}
	if !info.Mode().IsRegular() {
		return nil, errNotFile
	}
	content, err := os.ReadFile(name)
	if err != nil {
		return nil, errors.Unwrap(err)
	}
	key := policy.Key(bytes.TrimSuffix(content, []byte("\n")))
	if len(key) < MinKeyLength {
		return nil, fmt.Errorf("has %d bytes without its last newline, and a key has at least %d", len(key), MinKeyLength)
	}
	if bytes.Count(key, key[:1]) == len(key) {
		return nil, errors.New("is one byte again and again: make a random key, for instance with: openssl rand -hex 32")
	}
	return key, nil
}
