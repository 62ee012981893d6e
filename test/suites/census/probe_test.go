package census

import (
	"os"
	"reflect"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"userscope.dev/userscope/test/kit/repo"
	"userscope.dev/userscope/webhook/policy"
	"userscope.dev/userscope/webhook/policy/load"
	"userscope.dev/userscope/webhook/scope"
)

// provisioner creates every Pod of the probes, under DeerFlow's policy.
const provisioner = "system:serviceaccount:deer-flow:deer-flow-provisioner"

// TestHarmlessFieldsAreNotJudged sets each harmless field of a good Pod to some value: the Pod passes
// unchanged. A rule that comes to judge the field must take the field's row.
func TestHarmlessFieldsAreNotJudged(t *testing.T) {
	policies, sandbox := deerflow(t)
	for i, section := range sectionsOf(t) {
		for _, f := range fields(types[i]) {
			if section.Fields[f.json].Harmless == "" {
				continue
			}
			pod := sandbox.DeepCopy()
			set(t, pod, types[i], f)
			decision := scope.Create(policies, scope.Request{Namespace: "deer-flow", Creator: scope.Creator{Username: provisioner}, Pod: pod})
			if decision.Verdict != scope.Allowed {
				t.Errorf("%s.%s is called harmless, and the Pod is %s: %v", section.Type, f.json, decision.Verdict, decision.Violations)
			}
		}
	}
}

// breaks reports whether the good Pod breaks the rule once the field is set to some value.
func breaks(t *testing.T, rule string, of reflect.Type, f field) bool {
	policies, pod := deerflow(t)
	set(t, pod, of, f)
	decision := scope.Create(policies, scope.Request{Namespace: "deer-flow", Creator: scope.Creator{Username: provisioner}, Pod: pod})
	return slices.ContainsFunc(decision.Violations, func(v scope.Violation) bool { return string(v.Rule) == rule })
}

// deerflow returns DeerFlow's policy, and a good Pod of all containers that a Pod can have.
func deerflow(t *testing.T) (policy.Policies, *corev1.Pod) {
	t.Helper()
	read := func(elements ...string) []byte {
		file, err := repo.Path(elements...)
		if err != nil {
			t.Fatal(err)
		}
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return content
	}
	policies, err := load.Parse("deerflow.yaml", read("manifests", "policies", "deerflow.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	pod := &corev1.Pod{}
	if err := yaml.Unmarshal(read("test", "pods", "fixtures", "sandbox.yaml"), pod); err != nil {
		t.Fatal(err)
	}
	pod.Annotations = map[string]string{"user-id": "alice", "thread-id": "thread-1", "userscope.dev/policies": "deer-flow"} // as stamped
	return policies, pod
}

// set gives one field of the Pod some value other than none.
func set(t *testing.T, pod *corev1.Pod, of reflect.Type, f field) {
	t.Helper()
	place := reflect.ValueOf(instance(t, pod, of)).Elem()
	fill(place.FieldByName(f.Name)) // of an embedded type, too
}

// instance returns a part of the Pod that has the API type, and makes it where there is none.
func instance(t *testing.T, pod *corev1.Pod, of reflect.Type) any {
	t.Helper()
	spec, container := &pod.Spec, &pod.Spec.Containers[0]
	volume := func() *corev1.Volume {
		spec.Volumes = append(spec.Volumes, corev1.Volume{Name: "extra"})
		return &spec.Volumes[len(spec.Volumes)-1]
	}
	debugger := func() *corev1.EphemeralContainer {
		spec.EphemeralContainers = append(spec.EphemeralContainers, corev1.EphemeralContainer{})
		return &spec.EphemeralContainers[0]
	}
	switch of.Name() {
	case "ObjectMeta":
		return &pod.ObjectMeta
	case "PodSpec":
		return spec
	case "PodSecurityContext":
		spec.SecurityContext = &corev1.PodSecurityContext{}
		return spec.SecurityContext
	case "Container":
		return container
	case "EphemeralContainerCommon":
		return &debugger().EphemeralContainerCommon
	case "EphemeralContainer":
		return debugger()
	case "SecurityContext":
		container.SecurityContext = &corev1.SecurityContext{}
		return container.SecurityContext
	case "Volume":
		return volume()
	case "VolumeProjection":
		projected := &corev1.ProjectedVolumeSource{Sources: make([]corev1.VolumeProjection, 1)}
		volume().Projected = projected
		return &projected.Sources[0]
	case "VolumeMount":
		return &container.VolumeMounts[0]
	case "EnvVarSource":
		container.Env = []corev1.EnvVar{{Name: "A", ValueFrom: &corev1.EnvVarSource{}}}
		return container.Env[0].ValueFrom
	case "EnvFromSource":
		container.EnvFrom = make([]corev1.EnvFromSource, 1)
		return &container.EnvFrom[0]
	}
	t.Fatalf("no part of a Pod for the type %s", of.Name())
	return nil
}

// fill gives a value, and everything below it, something other than nothing.
func fill(value reflect.Value) {
	switch value.Kind() {
	case reflect.Pointer:
		value.Set(reflect.New(value.Type().Elem()))
		fill(value.Elem())
	case reflect.Slice:
		value.Set(reflect.MakeSlice(value.Type(), 1, 1))
		fill(value.Index(0))
	case reflect.Map:
		element := reflect.New(value.Type().Elem()).Elem()
		fill(element)
		value.Set(reflect.MakeMap(value.Type()))
		value.SetMapIndex(reflect.ValueOf("a").Convert(value.Type().Key()), element)
	case reflect.String:
		value.SetString("a")
	case reflect.Bool:
		value.SetBool(true)
	case reflect.Int, reflect.Int32, reflect.Int64:
		value.SetInt(1)
	case reflect.Uint8:
		value.SetUint(1)
	case reflect.Struct:
		for f, member := range value.Fields() {
			if f.IsExported() {
				fill(member)
			}
		}
	default: // no field of a Pod is of another kind
		panic(value.Type())
	}
}
