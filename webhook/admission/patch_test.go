package admission

import (
	"bytes"
	"encoding/json"
	"testing"

	"userscope.dev/userscope/webhook/scope"
)

// What is answered is what Patch renders for others, of every kind of value that an edit has.
func TestPatchIsWrittenAsItsOperations(t *testing.T) {
	edits := []scope.Edit{
		{Op: "replace", Path: "/spec/containers/0/volumeMounts/0/subPath", Value: "deer-flow/<&>\u2028é\"\\"},
		{Op: "add", Path: "/spec/containers/0/volumeMounts/0/readOnly", Value: true},
		{Op: "add", Path: "/a", Value: false},
		{Op: "add", Path: "/b", Value: ""},
		{Op: "remove", Path: "/spec/containers/0/volumeMounts/0/subPathExpr"},
		{Op: "add", Path: "/metadata/labels/user.id~1<x>", Value: map[string]string{"b": "2", "a": "1"}},
		{Op: "replace", Path: "/spec/volumes/0", Value: map[string]any{"name": "v", "persistentVolumeClaim": map[string]any{"claimName": "c"}}},
	}
	want, err := json.Marshal(Patch(edits))
	if err != nil {
		t.Fatal(err)
	}
	if got := patch(edits); !bytes.Equal(got, want) {
		t.Errorf("got:  %s\nwant: %s", got, want)
	}
}
