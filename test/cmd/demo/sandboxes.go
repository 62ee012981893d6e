package main

import (
	"bytes"
	_ "embed" // the template below
	"text/template"
)

// sandbox is a Pod of the demo and what has to become of it.
type sandbox struct {
	Title string

	// What is sent.
	Name, SandboxID     string
	Labels, Annotations map[string]string
	SubPath             string

	// Owner is the user whose sandbox has to be stored; if empty, the Pod has to be refused
	// for Rule.
	Owner, Rule string
}

// thread is the one thread id of all the demo's Pods.
const thread = "research-7"

// directory is where a user's data lies.
func directory(user string) string {
	return "deer-flow/users/" + user + "/threads/" + thread + "/user-data"
}

// sandboxes are the demo's Pods.
var sandboxes = []sandbox{
	{
		Title: "alice's sandbox, mounted by thread alone",
		Name:  "sandbox-1", SandboxID: "cc9ec59e",
		Labels:  map[string]string{"user-id": "alice", "thread-id": thread},
		SubPath: "threads/" + thread + "/user-data",
		Owner:   "alice",
	},
	{
		Title: "bob's sandbox, of the same thread id: the two would have met",
		Name:  "sandbox-2", SandboxID: "61349a00",
		Labels:  map[string]string{"user-id": "bob", "thread-id": thread},
		SubPath: "threads/" + thread + "/user-data",
		Owner:   "bob",
	},
	{
		Title: "bob's sandbox that asks for alice's directory",
		Name:  "sandbox-3", SandboxID: "61349a00",
		Labels:  map[string]string{"user-id": "bob", "thread-id": thread},
		SubPath: directory("alice"),
		Owner:   "bob",
	},
	{
		Title: "hostile ids: a label that is no id, and an annotation that climbs",
		Name:  "sandbox-4", SandboxID: "c41f0b96",
		Labels:      map[string]string{"user-id": "a.b"},
		Annotations: map[string]string{"thread-id": "../../bob"},
		SubPath:     "threads/" + thread + "/user-data",
		Rule:        "identity-invalid",
	},
	{
		Title: "nobody's sandbox: a thread, and no user",
		Name:  "sandbox-5", SandboxID: "5d7732ef",
		SubPath: "threads/" + thread + "/user-data",
		Rule:    "identity-missing",
	},
	{
		Title: "alice's sandbox as DeerFlow sends it: the directory names her, and the sandbox-id proves it",
		Name:  "sandbox-6", SandboxID: "cc9ec59eb7aa67cd",
		SubPath: directory("alice"),
		Owner:   "alice",
	},
	{
		Title: "the same, with the last digit of the sandbox-id changed",
		Name:  "sandbox-7", SandboxID: "cc9ec59eb7aa67ce",
		SubPath: directory("alice"),
		Rule:    "identity-unproven",
	},
}

//go:embed sandbox.yaml
var manifestTemplate string

var manifests = template.Must(template.New("sandbox").Parse(manifestTemplate))

// manifest is the Pod as kubectl reads it.
func (s *sandbox) manifest() ([]byte, error) {
	var manifest bytes.Buffer
	err := manifests.Execute(&manifest, s)
	return manifest.Bytes(), err
}
