package load

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"userscope.dev/userscope/webhook/policy"
	"userscope.dev/userscope/webhook/yamlstream"
)

// File reads the policy file at path. The error names the file and every mistake in it.
func File(path string) (policy.Policies, error) {
	loaded, err := read(path)
	return loaded.policies, err
}

// loaded is what a policy file says.
type loaded struct {
	policies policy.Policies
	// hash is the SHA-256 of the file, in hex.
	hash string
}

func read(path string) (loaded, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return loaded{}, fmt.Errorf("policy file: %w", err)
	}
	policies, err := Parse(path, data)
	return loaded{policies, fmt.Sprintf("%x", sha256.Sum256(data))}, err
}

// Parse reads the policies of a file's contents, one per YAML document, and the key files that
// they name, whose paths may be relative to the file's own. An unknown or repeated field is a
// mistake like any other; the error has a line for each, which begins with name.
func Parse(name string, data []byte) (policy.Policies, error) {
	all := yamlstream.Read(data)
	if len(all) == 0 {
		return nil, fmt.Errorf("%s: holds no policy: want a document with apiVersion: %s and kind: %s", name, APIVersion, Kind)
	}

	var mistakes report
	var policies policy.Policies
	var where []string // each policy stands
	for i, document := range all {
		here := name
		if len(all) > 1 {
			here = fmt.Sprintf("%s: document %d", name, i+1)
		}
		parsed, errs := decode(document)
		mistakes.add(here, errs...)
		if parsed == nil {
			continue
		}
		p, problems := compile(parsed, filepath.Dir(name))
		mistakes.addFields(here, problems)
		policies, where = append(policies, p), append(where, here)
	}
	for i, p := range policies {
		mistakes.addFields(where[i], validateExemptions(p, policies))
	}
	if len(mistakes) == 0 {
		mistakes.addFields(name, validateTogether(policies))
	}
	if len(mistakes) > 0 {
		return nil, errors.Join(mistakes...)
	}
	return policies, nil
}

// report collects mistakes, each in one line that begins with where it is.
type report []error

func (r *report) add(where string, mistakes ...error) {
	for _, mistake := range mistakes {
		*r = append(*r, fmt.Errorf("%s: %s", where, strings.ReplaceAll(mistake.Error(), "\n", " ")))
	}
}

func (r *report) addFields(where string, mistakes field.ErrorList) {
	for _, mistake := range mistakes {
		r.add(where, mistake)
	}
}
