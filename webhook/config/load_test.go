package config

import (
	"reflect"
	"strings"
	"testing"

	"userscope.dev/userscope/webhook/scope"
)

const deerflow = "../../manifests/policies/deerflow.yaml"

func TestDeerFlowPolicy(t *testing.T) {
	policies, err := Load(deerflow)
	if err != nil {
		t.Fatal(err)
	}
	userData, err := scope.ParseTemplate("users/{user}/threads/{thread}/user-data")
	if err != nil {
		t.Fatal(err)
	}
	want := scope.Policies{{
		Name:         "deer-flow",
		Namespaces:   []string{"deer-flow"},
		Claim:        "deer-flow-home",
		Selector:     map[string]string{"app": "deer-flow-sandbox"},
		Provisioners: []string{"system:serviceaccount:deer-flow:deer-flow-provisioner"},
		ExemptGroups: []string{"system:masters"},
		ExemptUsers: []string{
			"system:serviceaccount:kube-system:replicaset-controller",
			"system:serviceaccount:kube-system:replication-controller",
			"system:serviceaccount:kube-system:statefulset-controller",
			"system:serviceaccount:kube-system:daemon-set-controller",
			"system:serviceaccount:kube-system:job-controller",
		},
		User:              scope.IDRule{Key: "user-id", MaxLength: 255},
		Thread:            scope.IDRule{Key: "thread-id", MaxLength: 64},
		UserDataVolume:    "user-data",
		UserDataMountPath: "/mnt/user-data",
		Layout:            scope.Layout{Root: "deer-flow", UserData: userData},
	}}
	if !reflect.DeepEqual(policies, want) {
		t.Errorf("got  %+v\nwant %+v", *policies[0], *want[0])
	}
}

// minimal is the shortest valid policy: everything else has a default.
const minimal = `
apiVersion: userscope.dev/v1alpha1
kind: Policy
metadata: {name: deer-flow}
spec:
  namespaces: [deer-flow]
  claim: deer-flow-home
  selector: {app: deer-flow-sandbox}
  provisioners: ["system:serviceaccount:deer-flow:deer-flow-provisioner"]
  layout: {root: deer-flow, userData: "users/{user}/threads/{thread}/user-data"}
`

func TestDefaultsAreDeerFlows(t *testing.T) {
	shipped, err := Load(deerflow)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Parse("minimal", []byte(minimal))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, shipped) {
		t.Errorf("the defaults\n%+v\nare not what the shipped policy spells out\n%+v", *got[0], *shipped[0])
	}
}

func TestOtherPlatforms(t *testing.T) {
	policies, err := Parse("hub", []byte(`
apiVersion: userscope.dev/v1alpha1
kind: Policy
metadata: {name: jupyterhub}
spec:
  namespaces: [hub, lab]
  claim: homes
  selector: {component: singleuser-server}
  userKey: hub.jupyter.org/username
  userPattern: "[a-z][a-z0-9-]*"
  caseSensitive: false
  exemptCreators: {}
  userDataVolume: home
  userDataMountPath: /home/jovyan
  layout: {userData: "home/{user}"}
`))
	if err != nil {
		t.Fatal(err)
	}
	p := policies[0]
	if p.User.Key != "hub.jupyter.org/username" || !p.User.LowerCase || p.User.Pattern.String() != "^(?:[a-z][a-z0-9-]*)$" {
		t.Errorf("user rule: %+v", p.User)
	}
	if p.Layout.Root != "" || p.Layout.UserData.HasThread() || p.ExemptUsers != nil || p.ExemptGroups != nil {
		t.Errorf("layout %+v, exempt %v %v", p.Layout, p.ExemptUsers, p.ExemptGroups)
	}
	if p.UserDataVolume != "home" || p.UserDataMountPath != "/home/jovyan" {
		t.Errorf("user data: %s at %s", p.UserDataVolume, p.UserDataMountPath)
	}
}

// TestMistakes changes one thing of the minimal policy at a time.
func TestMistakes(t *testing.T) {
	second := strings.NewReplacer("name: deer-flow", "name: second", "claim: deer-flow-home", "claim: other",
		"layout:", "userDataVolume: other\n  userDataMountPath: /other\n  layout:").Replace(minimal)
	tests := []struct {
		name     string
		old, new string // a replacement in the minimal policy
		want     string // the whole error
	}{
		{"wrong version", "v1alpha1", "v1", `p.yaml: apiVersion: Unsupported value: "userscope.dev/v1": supported values: "userscope.dev/v1alpha1"`},
		{"wrong kind", "kind: Policy", "kind: Pod", `p.yaml: kind: Unsupported value: "Pod": supported values: "Policy"`},
		{"no name", "{name: deer-flow}", "{}", `p.yaml: metadata.name: Required value`},
		{"unknown field", "claim:", "claims:", `p.yaml: unknown field "spec.claims"`},
		{"field in the wrong case", "claim:", "Claim:", `p.yaml: unknown field "spec.Claim"`},
		{"unknown nested field", "{root:", "{base:", `p.yaml: unknown field "spec.layout.base"`},
		{"field twice", "  claim:", "  claim: a\n  claim:", "p.yaml: not valid YAML: unmarshal errors:\n  line 8: key \"claim\" already set in map"},
		{"wrong type", "[deer-flow]", "deer-flow", `p.yaml: spec.namespaces: want []string, got string`},
		{"not YAML", "kind: Policy", "kind: [", `p.yaml: not valid YAML: line 4: did not find expected ',' or ']'`},
		{"no namespaces", "namespaces: [deer-flow]", "namespaces: []", `p.yaml: spec.namespaces: Required value: name the namespaces whose sandboxes are governed`},
		{"namespace twice", "[deer-flow]", "[a, a]", `p.yaml: spec.namespaces[1]: Duplicate value: "a"`},
		{"illegal namespace", "[deer-flow]", "[deer_flow]", `p.yaml: spec.namespaces[0]: Invalid value: "deer_flow": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')`},
		{"no claim", "deer-flow-home", `""`, `p.yaml: spec.claim: Required value`},
		{"no selector", "{app: deer-flow-sandbox}", "{}", `p.yaml: spec.selector: Required value: without labels every Pod of the namespaces would be a sandbox`},
		{"empty provisioner", `"system:serviceaccount:deer-flow:deer-flow-provisioner"`, `""`, `p.yaml: spec.provisioners[0]: Required value`},
		{"illegal key", "claim:", "userKey: a b\n  claim:", `p.yaml: spec.userKey: Invalid value: "a b": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')`},
		{"one key for both ids", "claim:", "userKey: id\n  threadKey: id\n  claim:", `p.yaml: spec.threadKey: Invalid value: "id": is also the userKey`},
		{"key in the selector", "claim:", "userKey: app\n  claim:", `p.yaml: spec.userKey: Invalid value: "app": is also a label of the selector`},
		{"broken pattern", "claim:", "userPattern: \"(\"\n  claim:", "p.yaml: spec.userPattern: Invalid value: \"(\": is not a regular expression: error parsing regexp: missing closing ): `(`"},
		{"pattern that closes the anchors' group", "claim:", "threadPattern: a)|(b\n  claim:", "p.yaml: spec.threadPattern: Invalid value: \"a)|(b\": is not a regular expression: error parsing regexp: unexpected ): `a)|(b`"},
		{"relative mount path", "claim:", "userDataMountPath: mnt\n  claim:", `p.yaml: spec.userDataMountPath: Invalid value: "mnt": must be an absolute path without a slash at the end, . or ..`},
		{"unclean mount path", "claim:", "userDataMountPath: /mnt/\n  claim:", `p.yaml: spec.userDataMountPath: Invalid value: "/mnt/": must be an absolute path without a slash at the end, . or ..`},
		{"the root as mount path", "claim:", "userDataMountPath: /\n  claim:", `p.yaml: spec.userDataMountPath: Invalid value: "/": must be an absolute path without a slash at the end, . or ..`},
		{"absolute root", "root: deer-flow", "root: /deer-flow", `p.yaml: spec.layout.root: Invalid value: "/deer-flow": must be relative, without empty segments or a slash at the end`},
		{"placeholder in the root", "root: deer-flow", `root: "{user}"`, `p.yaml: spec.layout.root: Invalid value: "{user}": must not have placeholders: every identity shares the root`},
		{"no user data", `, userData: "users/{user}/threads/{thread}/user-data"`, "", `p.yaml: spec.layout.userData: Required value: such as users/{user}/threads/{thread}/user-data`},
		{"thread without user", "users/{user}/threads", "threads", `p.yaml: spec.layout.userData: Invalid value: "threads/{thread}/user-data": {thread} needs {user} in the same path: threads of different users may carry the same id`},
		{"no placeholder", "users/{user}/threads/{thread}/user-data", "data", `p.yaml: spec.layout.userData: Invalid value: "data": must contain {user}: without it all users share one directory`},
		{"placeholder in a segment", "users/{user}", "users/u-{user}", `p.yaml: spec.layout.userData: Invalid value: "users/u-{user}/threads/{thread}/user-data": segment "u-{user}": only {user} and {thread} are placeholders, and each must be a whole segment`},
		{"placeholder twice", "users/{user}", "{user}/{user}", `p.yaml: spec.layout.userData: Invalid value: "{user}/{user}/threads/{thread}/user-data": {user} may occur only once`},
		{"dots", "users/{user}", "users/../{user}", `p.yaml: spec.layout.userData: Invalid value: "users/../{user}/threads/{thread}/user-data": must not contain the segment ".."`},
		{"exempt ServiceAccount of the namespace", "claim:", "exemptCreators: {users: ['system:serviceaccount:deer-flow:gateway']}\n  claim:", `p.yaml: spec.exemptCreators.users[0]: Invalid value: "system:serviceaccount:deer-flow:gateway": is a ServiceAccount of the governed namespace deer-flow`},
		{"exempt provisioner", `provisioners: ["system:serviceaccount:deer-flow:deer-flow-provisioner"]`, "provisioners: [bot]\n  exemptCreators: {users: [bot]}", `p.yaml: spec.exemptCreators.users[0]: Invalid value: "bot": is also one of the provisioners, whose Pods are always governed`},
		{"exempt group of everyone", "claim:", "exemptCreators: {groups: ['system:authenticated']}\n  claim:", `p.yaml: spec.exemptCreators.groups[0]: Invalid value: "system:authenticated": contains every ServiceAccount of the governed namespaces`},
		{"exempt group of the namespace", "claim:", "exemptCreators: {groups: ['system:serviceaccounts:deer-flow']}\n  claim:", `p.yaml: spec.exemptCreators.groups[0]: Invalid value: "system:serviceaccounts:deer-flow": contains every ServiceAccount of a governed namespace`},
		{"the same name twice", "\napi", minimal + "---\napi", `p.yaml: metadata.name: Duplicate value: "deer-flow"`},
		{"several mistakes, all of them", "claim: deer-flow-home", "claim: ''\n  userKey: ''", "p.yaml: spec.claim: Required value\n" +
			"p.yaml: spec.userKey: Invalid value: \"\": name part must be non-empty\n" +
			"p.yaml: spec.userKey: Invalid value: \"\": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"},
		{"several unknown fields, all of them", "claim:", "a: 1\n  b: 2\n  claim:", "p.yaml: unknown field \"spec.a\"\np.yaml: unknown field \"spec.b\""},
		{"nothing", minimal, "# nothing\n", `p.yaml: holds no policy: want a document with apiVersion: userscope.dev/v1alpha1 and kind: Policy`},
		{"a second policy with another selector", "\napi", strings.Replace(second, "app: deer", "app: other", 1) + "---\napi", `p.yaml: spec.selector: Invalid value: {"app":"deer-flow-sandbox"}: must be as in policy second, which governs Pods of the same namespace`},
		{"a second policy with the same claim", "\napi", strings.Replace(second, "claim: other", "claim: deer-flow-home", 1) + "---\napi", `p.yaml: spec.claim: Invalid value: "deer-flow-home": is taken by policy second, which governs Pods of the same namespace`},
		{"a second policy with the same volume", "\napi", strings.Replace(second, "userDataVolume: other", "", 1) + "---\napi", `p.yaml: spec.userDataVolume: Invalid value: "user-data": is taken by policy second, which governs Pods of the same namespace`},
		{"a mistake in one of two documents", "\napi", strings.Replace(second, "name: second", "name: ''", 1) + "---\napi", `p.yaml: document 1: metadata.name: Required value`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			text := strings.Replace(minimal, test.old, test.new, 1)
			if text == minimal {
				t.Fatalf("the minimal policy has no %q", test.old)
			}
			policies, err := Parse("p.yaml", []byte(text))
			if err == nil {
				t.Fatalf("accepted as %+v", *policies[0])
			}
			if err.Error() != test.want {
				t.Errorf("got  %s\nwant %s", err, test.want)
			}
		})
	}
}

func TestTwoPoliciesOfOneNamespace(t *testing.T) {
	second := strings.NewReplacer("name: deer-flow", "name: second", "claim: deer-flow-home", "claim: other",
		"layout:", "userDataVolume: other\n  userDataMountPath: /other\n  layout:").Replace(minimal)
	policies, err := Parse("p.yaml", []byte("# first\n---"+minimal+"---"+second+"---\n# the end\n"))
	if err != nil {
		t.Fatal(err)
	}
	if len(policies) != 2 || policies[0].Name != "deer-flow" || policies[1].Name != "second" {
		t.Errorf("got %d policies", len(policies))
	}
}

func TestUnreadableFile(t *testing.T) {
	_, err := Load("testdata/missing.yaml")
	if want := "policy file: open testdata/missing.yaml: no such file or directory"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
