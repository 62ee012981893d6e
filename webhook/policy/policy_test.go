package policy

import (
	"slices"
	"testing"
)

func TestForNamespace(t *testing.T) {
	first, second := &Policy{Name: "first", Namespaces: []string{"a", "b"}}, &Policy{Name: "second", Namespaces: []string{"b"}}
	for namespace, want := range map[string]Policies{"a": {first}, "b": {first, second}, "c": nil, "": nil} {
		if got := (Policies{first, second}).ForNamespace(namespace); !slices.Equal(got, want) {
			t.Errorf("%s: %v", namespace, got)
		}
	}
}

func TestCreators(t *testing.T) {
	p := &Policy{Provisioners: []string{"p", "q"}, Exempt: Creators{Users: []string{"u", "v"}, Groups: []string{"g", "h"}}}
	for name, want := range map[string]bool{"p": true, "q": true, "u": false, "": false} {
		if got := p.IsProvisioner(name); got != want {
			t.Errorf("provisioner %q: %t", name, got)
		}
	}
	for _, test := range []struct {
		username string
		groups   []string
		want     bool
	}{
		{"u", nil, true},
		{"v", []string{"x"}, true},
		{"x", []string{"y", "h"}, true},
		{"x", []string{"y"}, false},
		{"g", []string{"u"}, false},
		{"", nil, false},
	} {
		if got := p.Exempts(test.username, test.groups); got != test.want {
			t.Errorf("%q of %q: exempt %t", test.username, test.groups, got)
		}
	}
}

func TestSelects(t *testing.T) {
	p := &Policy{Selector: MatchLabels(map[string]string{"app": "sandbox", "tier": ""})}
	for _, test := range []struct {
		labels map[string]string
		want   bool
	}{
		{map[string]string{"app": "sandbox", "tier": "", "more": "x"}, true},
		{map[string]string{"app": "sandbox"}, false},
		{map[string]string{"app": "gateway", "tier": ""}, false},
		{nil, false},
	} {
		if got := p.Selects(test.labels); got != test.want {
			t.Errorf("%v: selected %t", test.labels, got)
		}
	}
}

func TestIdentityKeys(t *testing.T) {
	p := &Policy{User: IDRule{Key: "user"}, Thread: IDRule{Key: "thread"}, Layout: deerflow(""), IdentityFrom: []IdentitySource{FromLabel, FromMounts}}
	if got := p.IdentityKeys(FromLabel); !slices.Equal(got, []string{UserStamp, ThreadStamp, "user", "thread"}) {
		t.Errorf("with threads: %q", got)
	}
	p.Layout = Layout{UserData: parsed("home/{user}")}
	if got := p.IdentityKeys(FromLabel); !slices.Equal(got, []string{UserStamp, ThreadStamp, "user"}) {
		t.Errorf("without threads: %q", got)
	}
	if got := p.IdentityKeys(FromAnnotation); !slices.Equal(got, []string{UserStamp, ThreadStamp}) {
		t.Errorf("of annotations that are not read: %q", got)
	}
}

func TestLessDirect(t *testing.T) {
	order := []Source{"", SourceLabel, SourceAnnotation, SourceSubPath, SourceDefault}
	for i, a := range order {
		for j, b := range order {
			if got, want := LessDirect(a, b), order[max(i, j)]; got != want {
				t.Errorf("%s and %s: %s, want %s", a, b, got, want)
			}
		}
	}
}

func TestVolumeTypes(t *testing.T) {
	for _, name := range HarmlessVolumeTypes() {
		if !IsHarmlessVolumeType(name) || IsJudgedVolumeType(name) {
			t.Errorf("%s is not harmless, or has a rule", name)
		}
	}
	for _, name := range JudgedVolumeTypes() {
		if IsHarmlessVolumeType(name) || !IsJudgedVolumeType(name) {
			t.Errorf("%s is harmless, or has no rule", name)
		}
	}
	if IsHarmlessVolumeType("nfs") || IsJudgedVolumeType("nfs") {
		t.Error("nfs is a type that a policy lists")
	}
}
