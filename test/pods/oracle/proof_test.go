package oracle

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// The keys of some cases. The gateway knows the first two.
const keyOne, keyTwo, keyOther = "the first key", "the second key", "somebody's own key"

// sandboxIDs are ids by what they are, of a user and their thread t1.
func sandboxIDs(user string) map[string]string {
	digest := func(key, message string) string {
		if key == "" {
			return fmt.Sprintf("%x", sha256.Sum256([]byte(message)))
		}
		mac := hmac.New(sha256.New, []byte(key))
		mac.Write([]byte(message))
		return fmt.Sprintf("%x", mac.Sum(nil))
	}
	plain, foreign := digest("", user+":t1"), digest("", "bob:t1")
	one, two, other := digest(keyOne, user+":t1"), digest(keyTwo, user+":t1"), digest(keyOther, user+":t1")
	return map[string]string{
		"none": "", "words": "sandbox-of-somebody",
		"8": plain[:8], "15": plain[:15], "16": plain[:16], "63": plain[:63], "64": plain,
		"upper": strings.ToUpper(plain[:16]), "tail": plain[:16] + foreign[:16], "foreign": foreign[:16],
		"one": one[:16], "one-63": one[:63], "two": two[:16], "two-63": two[:63], "one-tail": one[:16] + two[:16], "other": other[:16],
	}
}

// senders are Pods of nobody but the thread t1 of alice, or of the default user, by what says so.
var senders = map[string]string{
	"declared":        `{"metadata": {"labels": {"app": "sandbox", "user-id": "alice", "thread-id": "t1"}}, "spec": {}}`,
	"annotated":       `{"metadata": {"labels": {"app": "sandbox"}, "annotations": {"user-id": "alice", "thread-id": "t1"}}, "spec": {}}`,
	"half":            `{"metadata": {"labels": {"app": "sandbox", "user-id": "alice"}}, "spec": {"volumes": [{"name": "x", "hostPath": {"path": "/base/users/alice/threads/t1/acp-workspace"}}]}}`,
	"other half":      `{"metadata": {"labels": {"app": "sandbox", "thread-id": "t1"}}, "spec": {"volumes": [{"name": "x", "hostPath": {"path": "/base/users/alice/threads/t1/acp-workspace"}}]}}`,
	"adopted":         `{"metadata": {"labels": {"app": "sandbox"}}, "spec": {"volumes": [{"name": "x", "hostPath": {"path": "/base/users/alice/threads/t1/acp-workspace"}}]}}`,
	"default":         `{"metadata": {"labels": {"app": "sandbox", "thread-id": "t1"}}, "spec": {}}`,
	"default of old":  `{"metadata": {"labels": {"app": "sandbox"}}, "spec": {"volumes": [{"name": "x", "hostPath": {"path": "/base/threads/t1/user-data"}}]}}`,
	"nobody":          `{"metadata": {"labels": {"app": "sandbox"}}, "spec": {}}`,
	"a user's thread": `{"metadata": {"labels": {"app": "sandbox", "user-id": "alice"}}, "spec": {}}`,
}

// Which sandbox ids let which identity pass is the design's table, line by line.
func TestProof(t *testing.T) {
	const (
		all     = "none words 8 15 16 63 64 upper tail foreign one one-63 two two-63 one-tail other"
		proofs  = "16 63"
		unclear = "none words 8 15 16 63"
	)
	twoKeys := []string{keyOne, keyTwo}
	tests := []struct {
		proof string
		keys  []string
		who   string
		pass  string
	}{
		{"Adopted", nil, "declared", unclear},
		{"Adopted", nil, "annotated", unclear},
		{"Adopted", nil, "half", proofs},
		{"Adopted", nil, "other half", proofs},
		{"Adopted", nil, "adopted", proofs},
		{"Adopted", nil, "default", unclear},
		{"Adopted", nil, "default of old", unclear},
		{"Adopted", nil, "nobody", ""},
		{"Adopted", nil, "a user's thread", ""},

		{"Always", nil, "declared", proofs},
		{"Always", nil, "annotated", proofs},
		{"Always", nil, "half", proofs},
		{"Always", nil, "other half", proofs},
		{"Always", nil, "adopted", proofs},
		{"Always", nil, "default", proofs},
		{"Always", nil, "default of old", proofs},
		{"Always", nil, "nobody", ""},

		{"Always", twoKeys, "declared", "one one-63 two two-63"},
		{"Always", twoKeys, "half", "one one-63 two two-63"},
		{"Always", twoKeys, "adopted", "one one-63 two two-63"},
		{"Always", twoKeys, "default", "one one-63 two two-63"},
		{"Always", twoKeys[1:], "declared", "two two-63"},

		{"Never", nil, "declared", all},
		{"Never", nil, "half", all},
		{"Never", nil, "other half", all},
		{"Never", nil, "adopted", all},
		{"Never", nil, "default", unclear},
		{"Never", nil, "default of old", unclear},
		{"Never", nil, "nobody", ""},
	}
	for _, test := range tests {
		user := "alice"
		if strings.HasPrefix(test.who, "default") || test.who == "nobody" {
			user = "default"
		}
		for kind, id := range sandboxIDs(user) {
			p := proving(test.proof, test.keys)
			sent := with(parse(senders[test.who]), change{"metadata/labels/sandbox-id", id})
			findings := Judge([]Policy{p}, provisioner, sent, stamped(sent, user, "t1"))
			if want := slices.Contains(strings.Fields(test.pass), kind); want == hasFinding(findings, "I5") {
				t.Errorf("%s with %d keys, %s, sandbox id %s: findings %q", test.proof, len(test.keys), test.who, kind, findings)
			}
		}
	}
}

// proving is a policy that has a say on proofs, and directories on its nodes.
func proving(proof string, keys []string) Policy {
	p := policy()
	p.Identity.Proof, p.Identity.Keys, p.Identity.DefaultUser = proof, keys, "default"
	p.Legacy = "threads/{thread}/user-data"
	return p
}

// stamped is a Pod as it comes out of the decision that it is somebody's.
func stamped(sent object, user, thread string) object {
	final := parse(encode(sent))
	metadata := child(final, "metadata")
	metadata["annotations"] = object{marker: "deer-flow", "user-id": user, "thread-id": thread, userStamp: user, threadStamp: thread}
	for key, id := range map[string]string{"user-id": user, "thread-id": thread, userStamp: user, threadStamp: thread} {
		if isLabelValue(id) {
			child(metadata, "labels")[key] = id
		}
	}
	return final
}

// Nobody but the one who is named may be stamped on a Pod.
func TestAnotherThanTheOneWhoIsNamed(t *testing.T) {
	for who, sent := range senders {
		for _, id := range [][2]string{{"bob", "t1"}, {"alice", "t2"}} {
			pod := parse(sent)
			if findings := Judge([]Policy{proving("Never", nil)}, provisioner, pod, stamped(pod, id[0], id[1])); len(findings) == 0 {
				t.Errorf("%s comes out as %v's", who, id)
			}
		}
	}
	noDefault := proving("Never", nil)
	noDefault.Identity.DefaultUser = ""
	for _, who := range []string{"default", "default of old"} {
		pod := parse(senders[who])
		if findings := Judge([]Policy{noDefault}, provisioner, pod, stamped(pod, "default", "t1")); !hasFinding(findings, "I5") {
			t.Errorf("%s, and the policy knows none: %q", who, findings)
		}
	}
}

// A user that nobody named has no directories but those of the thread.
func TestDirectoriesOfADefaultUser(t *testing.T) {
	tests := []struct {
		subPath string
		broken  bool
	}{
		{"deer-flow/users/default/threads/t1/user-data", false},
		{"deer-flow/users/default/threads/t1/acp-workspace", false},
		{"deer-flow/public", false},
		{"deer-flow/users/default/data", true},
	}
	for _, test := range tests {
		pod := func(source, subPath string) object {
			return parse(fmt.Sprintf(`{"metadata": {"labels": {"app": "sandbox", "thread-id": "t1"}}, "spec": {
				"volumes": [{"name": "user-data", %s}],
				"containers": [{"volumeMounts": [{"name": "user-data", "mountPath": "/x", "readOnly": true, "subPath": %q}]}]}}`, source, subPath))
		}
		// What is mounted of a path of the node spells nobody.
		sent := pod(`"hostPath": {"path": "/x"}`, test.subPath)
		final := stamped(pod(`"persistentVolumeClaim": {"claimName": "home"}`, test.subPath), "default", "t1")
		if findings := Judge([]Policy{proving("Adopted", nil)}, provisioner, sent, final); len(findings) > 0 != test.broken {
			t.Errorf("%s: findings %q", test.subPath, findings)
		}
	}
}
