package facts

import (
	"fmt"
	"reflect"
	"strings"

	"userscope.dev/userscope/webhook/policy/load"
)

// policyType is the type of a policy's spec.
var policyType = reflect.TypeFor[load.Spec]()

// Field is a field of a policy's spec, or the spec itself.
type Field struct {
	// Path names the field from the spec on, such as layout.directories[].path; the spec's own is
	// empty. Name is its last part.
	Path, Name string

	// Type is the Go type behind a pointer.
	Type reflect.Type

	// Comment is the doc comment, in which the field goes by its name in YAML.
	Comment string

	// Format is the name of a definition of values.schema.json, for the field or for the entries of a
	// list; it is empty for none. Of a struct it holds beside the fields.
	Format string

	// Required is true if the field must be there and must not be empty.
	Required bool

	// Filled is true of a list that has a default. It must not be empty, which charts take for none.
	Filled bool

	// Optional is true if the field may be an empty string, which stands for none.
	Optional bool

	// Values are the only ones possible; nil if others are too.
	Values []string

	// Fields are those of a struct or of the structs of a list.
	Fields []Field
}

// Spec returns a policy's spec with all fields below it. The error names a field without a comment, or
// whose type no schema is known for.
func Spec() (Field, error) {
	return newField(newComments(), Field{Type: policyType, Required: true})
}

// newField completes a field of which path, name and type are known.
func newField(all *comments, f Field) (Field, error) {
	if f.Type.Kind() == reflect.Pointer {
		f.Type = f.Type.Elem()
	}
	element := f.element()
	if path := element.PkgPath(); path != "" {
		if err := all.add(path); err != nil {
			return f, err
		}
		f.Values = all.constants[path+"."+element.Name()]
	}
	if element.Kind() != reflect.Struct || f.Format != "" {
		return f, nil
	}
	key := element.PkgPath() + "." + element.Name()
	f.Format = all.formats[key]
	if f.Comment == "" {
		f.Comment = all.texts[key]
	}
	for i := range element.NumField() {
		below, err := child(all, f, key, element.Field(i))
		if err != nil {
			return f, err
		}
		f.Fields = append(f.Fields, below)
	}
	return f, nil
}

// child returns one field of a struct.
func child(all *comments, parent Field, key string, field reflect.StructField) (Field, error) {
	f := Field{Name: jsonName(field), Type: field.Type}
	f.Path = strings.TrimPrefix(parent.Path+parent.dots()+f.Name, ".")
	tag := field.Tag.Get("json")
	f.Required = !strings.Contains(tag, ",omitempty") && !strings.Contains(tag, ",omitzero")
	f.Filled = field.Type.Kind() == reflect.Pointer && field.Type.Elem().Kind() == reflect.Slice
	f.Optional = !f.Required && field.Type.Kind() == reflect.String
	comment := all.texts[key+"."+field.Name]
	if comment == "" {
		return f, fmt.Errorf("%s.%s: has no doc comment", key, field.Name)
	}
	f.Comment = "`" + f.Name + "`" + strings.TrimPrefix(comment, field.Name)
	f.Format = all.formats[key+"."+field.Name]
	return newField(all, f)
}

// element returns the type of a list's entries, or of what is no list.
func (f Field) element() reflect.Type {
	if f.Type.Kind() == reflect.Slice {
		return f.Type.Elem()
	}
	return f.Type
}

// dots returns what stands between the path of a field and that of one below it.
func (f Field) dots() string {
	if f.Type.Kind() == reflect.Slice {
		return "[]."
	}
	return "."
}

// all returns the field and those below it.
func (f Field) all() []Field {
	found := []Field{f}
	for _, below := range f.Fields {
		found = append(found, below.all()...)
	}
	return found
}
