package attack

import (
	"encoding/json"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"userscope.dev/userscope/test/kit/repo"
)

// TestEveryRuleIsAttacked wants an attack for each rule, which are the folders of the fixtures.
func TestEveryRuleIsAttacked(t *testing.T) {
	needs := map[string]string{
		"config-map":       "a policy that lists ConfigMaps",
		"ephemeral-volume": "a policy that lists the type ephemeral",
		"unknown-field":    "a field that only a later API server passes on",
		"user-data-volume": "a policy with replaceUserData: false",
	}
	attacked := map[string]bool{}
	for _, group := range attacks(t) {
		for _, attack := range group.Attacks {
			for rule := range strings.SplitSeq(attack.With, ", ") {
				attacked[rule] = true
			}
		}
	}
	dir, err := repo.Path("test", "pods", "fixtures")
	if err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	rules := slices.DeleteFunc(entries, func(entry os.DirEntry) bool { return !entry.IsDir() })
	if len(rules) < 20 {
		t.Fatalf("%s has %d folders", dir, len(rules))
	}
	for _, rule := range rules {
		if reason := needs[rule.Name()]; attacked[rule.Name()] == (reason != "") {
			t.Errorf("test/suites/attack/attacks.yaml: attacks %s: %t; why none would be possible: %q", rule.Name(), attacked[rule.Name()], reason)
		}
	}
}

// What the API can say of a volume, a mount or the source of a variable is part of some attack or
// is named here. A field that a later version of the API adds is neither.
func TestEveryFieldIsThoughtOf(t *testing.T) {
	thoughtOf := map[string]string{
		"projection clusterTrustBundle":                   "public certificates",
		"variable source resourceFieldRef":                "a number of the Pod itself",
		"environment source prefix":                       "no source",
		"volume claim template storageClassName":          "a volume that starts empty",
		"volume claim template volumeMode":                "a volume that starts empty; devices are refused",
		"volume claim template volumeAttributesClassName": "a volume that starts empty",
	}
	tweaks := map[string]bool{}
	read := readTable(t)
	for _, group := range read.Groups {
		for _, attack := range group.Attacks {
			collectKeys(t, attack.Tweak, tweaks)
		}
	}
	for kind, api := range map[string]any{
		"volume source":         corev1.VolumeSource{},
		"mount":                 corev1.VolumeMount{},
		"projection":            corev1.VolumeProjection{},
		"variable source":       corev1.EnvVarSource{},
		"environment source":    corev1.EnvFromSource{},
		"volume claim template": corev1.PersistentVolumeClaimSpec{},
		"device":                corev1.VolumeDevice{},
		"claim of a device":     corev1.PodResourceClaim{},
	} {
		for field := range reflect.TypeOf(api).Fields() {
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			_, known := thoughtOf[kind+" "+name]
			if tweaks[name] == known {
				t.Errorf("%s %s: part of an attack: %t, named as no attack: %t", kind, name, tweaks[name], known)
			}
		}
	}
}

// collectKeys collects the names of fields in JSON patches: those in values, and those at the end
// of paths.
func collectKeys(t *testing.T, patch []byte, keys map[string]bool) {
	t.Helper()
	var operations []struct {
		Path  string `json:"path"`
		Value any    `json:"value"`
	}
	if err := json.Unmarshal(patch, &operations); err != nil {
		t.Fatal(err)
	}
	var walk func(any)
	walk = func(value any) {
		switch value := value.(type) {
		case map[string]any:
			for key, member := range value {
				keys[key] = true
				walk(member)
			}
		case []any:
			for _, entry := range value {
				walk(entry)
			}
		}
	}
	for _, operation := range operations {
		keys[operation.Path[strings.LastIndex(operation.Path, "/")+1:]] = true
		walk(operation.Value)
	}
}
