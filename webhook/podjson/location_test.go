package podjson

import "testing"

func TestLocation(t *testing.T) {
	at := Location{"metadata", "annotations", MapKey("a.b/c~d")}
	if got, want := at.String(), "metadata.annotations[a.b/c~d]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := at.Pointer(), "/metadata/annotations/a.b~1c~0d"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	parent := make(Location, 0, 8)
	first, second := parent.Child("a"), parent.Child("b")
	if first.String() != "a" || second.String() != "b" {
		t.Errorf("got %s and %s: siblings share memory", first, second)
	}
}
