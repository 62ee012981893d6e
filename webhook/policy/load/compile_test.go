package load

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
)

// Every field of a policy file reaches the policy: one that is forgotten would be taken and mean nothing.
func TestEveryFieldIsCompiled(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "something"), []byte("a key that nobody has to keep secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	compiled := func(change func(spec reflect.Value)) any {
		document := &Document{}
		spec := reflect.ValueOf(&document.Spec).Elem()
		fill(spec)
		document.Spec.Layout.LegacyUserData = "{thread}"
		change(spec)
		p, _ := compile(document, dir) // of which most values are mistakes
		return *p
	}
	whole := compiled(func(reflect.Value) {})
	var paths [][]int
	eachField(reflect.TypeFor[Spec](), nil, func(path []int) { paths = append(paths, path) })
	for _, path := range paths {
		var name string
		without := compiled(func(spec reflect.Value) {
			for _, i := range path {
				if spec.Kind() == reflect.Pointer {
					spec = spec.Elem()
				}
				if spec.Kind() == reflect.Slice {
					spec = spec.Index(0)
				}
				name += "." + spec.Type().Field(i).Name
				spec = spec.Field(i)
			}
			spec.SetZero()
		})
		if reflect.DeepEqual(without, whole) {
			t.Errorf("webhook/policy/load/compile.go: Spec%s does not reach the policy", name)
		}
	}
	if len(paths) < 30 {
		t.Errorf("a policy has %d fields", len(paths))
	}
}

// eachField visits every field of a struct and of those below it, by the indices that lead there.
func eachField(of reflect.Type, above []int, visit func(path []int)) {
	for of.Kind() == reflect.Pointer || of.Kind() == reflect.Slice {
		of = of.Elem()
	}
	if of.Kind() != reflect.Struct {
		return
	}
	for i := range of.NumField() {
		path := append(slices.Clone(above), i)
		visit(path)
		eachField(of.Field(i).Type, path, visit)
	}
}

// fill gives every field of a value another than its default.
func fill(value reflect.Value) {
	switch value.Kind() {
	case reflect.Pointer:
		value.Set(reflect.New(value.Type().Elem()))
		if value.Type().Elem().Kind() != reflect.Bool {
			fill(value.Elem())
		}
	case reflect.Struct:
		for i := range value.NumField() {
			fill(value.Field(i))
		}
	case reflect.Slice:
		value.Set(reflect.MakeSlice(value.Type(), 1, 1))
		fill(value.Index(0))
	case reflect.Map:
		value.Set(reflect.MakeMap(value.Type()))
		entry := reflect.New(value.Type().Elem()).Elem()
		fill(entry)
		value.SetMapIndex(reflect.ValueOf("key"), entry)
	case reflect.Interface:
		value.Set(reflect.ValueOf("value"))
	case reflect.String:
		value.SetString("something")
	case reflect.Bool:
		value.SetBool(true)
	case reflect.Int, reflect.Int32, reflect.Int64:
		value.SetInt(7)
	default:
		panic("a policy has a field of the type " + value.Type().String() + ": say here how to fill it")
	}
}
