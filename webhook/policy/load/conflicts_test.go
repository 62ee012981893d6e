package load

import (
	"fmt"
	"strings"
	"testing"

	"userscope.dev/userscope/webhook/policy"
)

// beside is a policy that may stand beside the minimal one.
var beside = strings.NewReplacer("name: deer-flow", "name: second", "claim: deer-flow-home", "claim: other",
	"layout:", "userDataVolume: other\n  userDataMountPath: /other\n  layout:").Replace(minimal)

// TestTogether puts a policy below the minimal one and changes one thing of it at a time.
func TestTogether(t *testing.T) {
	const meeting = ", which governs Pods of the same namespace"
	const provisioners = `provisioners: ["system:serviceaccount:deer-flow:deer-flow-provisioner"]`
	tests := []struct {
		name     string
		old, new string // a replacement in the policy below
		want     string // the error; "" if there is none
	}{
		{"nothing", "", "", ""},
		{"the same provisioners in another order", provisioners, "provisioners: [b, a]", "same provisioners"},
		{"other provisioners", provisioners, "provisioners: [a]", `spec.provisioners: Invalid value: ["a"]: must be as in policy deer-flow` + meeting},
		{"one provisioner more", "provisioners: [", "provisioners: [a, ", `spec.provisioners: Invalid value: ["a","system:serviceaccount:deer-flow:deer-flow-provisioner"]: must be as in policy deer-flow` + meeting},
		{"one provisioner less", provisioners, "", `spec.provisioners: Invalid value: null: must be as in policy deer-flow` + meeting},
		{"other exempt users", "claim:", "exemptCreators: {groups: ['system:masters']}\n  claim:", `spec.exemptCreators.users: Invalid value: null: must be as in policy deer-flow` + meeting},
		{"other exempt groups", "claim:", "exemptCreators: {users: [" + strings.Join(defaultExempt().Users, ", ") + "]}\n  claim:", `spec.exemptCreators.groups: Invalid value: null: must be as in policy deer-flow` + meeting},
		{"another userKey", "claim:", "userKey: user\n  claim:", `spec.userKey: Invalid value: "user": must be as in policy deer-flow` + meeting},
		{"another threadKey", "claim:", "threadKey: thread\n  claim:", `spec.threadKey: Invalid value: "thread": must be as in policy deer-flow` + meeting},
		{"the same mount path", "userDataMountPath: /other", "", `spec.userDataMountPath: Invalid value: "/mnt/user-data": is taken by policy deer-flow` + meeting},
		{"the same claim", "claim: other", "claim: deer-flow-home", `spec.claim: Invalid value: "deer-flow-home": is taken by policy deer-flow` + meeting},
		{"the same claim and all else in another namespace", "namespaces: [deer-flow]\n  claim: other", "namespaces: [elsewhere]\n  userKey: user\n  claim: deer-flow-home", ""},
		{"the claim of a policy that it does not meet", "namespaces: [deer-flow]\n", "namespaces: [elsewhere]\n  allow: {claims: [deer-flow-home]}\n", ""},
		{"an exempt ServiceAccount of the other's namespace", "namespaces: [deer-flow]\n", "namespaces: [elsewhere]\n  exemptCreators: {users: [a, 'system:serviceaccount:deer-flow:gateway']}\n",
			`document 2: spec.exemptCreators.users[1]: Invalid value: "system:serviceaccount:deer-flow:gateway": is a ServiceAccount of the governed namespace deer-flow`},
		{"an exempt group of the other's namespace", "namespaces: [deer-flow]\n", "namespaces: [elsewhere]\n  exemptCreators: {groups: ['system:serviceaccounts:deer-flow']}\n",
			`document 2: spec.exemptCreators.groups[0]: Invalid value: "system:serviceaccounts:deer-flow": contains every ServiceAccount of a governed namespace`},
		{"exempt ServiceAccounts of a namespace that nobody governs", "namespaces: [deer-flow]\n", "namespaces: [elsewhere]\n  exemptCreators: {users: ['system:serviceaccount:ops:x'], groups: ['system:serviceaccounts:ops']}\n", ""},
		{"an exempt group that is named like a namespace", "namespaces: [deer-flow]\n", "namespaces: [elsewhere]\n  exemptCreators: {groups: [deer-flow, elsewhere]}\n", ""},
		{"an exempt user that looks like a ServiceAccount", "namespaces: [deer-flow]\n", "namespaces: [elsewhere]\n  exemptCreators: {users: ['system:serviceaccount:elsewhere']}\n", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			first, second := minimal, strings.Replace(beside, test.old, test.new, 1)
			if second == beside && test.old != test.new {
				t.Fatalf("the policy has no %q", test.old)
			}
			want := test.want
			if want == "same provisioners" {
				first, want = strings.Replace(minimal, provisioners, "provisioners: [a, b]", 1), ""
			}
			checkParse(t, first+"---"+second, want)
		})
	}
}

// checkParse compares the error of a file with the one that is wanted, "" for none.
func checkParse(t *testing.T, text, want string) {
	t.Helper()
	_, err := Parse("p.yaml", []byte(text))
	if want != "" {
		want = "p.yaml: " + want
	}
	if got := fmt.Sprint(err); err == nil && want != "" || err != nil && got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// Every policy is compared with every other, and mistakes everywhere are told at once.
func TestThreePolicies(t *testing.T) {
	third := strings.NewReplacer("name: second", "name: third", "other", "more").Replace(beside)
	checkParse(t, minimal+"---"+beside+"---"+third, "")
	checkParse(t, minimal+"---"+beside+"---"+strings.Replace(third, "name: third", "name: second", 1), `metadata.name: Duplicate value: "second"`)
	checkParse(t, minimal+"---"+beside+"---"+strings.Replace(third, "name: third", "name: deer-flow", 1), `metadata.name: Duplicate value: "deer-flow"`)
	checkParse(t, strings.Replace(minimal, "claim: deer-flow-home", "claims: []", 1)+"---\n- a\n---"+strings.Replace(third, "claim: more", "claim: {}", 1),
		"document 1: unknown field \"spec.claims\"\n"+
			"p.yaml: document 1: spec.claim: Required value\n"+
			"p.yaml: document 2: is a list: want an object with apiVersion: userscope.dev/v1alpha1 and kind: Policy\n"+
			"p.yaml: document 3: spec.claim: want a string, got an object")
}

// The nodes are the same for every policy, whatever its namespaces.
func TestListedPathsKeepOffTheBasesOfOthers(t *testing.T) {
	divided := strings.Replace(minimal, "claim:", "hostPathBases: [/srv/data]\n  claim:", 1)
	listing := strings.Replace(beside, "namespaces: [deer-flow]", "namespaces: [elsewhere]\n  allow: {hostPaths: [/x, /srv]}", 1)
	checkParse(t, divided+"---"+listing, `spec.allow.hostPaths[1]: Invalid value: "/srv": and the base /srv/data of policy deer-flow lie inside one another`)
	checkParse(t, divided+"---"+strings.Replace(listing, ", /srv]", "]", 1), "")
}

// What one policy gives to alice another could give to somebody else.
func TestBasesKeepOffTheBasesOfOthers(t *testing.T) {
	divided := strings.Replace(minimal, "claim:", "hostPathBases: [/srv/data]\n  claim:", 1)
	again := func(namespace, base, userData string) string {
		policy := strings.Replace(beside, "namespaces: [deer-flow]", "namespaces: ["+namespace+"]\n  hostPathBases: [/x, "+base+"]", 1)
		return strings.Replace(policy, "users/{user}/threads/{thread}/user-data", userData, 1)
	}
	const alike, unlike = "users/{user}/threads/{thread}/user-data", "{user}/{thread}"
	checkParse(t, divided+"---"+again("elsewhere", "/srv", alike), `spec.hostPathBases[1]: Invalid value: "/srv": and the base /srv/data of policy deer-flow lie inside one another`)
	checkParse(t, divided+"---"+again("elsewhere", "/srv/data", unlike), `spec.hostPathBases[1]: Invalid value: "/srv/data": and the base /srv/data of policy deer-flow lie inside one another`)
	checkParse(t, divided+"---"+again("elsewhere", "/srv/data", alike), "")
	checkParse(t, divided+"---"+again("elsewhere", "/y", unlike), "")
	checkParse(t, divided+"---"+again("deer-flow", "/srv/data", unlike), "") // a Pod must pass both
}

// Policies that divide the same base agree whether its filesystem tells A from a, wherever their Pods run.
func TestCaseOfSharedBases(t *testing.T) {
	divided := strings.Replace(minimal, "claim:", "hostPathBases: [/srv/data]\n  claim:", 1)
	for _, namespace := range []string{"deer-flow", "elsewhere"} {
		other := func(base string) string {
			return strings.Replace(beside, "namespaces: [deer-flow]", "namespaces: ["+namespace+"]\n  caseSensitive: false\n  hostPathBases: ["+base+"]", 1)
		}
		checkParse(t, divided+"---"+other("/srv/data"),
			`spec.caseSensitive: Invalid value: false: must be as in policy deer-flow, which divides /srv/data of hostPathBases, too`)
		checkParse(t, divided+"---"+other("/srv/other"), "")
		both := strings.Replace(divided, "claim:", "caseSensitive: false\n  claim:", 1)
		checkParse(t, both+"---"+other("/srv/data"), "")
	}
}

// Policies of one namespace share their keys, which no error shows.
func TestKeysTogether(t *testing.T) {
	keyed := func(policy, file string) string {
		return strings.Replace(policy, "claim:", "proof: Always\n  keyFile: testdata/keys/"+file+"\n  claim:", 1)
	}
	checkParse(t, keyed(minimal, "a")+"---"+keyed(beside, "a"), "")
	checkParse(t, keyed(minimal, "a")+"---"+keyed(beside, "b"),
		`spec.keyFile: Invalid value: "[[key]]": must be as in policy deer-flow, which governs Pods of the same namespace`)
}

// A pattern is anchored at both ends, whatever it holds.
func TestPatterns(t *testing.T) {
	for _, test := range []struct {
		pattern string
		legal   string
		illegal string
		want    string // of the error
	}{
		{"a|b", "b", "ab", ""},
		{"(?i)a", "A", "aa", ""},
		{`\Qa\E`, "a", "ab", ""},
		{"(?m)a$", "a", "ab", ""},
		{`\Qabc`, "", "", "missing closing ): `^(?:\\Qabc)$`"},
		{`a|\Q)$|b`, "", "", "missing closing ): `^(?:a|\\Q)$|b)$`"},
		{"a)|(b", "", "", "unexpected ): `a)|(b`"},
		{strings.Repeat("(", 999) + strings.Repeat(")", 999), "", "", "expression nests too deeply: `^(?:" + strings.Repeat("(", 999) + strings.Repeat(")", 999) + ")$`"},
	} {
		policies, err := Parse("p.yaml", []byte(strings.Replace(minimal, "claim:", "threadPattern: '"+test.pattern+"'\n  claim:", 1)))
		if test.want != "" {
			want := fmt.Sprintf("p.yaml: spec.threadPattern: Invalid value: %q: is not a regular expression: error parsing regexp: %s", test.pattern, test.want)
			if fmt.Sprint(err) != want {
				t.Errorf("got  %v\nwant %s", err, want)
			}
			continue
		}
		if err != nil {
			t.Error(err)
			continue
		}
		if rule := policies[0].Thread; rule.Check(test.legal) != "" || rule.Check(test.illegal) == "" {
			t.Errorf("%s: %q is %q, %q is %q", test.pattern, test.legal, rule.Check(test.legal), test.illegal, rule.Check(test.illegal))
		}
	}
}

// Whether a filesystem tells A from a holds for users and threads alike.
func TestCaseSensitive(t *testing.T) {
	for _, test := range []struct {
		field string
		lower bool
	}{{"", false}, {"caseSensitive: true\n  ", false}, {"caseSensitive: false\n  ", true}} {
		policies, err := Parse("p.yaml", []byte(strings.Replace(minimal, "claim:", test.field+"claim:", 1)))
		if err != nil {
			t.Fatal(err)
		}
		for name, rule := range map[string]policy.IDRule{"user": policies[0].User, "thread": policies[0].Thread} {
			if rule.LowerCase != test.lower {
				t.Errorf("%q: lower case only for the %s is %t, want %t", test.field, name, rule.LowerCase, test.lower)
			}
		}
	}
}
