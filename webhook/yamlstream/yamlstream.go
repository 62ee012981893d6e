// Package yamlstream reads the documents of a file, YAML or JSON. It passes nothing over: what
// comes after a document is another one or a mistake, and never silently the end of the file.
// It imports none of Userscope's packages.
package yamlstream

import (
	"bytes"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	yamlv2 "go.yaml.in/yaml/v2"
	"sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

// Document is one document of a file.
type Document struct {
	// JSON is what it holds. A number is as exact as it was written, up to 64 bits.
	JSON []byte

	// Mistakes are why it cannot be read, each in one line that names the file's line where
	// that is known. Then JSON is nil.
	Mistakes []error
}

// separator begins a document of a YAML stream. What follows on its line belongs to the document.
var separator = regexp.MustCompile(`(?m)^---([ \t\r]|$)`)

// Read returns the documents of a file, leaving out those that hold nothing or only comments.
// JSON values may follow one another without a separator, as jq prints them. A repeated key is
// a mistake: which of its values counts is for the reader to guess. A mistake in one document
// hides no other.
func Read(data []byte) []Document {
	data = bytes.TrimPrefix(data, []byte("\uFEFF"))
	if !utf8.Valid(data) || bytes.IndexByte(data, 0) >= 0 {
		return []Document{mistaken(errors.New("is not text in UTF-8"))}
	}
	var documents []Document
	start, line := 0, 0
	cut := func(end int) {
		documents = append(documents, readChunk(data[start:end], line)...)
		line += bytes.Count(data[start:end], []byte("\n"))
		start = end
	}
	for _, match := range separator.FindAllIndex(data, -1) {
		cut(match[0])
	}
	cut(len(data))
	return documents
}

// readChunk reads what begins with a separator, or the file, and ends before the next. There are
// as many lines above it as line says.
func readChunk(chunk []byte, line int) []Document {
	if documents, ok := readJSON(chunk); ok {
		return documents
	}
	content, err := readYAML(chunk)
	if err != nil {
		return []Document{mistaken(inWords(err, line)...)}
	}
	if string(content) == "null" {
		return nil
	}
	return []Document{{JSON: content}}
}

func mistaken(mistakes ...error) Document { return Document{Mistakes: mistakes} }

// readJSON reads a chunk that is nothing but JSON values.
func readJSON(chunk []byte) (documents []Document, ok bool) {
	if separator.Match(chunk[:min(len(chunk), len("---\n"))]) {
		chunk = chunk[len("---"):]
	}
	if trimmed := bytes.TrimSpace(chunk); len(trimmed) == 0 || trimmed[0] != '{' && trimmed[0] != '[' {
		return nil, false
	}
	decoder := stdjson.NewDecoder(bytes.NewReader(chunk))
	for {
		var value stdjson.RawMessage
		err := decoder.Decode(&value)
		if errors.Is(err, io.EOF) {
			return documents, true
		}
		if err != nil {
			return nil, false
		}
		var content any
		repeated, err := json.UnmarshalStrict(value, &content)
		if err != nil {
			repeated = append(repeated, err)
		}
		if len(repeated) > 0 {
			documents = append(documents, mistaken(repeated...))
			continue
		}
		documents = append(documents, Document{JSON: value})
	}
}

// errMore means that a document has no separator before it.
var errMore = errors.New("a document ends and something follows: put a line of --- between them")

// readYAML turns a chunk into JSON, null if there is nothing in it. It asks the decoder for more
// than one document first: sigs.k8s.io/yaml reads one and ignores what follows.
func readYAML(chunk []byte) ([]byte, error) {
	decoder := yamlv2.NewDecoder(bytes.NewReader(chunk))
	var content any
	for first := true; ; first = false {
		err := decoder.Decode(&content)
		switch {
		case errors.Is(err, io.EOF):
			return yaml.YAMLToJSONStrict(chunk)
		case err != nil:
			return nil, err
		case !first:
			return nil, errMore
		}
	}
}

// lineNumber is how the YAML libraries name a line.
var lineNumber = regexp.MustCompile(`^line (\d+):`)

// inWords turns an error of the YAML libraries into mistakes of one line each. There are as many
// lines above the chunk as line says.
func inWords(err error, line int) []error {
	texts := []string{strings.TrimPrefix(err.Error(), "yaml: ")}
	if several, ok := errors.AsType[*yamlv2.TypeError](err); ok {
		texts = several.Errors
	}
	mistakes := make([]error, len(texts))
	for i, text := range texts {
		text = strings.ReplaceAll(text, "did not find expected <document start>", errMore.Error())
		if strings.HasPrefix(text, "invalid map key") || strings.HasPrefix(text, "unsupported map key") {
			text = "a key is no text, as in {{ value }}: put it in quotes"
		}
		if number, ok := errors.AsType[*stdjson.UnsupportedValueError](err); ok {
			text = number.Str + " is no number"
		}
		text = lineNumber.ReplaceAllStringFunc(text, func(prefix string) string {
			number, _ := strconv.Atoi(lineNumber.FindStringSubmatch(prefix)[1])
			return fmt.Sprintf("line %d:", line+number)
		})
		mistakes[i] = fmt.Errorf("not valid YAML: %s", strings.ReplaceAll(text, "\n", " "))
	}
	return mistakes
}
