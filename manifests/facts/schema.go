package facts

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strings"

	"userscope.dev/userscope/webhook/policy"
	"userscope.dev/userscope/webhook/policy/load"
)

// schema is a JSON schema of draft 7, as far as a policy needs it.
type schema struct {
	Description          string     `json:"description,omitempty"`
	Ref                  string     `json:"$ref,omitempty"`
	Type                 string     `json:"type,omitempty"`
	Enum                 []string   `json:"enum,omitempty"`
	Minimum              *int       `json:"minimum,omitempty"`
	Maximum              int        `json:"maximum,omitempty"`
	MaxLength            int        `json:"maxLength,omitempty"`
	MinLength            int        `json:"minLength,omitempty"`
	Pattern              string     `json:"pattern,omitempty"`
	AllOf                []schema   `json:"allOf,omitempty"`
	AnyOf                []schema   `json:"anyOf,omitempty"`
	Not                  *schema    `json:"not,omitempty"`
	Items                *schema    `json:"items,omitempty"`
	UniqueItems          bool       `json:"uniqueItems,omitempty"`
	MinItems             int        `json:"minItems,omitempty"`
	MinProperties        int        `json:"minProperties,omitempty"`
	AdditionalProperties *bool      `json:"additionalProperties,omitempty"`
	Required             []string   `json:"required,omitempty"`
	Properties           properties `json:"properties,omitempty"`
}

// properties are the members of an object in their order.
type properties []property

type property struct {
	name   string
	schema schema
}

// MarshalJSON writes an object.
func (p properties) MarshalJSON() ([]byte, error) {
	var text bytes.Buffer
	for i, member := range p {
		name, err := json.Marshal(member.name)
		if err != nil {
			return nil, err
		}
		value, err := encode(member.schema, "", "")
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&text, "%s%s:%s", []string{"{", ","}[min(i, 1)], name, bytes.TrimSpace(value))
	}
	text.WriteByte('}')
	return text.Bytes(), nil
}

// encode writes a value as indented JSON with the characters <, > and & as they are, and a newline.
func encode(value any, prefix, indent string) ([]byte, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent(prefix, indent)
	err := encoder.Encode(value)
	return text.Bytes(), err
}

// schemaOf returns the schema of a field.
func schemaOf(f Field) (schema, error) {
	element, err := elementSchema(f)
	if err != nil {
		return element, err
	}
	s := element
	switch {
	case f.Type.Kind() == reflect.Slice:
		s = schema{Type: "array", Items: &element, UniqueItems: true, MinItems: atLeastOne(f)}
	case f.Type.Kind() == reflect.Map:
		s = schema{AllOf: []schema{element}, MinProperties: atLeastOne(f)}
	case f.Optional:
		s = schema{AnyOf: []schema{{Enum: []string{""}}, element}}
	}
	s.Description = f.Comment
	return s, nil
}

// atLeastOne returns how many entries a list or map must have.
func atLeastOne(f Field) int {
	if f.Required || f.Filled {
		return 1
	}
	return 0
}

// elementSchema returns the schema of a field that is no list, or of a list's entries.
func elementSchema(f Field) (schema, error) {
	switch kind := f.element().Kind(); {
	case f.Fields != nil:
		return objectSchema(f)
	case f.Format != "":
		return schema{Ref: "#/definitions/" + f.Format}, nil
	case f.Values != nil:
		return schema{Enum: f.Values}, nil
	case kind == reflect.Bool:
		return schema{Type: "boolean"}, nil
	case kind == reflect.String:
		return schema{Type: "string", MinLength: 1}, nil
	default:
		return schema{}, fmt.Errorf("%s: no schema is known for the Go type %s: name one in its comment, as in +format=label", f.Path, f.Type)
	}
}

// objectSchema returns the schema of a struct.
func objectSchema(f Field) (schema, error) {
	s := schema{Type: "object", AdditionalProperties: new(false)}
	if f.Format != "" {
		s.AllOf = []schema{{Ref: "#/definitions/" + f.Format}}
	}
	for _, below := range f.Fields {
		member, err := schemaOf(below)
		if err != nil {
			return s, err
		}
		s.Properties = append(s.Properties, property{below.Name, member})
		if below.Required {
			s.Required = append(s.Required, below.Name)
		}
	}
	return s, nil
}

// quoted returns texts as regular expressions that match nothing else.
func quoted(texts []string) []string {
	all := make([]string, len(texts))
	for i, text := range texts {
		all[i] = regexp.QuoteMeta(text)
	}
	return all
}

// bound returns the schema of a number in a range.
func bound(least, most int) schema {
	return schema{Description: fmt.Sprintf("a number from %d to %d", least, most), Type: "integer", Minimum: &least, Maximum: most}
}

// toleration is the schema of a toleration that a policy lists.
func toleration() schema {
	with := func(required []string, members ...property) schema {
		return schema{Properties: members, Required: required}
	}
	one := func(name, value string) property { return property{name, schema{Enum: []string{value}}} }
	return schema{
		Description: "`key`, `operator` (`Exists` or `Equal`), `value`, `effect` (`NoExecute` or none) and `tolerationSeconds`",
		Type:        "object",
		AllOf: []schema{
			{AnyOf: []schema{ // without a key for every key, or with a value to compare
				with([]string{"operator"}, one("operator", "Exists"), one("value", "")),
				with([]string{"key"}, property{"key", schema{MinLength: 1}}, property{"operator", schema{Enum: []string{"", "Equal"}}}),
			}},
			{AnyOf: []schema{ // for some time, or for ever
				with([]string{"effect"}, one("effect", "NoExecute")),
				with(nil, property{"tolerationSeconds", schema{Type: "null"}}),
			}},
		},
		AdditionalProperties: new(false),
		Properties: properties{
			{"key", schema{AnyOf: []schema{{Enum: []string{""}}, {Ref: "#/definitions/labelKey"}}}},
			{"operator", schema{Enum: []string{"", "Equal", "Exists"}}},
			{"value", schema{Ref: "#/definitions/labelValue"}},
			{"effect", schema{Enum: []string{"", "NoExecute"}}},
			{"tolerationSeconds", schema{Type: "integer"}},
		},
	}
}

// The line before the generated part of values.schema.json, which goes to the end.
const generatedFrom = "    \"generated\": {\"$comment\": \"From here on `make generate` writes: see manifests/facts.\"},\n"

// Schema returns the text of values.schema.json with its generated definitions made anew. The error
// tells that they have no place in the text, or names a field without a schema.
func Schema(text string, facts *Facts, spec Field) (string, error) {
	byHand, _, found := strings.Cut(text, generatedFrom)
	if !found {
		return "", errors.New("values.schema.json: has no line for the generated definitions: " + strings.TrimSpace(generatedFrom))
	}
	ofSpec, err := schemaOf(spec)
	if err != nil {
		return "", err
	}
	safe := facts.IDs.Characters
	least, most := policy.LeastBounds(), policy.MostBounds()
	definitions, err := encode(properties{
		{"volumesBound", bound(least.Volumes, most.Volumes)},
		{"mountsBound", bound(least.Mounts, most.Mounts)},
		{"containersBound", bound(least.Containers, most.Containers)},
		{"environmentBound", bound(least.Environment, most.Environment)},
		{"priority", bound(0, load.MaxPriority)},
		{"toleration", toleration()},
		{"plainID", schema{
			Description: fmt.Sprintf("an id of at most %d ASCII letters, digits, _ and -", facts.IDs.UserLength),
			Type:        "string", MaxLength: facts.IDs.UserLength, Pattern: "^[" + safe + "]+$",
		}},
		{"userID", schema{
			Description: fmt.Sprintf("an id of at most %d ASCII letters, digits, _, - and the policy's idCharacters", facts.IDs.UserLength),
			Type:        "string", MaxLength: facts.IDs.UserLength,
			Pattern: fmt.Sprintf("^[%s]([%s%s]*[%s])?$", safe, safe, policy.IDCharacters, safe),
		}},
		{"volumeType", schema{
			Description: "a type without a list of its own: not " + strings.Join(policy.JudgedVolumeTypes(), ", "),
			Type:        "string", MinLength: 1, Not: &schema{Enum: policy.JudgedVolumeTypes()},
		}},
		{"controllersAnnotation", schema{
			Description: "a key that begins with `" + strings.Join(facts.ControllersAnnotations, "` or `") + "`",
			AllOf:       []schema{{Ref: "#/definitions/labelKey"}, {Pattern: "^(" + strings.Join(quoted(facts.ControllersAnnotations), "|") + ")"}},
		}},
		{"networkCapability", schema{
			Description: "`" + strings.Join(facts.NetworkCapabilities, "` or `") + "`",
			Enum:        facts.NetworkCapabilities,
		}},
		{"controllerOwner", schema{
			Description: "a kind and its group, such as Sandbox.agents.x-k8s.io; no group without a dot, and no " + strings.Join(facts.WorkloadKinds, ", "),
			Type:        "string", Pattern: policy.OwnerKindPattern,
			Not: &schema{Pattern: `^(` + strings.Join(facts.WorkloadKinds, "|") + `)\.`},
		}},
		{"spec", ofSpec},
	}, "  ", "  ")
	if err != nil {
		return "", err
	}
	inside := strings.TrimPrefix(string(definitions), "{\n")
	return byHand + generatedFrom + inside + "}\n", nil
}
