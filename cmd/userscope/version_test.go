package main

import (
	"encoding/json"
	"reflect"
	"runtime"
	"runtime/debug"
	"testing"
)

func TestVersion(t *testing.T) {
	setVersion(t, "v1.2.3")
	platform := runtime.GOOS + "/" + runtime.GOARCH

	want := "userscope v1.2.3 " + runtime.Version() + " " + platform + "\n"
	if stdout, stderr, code := command("", "version"); stdout != want || stderr != "" || code != 0 {
		t.Errorf("%q, %q, exit code %d; want %q", stdout, stderr, code, want)
	}

	stdout, _, _ := command("", "version", "-o", "json")
	var got map[string]string
	if err := json.Unmarshal([]byte(stdout), &got); err != nil {
		t.Fatalf("%v: %s", err, stdout)
	}
	if want := map[string]string{"version": "v1.2.3", "go": runtime.Version(), "platform": platform}; !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// A binary that was built without the linker's flag still knows what it is.
func TestVersionWithoutLinkerFlag(t *testing.T) {
	setVersion(t, "")
	t.Cleanup(func() { readBuildInfo = debug.ReadBuildInfo })
	for _, test := range []struct {
		name  string
		info  debug.BuildInfo
		known bool
		want  string
	}{
		{"a version of the source", debug.BuildInfo{Main: debug.Module{Version: "v1.2.3"}}, true, "v1.2.3"},
		{"a source without version", debug.BuildInfo{}, true, "unknown"},
		{"an unknown source", debug.BuildInfo{Main: debug.Module{Version: "v1.2.3"}}, false, "unknown"},
	} {
		readBuildInfo = func() (*debug.BuildInfo, bool) { return &test.info, test.known }
		if got := buildVersion(); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

func setVersion(t *testing.T, value string) {
	t.Helper()
	previous := version
	t.Cleanup(func() { version = previous })
	version = value
}
