// Package facts writes what the chart and the documents take from the Go code: the chart's data file
// files/facts.json, the schema of a policy in values.schema.json, and docs/policy.md. Nothing of the
// program imports it. Its tests fail while one of the three files is stale.
package facts

import (
	"encoding/json"
	"reflect"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"userscope.dev/userscope/webhook/policy"
	"userscope.dev/userscope/webhook/policy/load"
	"userscope.dev/userscope/webhook/scope"
)

// Facts are what templates of the chart read with
//
//	{{ $facts := .Files.Get "files/facts.json" | fromJson }}
//
// Lists are in the order in which Go has them, or sorted.
type Facts struct {
	// Marker is the annotation that marks a Pod which Userscope judged.
	Marker string `json:"marker"`

	// Stamps are the keys that record a Pod's identity.
	Stamps Stamps `json:"stamps"`

	// Sources are the places from which an identity may be read.
	Sources Sources `json:"sources"`

	// ProofAdopted is the proof of what is read from mounts only.
	ProofAdopted policy.Proof `json:"proofAdopted"`

	// Defaults are the fields of a policy's spec that have a default, and these.
	Defaults map[string]any `json:"defaults"`

	// IDs says which ids of users and threads are legal.
	IDs IDs `json:"ids"`

	// VolumeTypes and Projections are the sources that no policy lists: the harmless ones, and those
	// with rules of their own.
	VolumeTypes []string `json:"volumeTypes"`
	Projections []string `json:"projections"`

	// MountFields are the fields of a volumeMount in the version of Kubernetes that go.mod names.
	MountFields []string `json:"mountFields"`

	// NodesOwn are directories through which a node can be read or ruled.
	NodesOwn []string `json:"nodesOwn"`

	// AllowLists are the fields of a policy's allow that are lists of texts.
	AllowLists []string `json:"allowLists"`

	// Labels are the labels with a rule of their own.
	Labels Labels `json:"labels"`

	// ControllersAnnotations are prefixes of the annotations that steer controllers and schedulers.
	ControllersAnnotations []string `json:"controllersAnnotations"`

	// NetworkCapabilities are the capabilities that a policy may list.
	NetworkCapabilities []string `json:"networkCapabilities"`

	// WorkloadKinds are the kinds of Kubernetes' own controllers of Pods.
	WorkloadKinds []string `json:"workloadKinds"`

	// CertificatesOfAll are the ConfigMaps that API servers put into every Pod.
	CertificatesOfAll []string `json:"certificatesOfAll"`

	// GroupsOfAll are the groups that contain every ServiceAccount.
	GroupsOfAll []string `json:"groupsOfAll"`

	// Baseline are the lists of the Pod Security baseline.
	Baseline Baseline `json:"baseline"`

	// Messages are refusals, or their beginnings, that the backstop words like the webhook: by rule and by
	// a short name.
	Messages map[scope.Rule]map[string]string `json:"messages"`
}

// Stamps are keys of labels and annotations.
type Stamps struct {
	User   string `json:"user"`
	Thread string `json:"thread"`
}

// Sources are the names of the places in a policy.
type Sources struct {
	Label      policy.IdentitySource `json:"label"`
	Annotation policy.IdentitySource `json:"annotation"`
	Mounts     policy.IdentitySource `json:"mounts"`
}

// Labels are keys of labels.
type Labels struct {
	// Any stands for every value of a label.
	Any string `json:"any"`

	// Identifying are those by which Services and controllers commonly select Pods, and IdentifyingPrefix begins
	// others.
	Identifying       []string `json:"identifying"`
	IdentifyingPrefix string   `json:"identifyingPrefix"`

	// Controllers are those that controllers give to their own Pods.
	Controllers []string `json:"controllers"`
}

// IDs are the limits of an id.
type IDs struct {
	// Characters is the inside of a character class of a regular expression (RE2), and
	// LowerCaseCharacters the same where the filesystem does not tell A from a.
	Characters          string `json:"characters"`
	LowerCaseCharacters string `json:"lowerCaseCharacters"`

	// Further are the characters that a policy may admit.
	Further string `json:"further"`

	// LostAndFound has only legal characters where a policy admits a plus sign, and is no id.
	LostAndFound string `json:"lostAndFound"`

	// UserLength and ThreadLength are the longest ids, in characters.
	UserLength   int `json:"userLength"`
	ThreadLength int `json:"threadLength"`
}

// New collects the facts. The error tells which source of a library cannot be read.
func New() (Facts, error) {
	defaults, err := defaults()
	if err != nil {
		return Facts{}, err
	}
	baseline, err := newBaseline()
	if err != nil {
		return Facts{}, err
	}
	unlisted := append(policy.HarmlessVolumeTypes(), policy.JudgedVolumeTypes()...)
	return Facts{
		Marker:  policy.MarkerAnnotation,
		Stamps:  Stamps{User: policy.UserStamp, Thread: policy.ThreadStamp},
		Sources: Sources{policy.FromLabel, policy.FromAnnotation, policy.FromMounts},

		ProofAdopted: policy.ProofAdopted,

		Defaults: defaults,
		IDs: IDs{
			Characters:          characters(policy.IDRule{MaxLength: 1}),
			LowerCaseCharacters: characters(policy.IDRule{MaxLength: 1, LowerCase: true}),
			Further:             policy.IDCharacters,
			LostAndFound:        policy.LostAndFound,
			UserLength:          policy.MaxUserLength,
			ThreadLength:        policy.MaxThreadLength,
		},
		VolumeTypes: common(unlisted, jsonNames(reflect.TypeFor[corev1.VolumeSource]())),
		Projections: common(unlisted, jsonNames(reflect.TypeFor[corev1.VolumeProjection]())),
		MountFields: jsonNames(reflect.TypeFor[corev1.VolumeMount]()),
		NodesOwn:    load.NodesOwn(),
		AllowLists:  textLists(reflect.TypeFor[policy.Allow]()),
		Labels: Labels{
			Any: policy.AnyValue, Identifying: policy.IdentifyingLabels(), IdentifyingPrefix: policy.IdentifyingPrefix,
			Controllers: policy.ControllersLabels(),
		},
		ControllersAnnotations: policy.ControllersAnnotations(),
		NetworkCapabilities:    policy.NetworkCapabilities(),
		WorkloadKinds:          policy.WorkloadKinds(),
		CertificatesOfAll:      scope.CertificatesOfAll(),
		GroupsOfAll:            load.GroupsOfAll(),
		Baseline:               baseline,
		Messages:               scope.Messages(),
	}, nil
}

// defaults returns the defaults by the JSON names of their fields.
func defaults() (map[string]any, error) {
	found := map[string]any{}
	value := reflect.ValueOf(load.Defaults())
	for i := range value.NumField() {
		if value.Field(i).IsZero() {
			continue
		}
		text, err := json.Marshal(value.Field(i).Interface())
		if err != nil {
			return nil, err
		}
		var plain any
		if err := json.Unmarshal(text, &plain); err != nil {
			return nil, err
		}
		found[jsonName(value.Type().Field(i))] = plain
	}
	return found, nil
}

// characters returns the class of the characters that an id may have, in ASCII's order. A hyphen comes
// first, where a class takes it for itself.
func characters(rule policy.IDRule) string {
	var class strings.Builder
	legal := func(c byte) bool { return rule.Check(string(rune(c))) == "" }
	for c := byte(0); c < 128; c++ {
		if !legal(c) {
			continue
		}
		first := c
		for legal(c + 1) {
			c++
		}
		class.WriteByte(first)
		if c > first {
			class.WriteByte('-')
			class.WriteByte(c)
		}
	}
	return class.String()
}

// jsonNames returns the JSON names of a struct's fields in the order of the type.
func jsonNames(of reflect.Type) []string {
	var names []string
	for i := range of.NumField() {
		names = append(names, jsonName(of.Field(i)))
	}
	return names
}

// textLists returns the JSON names of a struct's fields that are lists of texts.
func textLists(of reflect.Type) []string {
	var names []string
	for i := range of.NumField() {
		if kind := of.Field(i).Type; kind.Kind() == reflect.Slice && kind.Elem().Kind() == reflect.String {
			names = append(names, jsonName(of.Field(i)))
		}
	}
	return names
}

// jsonName returns the name of a field in JSON; it is empty for an inlined one.
func jsonName(field reflect.StructField) string {
	name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
	return name
}

// common returns the entries of one list that are in another.
func common(list, other []string) []string {
	var both []string
	for _, entry := range list {
		for _, same := range other {
			if entry == same {
				both = append(both, entry)
			}
		}
	}
	return both
}
