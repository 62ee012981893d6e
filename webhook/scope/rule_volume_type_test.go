package scope

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"userscope.dev/userscope/webhook/policy"
)

// withSource returns a sandbox with one more volume.
func withSource(source corev1.VolumeSource) *corev1.Pod {
	return sandbox(addVolume(corev1.Volume{Name: "v", VolumeSource: source}))
}

// projected returns a sandbox with a projected volume of one source.
func projected(sources ...corev1.VolumeProjection) *corev1.Pod {
	return withSource(corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: sources}})
}

// allowing returns the policy with more listed.
func allowing(change func(*policy.Allow)) *policy.Policy {
	return deerflow(func(p *policy.Policy) { change(&p.Allow) })
}

// TestVolumeTypes has the volumes that are not of one known type.
func TestVolumeTypes(t *testing.T) {
	two := corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}, NFS: &corev1.NFSVolumeSource{}}
	runCreate(t, []createTest{
		{name: "a harmless and another source at once", pod: withSource(two), verdict: Refused, violations: []Violation{notListed("spec.volumes[1].nfs", "nfs")}},
		{name: "no source", pod: withSource(corev1.VolumeSource{}), verdict: Allowed},
		{name: "an unknown projection", pod: projected(corev1.VolumeProjection{}), verdict: Refused,
			violations: []Violation{{RuleVolumeType, "spec.volumes[1].projected.sources[0]", "no known source", "could be anything: use a type of volume that this version of Userscope knows, or upgrade Userscope"}}},
	})
}

// notListed is the violation of a volume type that the policy does not list.
func notListed(at, name string) Violation {
	return Violation{RuleVolumeType, at, name, "is no volume type for sandboxes: drop the volume, or have the policy list it in allow.volumeTypes"}
}

// each calls a function for every pointer that an API struct has, with its name in the API and the
// struct with that one set.
func each[T any](t *testing.T, call func(name string, source T)) {
	t.Helper()
	fields := reflect.TypeFor[T]()
	for i := range fields.NumField() {
		name, _, _ := strings.Cut(fields.Field(i).Tag.Get("json"), ",")
		var source T
		reflect.ValueOf(&source).Elem().Field(i).Set(reflect.New(fields.Field(i).Type.Elem()))
		call(name, source)
	}
}

// TestEveryVolumeType tries all that the API has, also what a later version of it brings.
func TestEveryVolumeType(t *testing.T) {
	harmless := []string{"configMap", "downwardAPI", "emptyDir", "projected"}
	byName := map[string]Violation{
		"persistentVolumeClaim": otherClaim("spec.volumes[1].", ""),
		"hostPath":              {RuleHostPath, "spec.volumes[1].hostPath.path", "", "is not a hostPath that this sandbox may have: use the claim, or have the policy list it in allow.hostPaths"},
		"csi":                   {RuleCSIDriver, "spec.volumes[1].csi.driver", "", notADriver},
		"secret":                {RuleSecret, "spec.volumes[1].secret.secretName", "", notASecret},
	}
	var tests []createTest
	each(t, func(name string, source corev1.VolumeSource) {
		pod, listed := withSource(source), allowing(func(a *policy.Allow) { a.VolumeTypes = []string{"another", name} })
		if slices.Contains(harmless, name) {
			tests = append(tests, createTest{name: name, pod: pod, verdict: Allowed})
			return
		}
		violation, special := byName[name]
		if !special {
			violation = notListed("spec.volumes[1]."+name, name)
			tests = append(tests, createTest{name: name + ", listed", policy: listed, pod: pod, verdict: Allowed})
		} else {
			tests = append(tests, createTest{name: name + ", listed", policy: listed, pod: pod, verdict: Refused, violations: []Violation{violation}})
		}
		tests = append(tests, createTest{name: name, pod: pod, verdict: Refused, violations: []Violation{violation}})
	})
	if len(tests) < 50 {
		t.Errorf("only %d rows", len(tests))
	}
	runCreate(t, tests)
}

// TestEveryProjection does the same for what a projected volume is made of.
func TestEveryProjection(t *testing.T) {
	const at = "spec.volumes[1].projected.sources[0]."
	harmless := []string{"clusterTrustBundle", "configMap", "downwardAPI"}
	byName := map[string]Violation{
		"secret":              {RuleSecret, at + "secret.name", "", notASecret},
		"serviceAccountToken": {RuleServiceAccountToken, at + "serviceAccountToken.audience", "", "is missing, and no policy may list the API server's own: drop it, a Pod has its own"},
	}
	var tests []createTest
	each(t, func(name string, source corev1.VolumeProjection) {
		pod, listed := projected(source), allowing(func(a *policy.Allow) { a.VolumeTypes = []string{"another", name} })
		violation, special := byName[name]
		switch {
		case slices.Contains(harmless, name):
			tests = append(tests, createTest{name: name, pod: pod, verdict: Allowed})
			return
		case special:
			tests = append(tests, createTest{name: name + ", listed", policy: listed, pod: pod, verdict: Refused, violations: []Violation{violation}})
		default:
			violation = notListed(at+name, name)
			tests = append(tests, createTest{name: name + ", listed", policy: listed, pod: pod, verdict: Allowed})
		}
		tests = append(tests, createTest{name: name, pod: pod, verdict: Refused, violations: []Violation{violation}})
	})
	if len(tests) < 9 {
		t.Errorf("only %d rows", len(tests))
	}
	runCreate(t, tests)
}
