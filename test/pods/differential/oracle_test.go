package differential

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"userscope.dev/userscope/test/pods/oracle"
	"userscope.dev/userscope/webhook/policy/load"
)

// The oracle reads every field of a policy: one that it passed over would have it judge by another
// policy than the decision does.
func TestOracleReadsEveryField(t *testing.T) {
	meansNothing := []string{"spec.replaceUserData"} // either value keeps every invariant
	dir := t.TempDir()
	key := filepath.Join(dir, "key")
	if err := os.WriteFile(key, []byte("the key of a test"), 0o600); err != nil {
		t.Fatal(err)
	}
	spec := load.Spec{}
	fill(reflect.ValueOf(&spec).Elem())
	spec.KeyFile, spec.Layout.Directories[0].Access, *spec.OnOtherIdentity = key, "ReadWrite", "Refuse"
	full := map[string]any{}
	text, err := json.Marshal(map[string]any{"spec": spec})
	if err == nil {
		err = json.Unmarshal(text, &full)
	}
	if err != nil {
		t.Fatal(err)
	}
	read := func() []oracle.Policy {
		t.Helper()
		text, err := json.Marshal(full)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(dir, "policy.yaml")
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		policies, err := oracle.Read(file)
		if err != nil {
			t.Fatal(err)
		}
		return policies
	}
	whole := read()
	count := 0
	without("", full, func(path string) {
		count++
		if same := reflect.DeepEqual(read(), whole); same != slices.Contains(meansNothing, path) {
			t.Errorf("test/pods/oracle/policy.go: without %s the policy is the same: %t", path, same)
		}
	})
	if count < 30 {
		t.Errorf("a policy has %d fields", count)
	}
}

// fill gives every field of a value another than its zero value; pointers lead to one, which no default
// is: false, or a text.
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

// without calls visit with the path of each member of an object, and of the objects below it, while the
// member is away.
func without(at string, members map[string]any, visit func(path string)) {
	for key, value := range members {
		path := at + key
		if at != "" {
			delete(members, key)
			visit(path)
			members[key] = value
		}
		if list, ok := value.([]any); ok {
			value, path = list[0], path+"[]"
		}
		if below, ok := value.(map[string]any); ok {
			without(path+".", below, visit)
		}
	}
}
