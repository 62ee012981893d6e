package config

import (
	"bufio"
	"bytes"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"
	yamlutil "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/json"
	"sigs.k8s.io/yaml"

	"userscope.dev/userscope/webhook/scope"
)

// Load reads the policy file at path. The error names the file and every mistake in it.
func Load(path string) (scope.Policies, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("policy file: %w", err)
	}
	return Parse(path, data)
}

// Parse reads the policies of a file's contents, one per YAML document. An unknown or repeated
// field is a mistake like any other; the error has a line for each, which begins with name.
func Parse(name string, data []byte) (scope.Policies, error) {
	documents, err := split(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(documents) == 0 {
		return nil, fmt.Errorf("%s: holds no policy: want a document with apiVersion: %s and kind: %s", name, APIVersion, Kind)
	}

	var mistakes []error
	policies := make(scope.Policies, len(documents))
	for i, document := range documents {
		where := name
		if len(documents) > 1 {
			where = fmt.Sprintf("%s: document %d", name, i+1)
		}
		parsed, errs := decode(document)
		if len(errs) > 0 {
			for _, err := range errs {
				mistakes = append(mistakes, fmt.Errorf("%s: %w", where, err))
			}
			continue
		}
		policy, problems := compile(parsed)
		policies[i] = policy
		mistakes = append(mistakes, prefix(where, problems)...)
	}
	if len(mistakes) == 0 {
		mistakes = prefix(name, validateTogether(policies))
	}
	if len(mistakes) > 0 {
		return nil, errors.Join(mistakes...)
	}
	return policies, nil
}

// split cuts a YAML stream into its documents, leaving out those that hold only comments.
func split(data []byte) ([][]byte, error) {
	var documents [][]byte
	reader := yamlutil.NewYAMLReader(bufio.NewReader(bytes.NewReader(data)))
	for {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return documents, nil
		}
		if err != nil {
			return nil, err
		}
		var content any
		if err := yaml.Unmarshal(document, &content); err != nil || content != nil {
			documents = append(documents, document)
		}
	}
}

// prefix turns validation errors into lines that begin with where they are.
func prefix(where string, problems field.ErrorList) []error {
	lines := make([]error, len(problems))
	for i, problem := range problems {
		lines[i] = fmt.Errorf("%s: %w", where, problem)
	}
	return lines
}

// decode reads one document. Field names are case-sensitive, and one that is unknown or there
// twice is an error: a misspelt restriction would otherwise be no restriction.
func decode(document []byte) (*Policy, []error) {
	asJSON, err := yaml.YAMLToJSONStrict(document)
	if err != nil {
		return nil, []error{fmt.Errorf("not valid YAML: %s", strings.TrimPrefix(err.Error(), "yaml: "))}
	}
	policy := &Policy{}
	strict, err := json.UnmarshalStrict(asJSON, policy)
	if wrong, ok := errors.AsType[*stdjson.UnmarshalTypeError](err); ok {
		return nil, []error{fmt.Errorf("%s: want %s, got %s", wrong.Field, wrong.Type, wrong.Value)}
	}
	if err != nil {
		return nil, []error{fmt.Errorf("not a policy: %s", strings.TrimPrefix(err.Error(), "json: "))}
	}
	return policy, strict
}
