package scope

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// with returns a sandbox with one more volume, from the policy with the tweaks made.
func withSource(source corev1.VolumeSource) *corev1.Pod {
	return sandbox(addVolume(corev1.Volume{Name: "v", VolumeSource: source}))
}

func allowing(change func(*Allow)) *Policy {
	return deerflow(func(p *Policy) { change(&p.Allow) })
}

func TestVolumeTypes(t *testing.T) {
	noSource := []Violation{{VolumeType, "spec.volumes[1]", "no known source", "could be anything: use a type of volume that this version of Userscope knows, or upgrade Userscope"}}
	two := corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}, NFS: &corev1.NFSVolumeSource{}}
	projected := func(source corev1.VolumeProjection) *corev1.Pod {
		return withSource(corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{source}}})
	}
	runCreate(t, []createTest{
		{name: "configMap", pod: withSource(corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{}}), verdict: Allowed},
		{name: "downwardAPI", pod: withSource(corev1.VolumeSource{DownwardAPI: &corev1.DownwardAPIVolumeSource{}}), verdict: Allowed},
		{name: "emptyDir", pod: withSource(corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}), verdict: Allowed},
		{name: "projected", pod: withSource(corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{}}), verdict: Allowed},
		{name: "nfs", pod: withSource(corev1.VolumeSource{NFS: &corev1.NFSVolumeSource{}}), verdict: Refused,
			violations: []Violation{notListed("spec.volumes[1].nfs", "nfs")}},
		{name: "iscsi", pod: withSource(corev1.VolumeSource{ISCSI: &corev1.ISCSIVolumeSource{}}), verdict: Refused,
			violations: []Violation{notListed("spec.volumes[1].iscsi", "iscsi")}},
		{name: "csi", pod: withSource(corev1.VolumeSource{CSI: &corev1.CSIVolumeSource{}}), verdict: Refused,
			violations: []Violation{notListed("spec.volumes[1].csi", "csi")}},
		{name: "image", pod: withSource(corev1.VolumeSource{Image: &corev1.ImageVolumeSource{}}), verdict: Refused,
			violations: []Violation{notListed("spec.volumes[1].image", "image")}},
		{name: "csi, listed", policy: allowing(func(a *Allow) { a.VolumeTypes = []string{"csi"} }),
			pod: withSource(corev1.VolumeSource{CSI: &corev1.CSIVolumeSource{}}), verdict: Allowed},
		{name: "a harmless and another source at once", pod: withSource(two), verdict: Refused, violations: []Violation{notListed("spec.volumes[1].nfs", "nfs")}},
		{name: "no source", pod: withSource(corev1.VolumeSource{}), verdict: Refused, violations: noSource},
		{name: "projected trust anchors", pod: projected(corev1.VolumeProjection{ClusterTrustBundle: &corev1.ClusterTrustBundleProjection{}}), verdict: Allowed},
		{name: "a projected certificate of the Pod", pod: projected(corev1.VolumeProjection{PodCertificate: &corev1.PodCertificateProjection{}}), verdict: Refused,
			violations: []Violation{notListed("spec.volumes[1].projected.sources[0].podCertificate", "podCertificate")}},
		{name: "an unknown projection", pod: projected(corev1.VolumeProjection{}), verdict: Refused,
			violations: []Violation{{VolumeType, "spec.volumes[1].projected.sources[0]", "no known source", "could be anything: use a type of volume that this version of Userscope knows, or upgrade Userscope"}}},
	})
}

func TestEphemeralVolumes(t *testing.T) {
	listed := allowing(func(a *Allow) { a.VolumeTypes = []string{"ephemeral"} })
	refused := func(name, field, value string, spec corev1.PersistentVolumeClaimSpec) createTest {
		return createTest{name: name, policy: listed, pod: sandbox(addVolume(ephemeral(spec))), verdict: Refused,
			violations: []Violation{{EphemeralVolume, "spec.volumes[1].ephemeral.volumeClaimTemplate.spec." + field, value,
				"makes the volume start with existing data: leave it out"}}}
	}
	runCreate(t, []createTest{
		{name: "not listed", pod: sandbox(addVolume(ephemeral(corev1.PersistentVolumeClaimSpec{}))), verdict: Refused,
			violations: []Violation{notListed("spec.volumes[1].ephemeral", "ephemeral")}},
		{name: "not listed, with existing data", pod: sandbox(addVolume(ephemeral(corev1.PersistentVolumeClaimSpec{VolumeName: "pv"}))), verdict: Refused,
			violations: []Violation{notListed("spec.volumes[1].ephemeral", "ephemeral")}},
		{name: "listed", policy: listed, pod: sandbox(addVolume(ephemeral(corev1.PersistentVolumeClaimSpec{}))), verdict: Allowed},
		{name: "listed, without a template", policy: listed, pod: withSource(corev1.VolumeSource{Ephemeral: &corev1.EphemeralVolumeSource{}}), verdict: Allowed},
		refused("a volume by name", "volumeName", "pv", corev1.PersistentVolumeClaimSpec{VolumeName: "pv"}),
		refused("a volume by labels", "selector", "a=b", corev1.PersistentVolumeClaimSpec{Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"a": "b"}}}),
		refused("a clone", "dataSource", "PersistentVolumeClaim/deer-flow-home", corev1.PersistentVolumeClaimSpec{DataSource: &corev1.TypedLocalObjectReference{Kind: "PersistentVolumeClaim", Name: "deer-flow-home"}}),
		refused("a clone by reference", "dataSourceRef", "VolumeSnapshot/s", corev1.PersistentVolumeClaimSpec{DataSourceRef: &corev1.TypedObjectReference{Kind: "VolumeSnapshot", Name: "s"}}),
	})
}

func TestOtherClaims(t *testing.T) {
	runCreate(t, []createTest{
		{name: "a listed claim", pod: sandbox(addVolume(claimVolume("s", "skills"))), verdict: Rewritten,
			edits: []Edit{readOnly("/spec/volumes/1/persistentVolumeClaim/readOnly", "spec.volumes[1].persistentVolumeClaim.readOnly", "sandboxes share the claim")}},
		{name: "a listed claim, read-only", pod: sandbox(addVolume(claimVolume("s", "skills")), spec(func(s *corev1.PodSpec) { s.Volumes[1].PersistentVolumeClaim.ReadOnly = true })),
			verdict: Allowed},
		{name: "the database's", pod: sandbox(addVolume(claimVolume("s", "database"))), verdict: Refused,
			violations: []Violation{{OtherClaim, "spec.volumes[1].persistentVolumeClaim.claimName", "database",
				"is no claim for sandboxes: drop it, or have the policy list it"}}},
	})
}

func TestUnknownFields(t *testing.T) {
	const problem = "is unknown to this version, or there twice: drop it, or upgrade Userscope"
	tests := []struct {
		name   string
		spec   string // JSON of the spec's fields
		policy *Policy
		want   []Violation
	}{
		{name: "none", spec: `"volumes": [{"name": "v", "emptyDir": {}}]`},
		{name: "outside volumes and mounts", spec: `"future": 1, "containers": [{"name": "c", "future": {"subPath": "x"}}]`},
		{name: "in a volume", spec: `"future": 1, "volumes": [{"name": "v", "emptyDir": {"future": 1}}]`,
			want: []Violation{{UnknownFieldRule, "spec.volumes[0].emptyDir.future", "1", problem}}},
		{name: "in a list, with text for a value", spec: `"volumes": [{"name": "v", "projected": {"sources": [{"configMap": {}}, {"configMap": {"future": "a"}}]}}]`,
			want: []Violation{{UnknownFieldRule, "spec.volumes[0].projected.sources[1].configMap.future", "a", problem}}},
		{name: "with a dot in its name", spec: `"volumes": [{"name": "v", "emptyDir": {"a.b": 1}}]`,
			want: []Violation{{UnknownFieldRule, "spec.volumes[0].emptyDir.a.b", "1", problem}}},
		{name: "with an index in its name that a list beside it has not", spec: `"volumes": [{"name": "v", "emptyDir": {"a": [1], "a[-1]": 2, "a[1]": 3, "a[x]": 4}}]`,
			want: []Violation{{UnknownFieldRule, "spec.volumes[0].emptyDir.a", "[1]", problem}, {UnknownFieldRule, "spec.volumes[0].emptyDir.a[-1]", "2", problem},
				{UnknownFieldRule, "spec.volumes[0].emptyDir.a[1]", "3", problem}, {UnknownFieldRule, "spec.volumes[0].emptyDir.a[x]", "4", problem}}},
		{name: "with dots and brackets in its name, beside others", spec: `"volumes": [{"name": "v", "emptyDir": {"a": {"b": 1}, "a[0]": 2, "a.b[0].c": 3}}]`,
			want: []Violation{{UnknownFieldRule, "spec.volumes[0].emptyDir.a", `{"b":1}`, problem}, {UnknownFieldRule, "spec.volumes[0].emptyDir.a[0]", "2", problem},
				{UnknownFieldRule, "spec.volumes[0].emptyDir.a.b[0].c", "3", problem}}},
		{name: "a whole source", spec: `"volumes": [{"name": "v", "future": {}}]`,
			want: []Violation{{VolumeType, "spec.volumes[0]", "no known source", "could be anything: use a type of volume that this version of Userscope knows, or upgrade Userscope"},
				{UnknownFieldRule, "spec.volumes[0].future", "{}", problem}}},
		{name: "a whole source that the policy lists", spec: `"volumes": [{"name": "v", "future": {}}]`,
			policy: allowing(func(a *Allow) { a.VolumeTypes = []string{"future"} })},
		{name: "a listed name beside a known source", spec: `"volumes": [{"name": "v", "emptyDir": {}, "future": {}}]`,
			policy: allowing(func(a *Allow) { a.VolumeTypes = []string{"future"} })},
		{name: "a listed name in another volume", spec: `"volumes": [{"name": "v", "future": {}}, {"name": "w"}]`,
			policy: allowing(func(a *Allow) { a.VolumeTypes = []string{"future"} }),
			want:   []Violation{{VolumeType, "spec.volumes[1]", "no known source", "could be anything: use a type of volume that this version of Userscope knows, or upgrade Userscope"}}},
		{name: "a listed name, too deep", spec: `"volumes": [{"name": "v", "emptyDir": {"future": {}}}]`,
			policy: allowing(func(a *Allow) { a.VolumeTypes = []string{"future"} }),
			want:   []Violation{{UnknownFieldRule, "spec.volumes[0].emptyDir.future", "{}", problem}}},
		{name: "a listed name in a mount", spec: `"containers": [{"volumeMounts": [{"name": "v", "future": {}}]}]`,
			policy: allowing(func(a *Allow) { a.VolumeTypes = []string{"future"} }),
			want:   []Violation{{UnknownFieldRule, "spec.containers[0].volumeMounts[0].future", "{}", problem}}},
		{name: "in mounts of every kind of container", spec: `"initContainers": [{}, {"volumeMounts": [{"a": 1}]}], "containers": [{"volumeMounts": [{}, {"b": 1}]}], "ephemeralContainers": [{"volumeMounts": [{"c": 1}]}]`,
			want: []Violation{{UnknownFieldRule, "spec.initContainers[1].volumeMounts[0].a", "1", problem},
				{UnknownFieldRule, "spec.containers[0].volumeMounts[1].b", "1", problem},
				{UnknownFieldRule, "spec.ephemeralContainers[0].volumeMounts[0].c", "1", problem}}},
		{name: "a known field in another case", spec: `"containers": [{"volumeMounts": [{"name": "v", "subpath": "x"}]}]`,
			want: []Violation{{UnknownFieldRule, "spec.containers[0].volumeMounts[0].subpath", "x", problem}}},
		{name: "a field twice", spec: `"containers": [{"volumeMounts": [{"subPath": "a", "subPath": "b"}]}]`,
			want: []Violation{{UnknownFieldRule, "spec.containers[0].volumeMounts[0].subPath", "b", problem}}},
		{name: "in a user-data volume that is replaced", spec: `"volumes": [{"name": "user-data", "future": {}}, {"name": "v", "emptyDir": {"x": 1}}]`,
			want: []Violation{{UnknownFieldRule, "spec.volumes[1].emptyDir.x", "1", problem}}},
		{name: "in a user-data volume that is kept", spec: `"volumes": [{"name": "user-data", "persistentVolumeClaim": {"claimName": "deer-flow-home", "future": {}}}]`,
			want: []Violation{{UnknownFieldRule, "spec.volumes[0].persistentVolumeClaim.future", "{}", problem}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			pod, unknown, err := ParsePod([]byte(`{"metadata": {"labels": {"app": "deer-flow-sandbox", "user-id": "alice", "thread-id": "t1"}}, "spec": {` + test.spec + `}}`))
			if err != nil {
				t.Fatal(err)
			}
			policy := test.policy
			if policy == nil {
				policy = deerflow()
			}
			got := Policies{policy}.Create(Request{Namespace: "deer-flow", Pod: pod, Unknown: unknown})
			if !equal(got.Violations, test.want) {
				t.Errorf("got  %+v\nwant %+v", got.Violations, test.want)
			}
		})
	}
}

// TestUnknownFieldsBehindMany hides a field behind more unknown ones than the decoder reports.
func TestUnknownFieldsBehindMany(t *testing.T) {
	raw := []byte(`{"metadata": {}, "spec": {`)
	for i := range 1000 {
		raw = append(raw, []byte(`"future`+decimal(int64(i))+`": 1, `)...)
	}
	raw = append(raw, []byte(`"volumes": [{"name": "v", "emptyDir": {}, "hidden": {}}]}}`)...)
	_, unknown, err := ParsePod(raw)
	if err != nil || len(unknown) != 1 || unknown[0].at.String() != "spec.volumes[0].hidden" {
		t.Errorf("got %v, %v", unknown, err)
	}
}

func TestParsePodErrors(t *testing.T) {
	for _, raw := range []string{``, `{`, `[]`, `{"spec": {"volumes": {}}}`, `{"spec": {"containers": [{"volumeMounts": [1]}]}}`, `{"spec": {"future": 1, "volumes": 1}}`,
		`{}`, `{"metadata": null}`, `{"metadata": {"name": "x"}, "spec": {"volumes": [{"emptyDir": {"sizeLimit": "x"}}]}}`,
		`{"metadata": {}, "kind": "Service"}`, `{"metadata": {}, "apiVersion": "v2", "kind": "Pod"}`, `{"metadata": {}, "kind": "Pod"}`} {
		if pod, _, err := ParsePod([]byte(raw)); err == nil {
			t.Errorf("%s: read as %v", raw, pod)
		}
	}
}

func equal(got, want []Violation) bool {
	if len(got) != len(want) {
		return false
	}
	for i := range got {
		if got[i] != want[i] {
			return false
		}
	}
	return true
}
