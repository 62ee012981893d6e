package load

import (
	"bytes"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"

	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/json"

	"userscope.dev/userscope/webhook/yamlstream"
)

// decode reads one document. Field names are case-sensitive, and one that is unknown or there
// twice is a mistake: a misspelt restriction would otherwise be no restriction. So is null: it
// could mean the default or nothing. The policy is nil if it cannot be judged further.
func decode(document yamlstream.Document) (*Document, []error) {
	if len(document.Mistakes) > 0 {
		return nil, document.Mistakes
	}
	var content any
	if err := json.UnmarshalCaseSensitivePreserveInts(document.JSON, &content); err != nil {
		return nil, []error{err}
	}
	if _, ok := content.(map[string]any); !ok {
		return nil, []error{fmt.Errorf("is %s: want an object with apiVersion: %s and kind: %s", show(content), APIVersion, Kind)}
	}
	policy := &Document{}
	mistakes, err := json.UnmarshalStrict(document.JSON, policy)
	if wrong, ok := errors.AsType[*stdjson.UnmarshalTypeError](err); ok {
		return nil, []error{wrongType(wrong, document.JSON)}
	}
	if err != nil {
		return nil, []error{err}
	}
	return policy, append(mistakes, nulls(nil, content, maxNulls)...)
}

// maxNulls is how many nulls of a document are reported: where there are more, all are of one kind.
const maxNulls = 10

// nulls reports the nulls in a document, so many at the most.
func nulls(at *field.Path, content any, most int) []error {
	var mistakes []error
	switch content := content.(type) {
	case nil:
		mistakes = append(mistakes, field.Invalid(at, nil, "leave the field out, or give it a value"))
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(content)) {
			mistakes = append(mistakes, nulls(at.Child(key), content[key], most-len(mistakes))...)
		}
	case []any:
		for i, entry := range content {
			mistakes = append(mistakes, nulls(at.Index(i), entry, most-len(mistakes))...)
		}
	}
	return mistakes[:min(len(mistakes), most)]
}

// wrongType says in words what the decoder says of a value that is not of its field's type.
func wrongType(wrong *stdjson.UnmarshalTypeError, document []byte) error {
	at, got := locate(stdjson.NewDecoder(bytes.NewReader(document)), nil, wrong.Offset)
	return fmt.Errorf("%s: want %s, got %s", at, typeWord(wrong.Type), show(got))
}

// locate returns the path and the first token of the value at which a decoder stood at an offset.
func locate(decoder *stdjson.Decoder, at *field.Path, offset int64) (*field.Path, stdjson.Token) {
	token, err := decoder.Token()
	if err != nil || decoder.InputOffset() >= offset {
		return at, token
	}
	delimiter, ok := token.(stdjson.Delim)
	if !ok {
		return nil, nil
	}
	for i := 0; decoder.More(); i++ {
		child := at.Index(i)
		if delimiter == '{' {
			key, _ := decoder.Token() // the document is valid JSON
			child = at.Child(fmt.Sprint(key))
		}
		if found, token := locate(decoder, child, offset); found != nil {
			return found, token
		}
	}
	_, _ = decoder.Token() // the end of the list or object
	return nil, nil
}

// show is a value as it stands in the file, or what it is.
func show(value any) string {
	switch value := value.(type) {
	case stdjson.Delim:
		return map[stdjson.Delim]string{'[': "a list", '{': "an object"}[value]
	case []any:
		return "a list"
	case string:
		return strconv.Quote(value)
	default:
		return fmt.Sprint(value)
	}
}

// typeWord is a Go type in the words of YAML.
func typeWord(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice:
		return "a list"
	case reflect.Struct, reflect.Map:
		return "an object"
	default:
		return "a whole number"
	}
}
