// Package census holds a table of every field of a Pod that the API knows: rules judge the field, or a
// reason says why it is harmless. The tests compare the table with k8s.io/api and with the decision, and
// write docs/fields.md from the table.
package census

import (
	"bytes"
	_ "embed" // the table
	"fmt"
	"reflect"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

// Row says what becomes of one field. Either Judged or Harmless is set.
type Row struct {
	// Judged names the rules that judge the field.
	Judged []string `json:"judged"`
	// Harmless is the reason why no rule judges the field: sentences.
	Harmless string `json:"harmless"`
}

// Section holds the rows of one API type, by the fields' JSON names.
type Section struct {
	Type   string         `json:"type"`
	Fields map[string]Row `json:"fields"`
}

// tableFile is the table below the repository's root.
const tableFile = "test/suites/census/fields.yaml"

//go:embed fields.yaml
var table []byte

// types are the API types of the table, in its order. An embedded type's fields count as the outer type's.
var types = []reflect.Type{
	reflect.TypeFor[metav1.ObjectMeta](),
	reflect.TypeFor[corev1.PodSpec](),
	reflect.TypeFor[corev1.PodSecurityContext](),
	reflect.TypeFor[corev1.Container](),
	reflect.TypeFor[corev1.EphemeralContainerCommon](),
	reflect.TypeFor[corev1.SecurityContext](),
	reflect.TypeFor[corev1.Volume](),
	reflect.TypeFor[corev1.VolumeProjection](),
	reflect.TypeFor[corev1.VolumeMount](),
	reflect.TypeFor[corev1.EnvVarSource](),
	reflect.TypeFor[corev1.EnvFromSource](),
	reflect.TypeFor[corev1.EphemeralContainer](),
}

// read reads the table. The error names the line that is wrong.
func read() ([]Section, error) {
	var sections []Section
	if err := yaml.UnmarshalStrict(table, &sections); err != nil {
		return nil, fmt.Errorf("%s: %w", tableFile, err)
	}
	return sections, nil
}

// field is a field of an API type.
type field struct {
	reflect.StructField
	json string
}

// fields returns the fields of an API type by their JSON names, in the API's order. The fields of
// EphemeralContainerCommon have a section of their own.
func fields(of reflect.Type) []field {
	var all []field
	for f := range of.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name != "":
			all = append(all, field{f, name})
		case f.Type == reflect.TypeFor[corev1.VolumeSource]():
			all = append(all, fields(f.Type)...)
		}
	}
	return all
}

const intro = `# Fields of a Pod

For whoever asks "and what about this field?". Every field that the Kubernetes API knows of a Pod is
judged by rules, which [rules.md](rules.md) explains, or is harmless for the reason given. A test compares
this page with the API's types and with the decision. The page is made from
[fields.yaml](../` + tableFile + `) by ` + "`make generate`" + `.
`

// page writes docs/fields.md.
func page(sections []Section) []byte {
	var b bytes.Buffer
	b.WriteString(intro)
	for i, section := range sections {
		fmt.Fprintf(&b, "\n## %s\n\n| field | judged by, or harmless because |\n|---|---|\n", section.Type)
		for _, f := range fields(types[i]) {
			row := section.Fields[f.json]
			said := row.Harmless
			if len(row.Judged) > 0 {
				links := make([]string, len(row.Judged))
				for i, rule := range row.Judged {
					links[i] = fmt.Sprintf("[%s](rules.md#%[1]s)", rule)
				}
				said = strings.Join(links, ", ")
			}
			fmt.Fprintf(&b, "| `%s` | %s |\n", f.json, said)
		}
	}
	return b.Bytes()
}
