package oracle

import "testing"

func TestGoverned(t *testing.T) {
	const (
		claim     = `{"spec": {"volumes": [{"name": "x", "persistentVolumeClaim": {"claimName": "home"}}]}}`
		clone     = `{"spec": {"volumes": [{"name": "x", "ephemeral": {"volumeClaimTemplate": {"spec": {"dataSource": {"kind": "VolumeSnapshot"}}}}}]}}`
		cloneRef  = `{"spec": {"volumes": [{"name": "x", "ephemeral": {"volumeClaimTemplate": {"spec": {"dataSourceRef": {"name": "other"}}}}}]}}`
		ephemeral = `{"spec": {"volumes": [{"name": "x", "ephemeral": {"volumeClaimTemplate": {"spec": {"dataSource": null}}}}]}}`
		other     = `{"spec": {"volumes": [{"name": "home", "persistentVolumeClaim": {"claimName": "homes"}}]}}`
		labelled  = `{"metadata": {"labels": {"app": "sandbox", "more": "x"}}}`
		alike     = `{"metadata": {"labels": {"app": "sandbox2"}}}`
		plain     = `{"metadata": {"labels": null}, "spec": {}}`
	)
	tests := []struct {
		name    string
		pod     string
		request Request
		want    bool
	}{
		{"the selector's labels", labelled, Request{Namespace: "deer-flow", Username: "anybody"}, true},
		{"the selector's labels elsewhere", labelled, Request{Namespace: "elsewhere", Username: "anybody"}, false},
		{"the selector's labels of an exempt creator", labelled, Request{Namespace: "deer-flow", Username: "replicaset-controller"}, true},
		{"other labels", alike, Request{Namespace: "deer-flow", Username: "anybody"}, false},
		{"anything of a provisioner", plain, Request{Namespace: "deer-flow", Username: "provisioner"}, true},
		{"anything of a provisioner who is an admin too", plain, Request{Namespace: "deer-flow", Username: "provisioner", Groups: []string{"admins"}}, true},
		{"a provisioner's name as a group", plain, Request{Namespace: "deer-flow", Groups: []string{"provisioner"}}, false},
		{"the claim", claim, Request{Namespace: "deer-flow", Username: "anybody", Groups: []string{"g"}}, true},
		{"the claim of an exempt user", claim, Request{Namespace: "deer-flow", Username: "replicaset-controller"}, false},
		{"the claim of an exempt group", claim, Request{Namespace: "deer-flow", Username: "root", Groups: []string{"g", "admins"}}, false},
		{"the claim of a user named like an exempt group", claim, Request{Namespace: "deer-flow", Username: "admins"}, true},
		{"a clone", clone, Request{Namespace: "deer-flow", Username: "anybody"}, true},
		{"a clone by reference", cloneRef, Request{Namespace: "deer-flow", Username: "anybody"}, true},
		{"an empty ephemeral volume", ephemeral, Request{Namespace: "deer-flow", Username: "anybody"}, false},
		{"another claim", other, Request{Namespace: "deer-flow", Username: "anybody"}, false},
		{"nothing of it", plain, Request{Namespace: "deer-flow", Username: "anybody"}, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := len(Governed([]Policy{policy()}, test.request, parse(test.pod))) == 1; got != test.want {
				t.Errorf("governed: %t, want %t", got, test.want)
			}
		})
	}
}

func TestPaths(t *testing.T) {
	tests := []struct{ given, absolute, relative string }{
		{"", "/", ""},
		{".", "/", ""},
		{"./", "/", ""},
		{"a", "/a", "a"},
		{"./a//b/", "/a/b", "a/b"},
		{"a/./b", "/a/b", "a/b"},
		{"a/../b", "/b", ""},
		{"..", "/", ""},
		{"..a/b..", "/..a/b..", "..a/b.."},
		{"/", "/", ""},
		{"//a/", "/a", ""},
		{"/a/../../b", "/b", ""},
	}
	for _, test := range tests {
		if got := absolutePath(test.given); got != test.absolute {
			t.Errorf("%q leads to %q, want %q", test.given, got, test.absolute)
		}
		if got, ok := relativePath(test.given); ok != (test.relative != "") || ok && got != test.relative {
			t.Errorf("%q below a directory is %q, want %q", test.given, got, test.relative)
		}
	}
}
