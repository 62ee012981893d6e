package scope

import (
	"regexp"
	"strings"
	"testing"

	"userscope.dev/userscope/webhook/policy"
)

func TestDeclaredIdentity(t *testing.T) {
	missing := func(noun, key string) Violation {
		return Violation{RuleIdentityMissing, "metadata.labels[" + key + "]", "",
			"no " + noun + ": set this label to the sandbox's " + noun + " id or, if the id is no legal label value, an annotation with the same key"}
	}
	invalid := func(where, value, problem, noun string) Violation {
		return Violation{RuleIdentityInvalid, "metadata." + where, value, problem + ": set it to the " + noun + " id that the data belongs to"}
	}
	const alphabet = "has characters other than A-Z, a-z, 0-9, _ and - (see idCharacters)"
	const never = "has characters that no policy can admit there"
	t64, t65 := strings.Repeat("t", 64), strings.Repeat("t", 65)
	u255, u256 := strings.Repeat("u", 255), strings.Repeat("u", 256)
	at := func(user, thread string) []Edit {
		return setTo(firstSubPath, "x", "deer-flow/users/"+user+"/threads/"+thread+"/user-data", firstSubPathAt)
	}
	hub := deerflow(func(p *policy.Policy) { p.Layout = policy.Layout{UserData: template("home/{user}")} })

	runCreate(t, []createTest{
		{name: "labels", pod: sandbox(), verdict: Allowed, identity: "alice/t1 label"},
		{name: "annotations", pod: sandbox(noLabel("user-id", "thread-id"), annotation("user-id", "alice"), annotation("thread-id", "t1")),
			verdict: Allowed, identity: "alice/t1 annotation"},
		{name: "a label and an annotation", pod: sandbox(noLabel("thread-id"), annotation("thread-id", "t1")),
			verdict: Allowed, identity: "alice/t1 annotation"},
		{name: "an annotation and a label", pod: sandbox(noLabel("user-id"), annotation("user-id", "alice")),
			verdict: Allowed, identity: "alice/t1 annotation"},
		{name: "both, alike", pod: sandbox(annotation("user-id", "alice"), annotation("thread-id", "t1")), verdict: Allowed, identity: "alice/t1 label"},
		{name: "both, different", pod: sandbox(annotation("user-id", "bob")), verdict: Refused,
			violations: []Violation{{RuleIdentityConflict, "metadata.annotations[user-id]", "bob", `contradicts the label with the same key: set only one of them, or both alike; the label says "alice"`}}},
		{name: "no user", pod: sandbox(subPath("x"), noLabel("user-id")), verdict: Refused, violations: []Violation{missing("user", "user-id")}},
		{name: "no thread", pod: sandbox(subPath("x"), noLabel("thread-id")), verdict: Refused, violations: []Violation{missing("thread", "thread-id")}},
		{name: "neither", pod: sandbox(subPath("x"), noLabel("user-id", "thread-id")), verdict: Refused,
			violations: []Violation{missing("user", "user-id"), missing("thread", "thread-id")}},
		{name: "an empty user beside a good annotation", pod: sandbox(label("user-id", ""), annotation("user-id", "alice")), verdict: Refused,
			violations: []Violation{invalid("labels[user-id]", "", "is empty", "user"),
				{RuleIdentityConflict, "metadata.annotations[user-id]", "alice", `contradicts the label with the same key: set only one of them, or both alike; the label says ""`}}},
		{name: "an empty thread annotation beside a good label", pod: sandbox(annotation("thread-id", "")), verdict: Refused,
			violations: []Violation{invalid("annotations[thread-id]", "", "is empty", "thread"),
				{RuleIdentityConflict, "metadata.annotations[thread-id]", "", `contradicts the label with the same key: set only one of them, or both alike; the label says "t1"`}}},
		{name: "dots", pod: sandbox(label("user-id", "a.b")), verdict: Refused, violations: []Violation{invalid("labels[user-id]", "a.b", alphabet, "user")}},
		{name: "the parent directory", pod: sandbox(noLabel("user-id"), annotation("user-id", "..")), verdict: Refused,
			violations: []Violation{invalid("annotations[user-id]", "..", never, "user")}},
		{name: "the same directory", pod: sandbox(noLabel("thread-id"), annotation("thread-id", ".")), verdict: Refused,
			violations: []Violation{invalid("annotations[thread-id]", ".", never, "thread")}},
		{name: "a slash", pod: sandbox(noLabel("user-id"), annotation("user-id", "a/b")), verdict: Refused,
			violations: []Violation{invalid("annotations[user-id]", "a/b", never, "user")}},
		{name: "unicode", pod: sandbox(noLabel("user-id"), annotation("user-id", "ålice")), verdict: Refused,
			violations: []Violation{invalid("annotations[user-id]", "ålice", never, "user")}},
		{name: "a newline at the end", pod: sandbox(noLabel("user-id"), annotation("user-id", "alice\n")), verdict: Refused,
			violations: []Violation{invalid("annotations[user-id]", "alice\n", never, "user")}},
		{name: "a NUL", pod: sandbox(noLabel("user-id"), annotation("user-id", "alice\x00")), verdict: Refused,
			violations: []Violation{invalid("annotations[user-id]", "alice\x00", never, "user")}},
		{name: "ids that are no label values", pod: sandbox(noLabel("user-id", "thread-id"), annotation("user-id", "-alice_"), annotation("thread-id", "_"), subPath("x")),
			verdict: Rewritten, identity: "-alice_/_ annotation", edits: at("-alice_", "_")},
		{name: "every kind of character", pod: sandbox(label("user-id", "azAZ09_-x"), subPath("x")),
			verdict: Rewritten, identity: "azAZ09_-x/t1 label", edits: at("azAZ09_-x", "t1")},
		{name: "the longest thread", pod: sandbox(noLabel("thread-id"), annotation("thread-id", t64), subPath("x")),
			verdict: Rewritten, identity: "alice/" + t64 + " annotation", edits: at("alice", t64)},
		{name: "a longer thread", pod: sandbox(noLabel("thread-id"), annotation("thread-id", t65)), verdict: Refused,
			violations: []Violation{invalid("annotations[thread-id]", t65, "is 65 bytes long, and 64 are allowed", "thread")}},
		{name: "the longest user", pod: sandbox(noLabel("user-id"), annotation("user-id", u255), subPath("x")),
			verdict: Rewritten, identity: u255 + "/t1 annotation", edits: []Edit{{Op: "replace", Path: firstSubPath, Value: "deer-flow/users/" + u255 + "/threads/t1/user-data",
				Warning: firstSubPathAt + `: "x" is now …"` + strings.Repeat("u", 174) + `/threads/t1/user-data"`}}},
		{name: "a longer user", pod: sandbox(noLabel("user-id"), annotation("user-id", u256)), verdict: Refused,
			violations: []Violation{invalid("annotations[user-id]", u256, "is 256 bytes long, and 255 are allowed", "user")}},
		{name: "an id that the policy's pattern leaves out", pod: sandbox(),
			policy:  deerflow(func(p *policy.Policy) { p.User.Pattern = regexp.MustCompile("^(?:u[0-9]+)$") }),
			verdict: Refused, violations: []Violation{invalid("labels[user-id]", "alice", "does not match the policy's pattern", "user")}},
		{name: "an id that the policy's pattern takes", pod: sandbox(),
			policy:  deerflow(func(p *policy.Policy) { p.User.Pattern = regexp.MustCompile("^(?:[a-z]+)$") }),
			verdict: Allowed},
		{name: "an upper-case letter where the filesystem ignores case", pod: sandbox(label("user-id", "alicE")),
			policy:  deerflow(func(p *policy.Policy) { p.User.LowerCase = true }),
			verdict: Refused, violations: []Violation{invalid("labels[user-id]", "alicE",
				"has upper-case letters, which the policy's filesystem cannot tell from lower-case ones", "user")}},
		{name: "every other character where the filesystem ignores case", pod: sandbox(label("user-id", "az09_-x")),
			policy:  deerflow(func(p *policy.Policy) { p.User.LowerCase = true }),
			verdict: Rewritten, identity: "az09_-x/t1 label", edits: setTo(firstSubPath, aliceDir, "deer-flow/users/az09_-x/threads/t1/user-data", firstSubPathAt)},
		{name: "the first upper-case letter where the filesystem ignores case", pod: sandbox(label("user-id", "A")),
			policy:  deerflow(func(p *policy.Policy) { p.User.LowerCase = true }),
			verdict: Refused, violations: []Violation{invalid("labels[user-id]", "A",
				"has upper-case letters, which the policy's filesystem cannot tell from lower-case ones", "user")}},
		{name: "the last upper-case letter where the filesystem ignores case", pod: sandbox(label("user-id", "Z")),
			policy:  deerflow(func(p *policy.Policy) { p.User.LowerCase = true }),
			verdict: Refused, violations: []Violation{invalid("labels[user-id]", "Z",
				"has upper-case letters, which the policy's filesystem cannot tell from lower-case ones", "user")}},
		{name: "a layout without threads", policy: hub, pod: sandbox(noLabel("thread-id"), subPath("home/bob")),
			verdict: Rewritten, identity: "alice label", edits: setTo(firstSubPath, "home/bob", "home/alice", firstSubPathAt)},
		{name: "a malformed thread where no layout asks for one", policy: hub, pod: sandbox(label("thread-id", "a.b"), subPath("home/alice")), verdict: Allowed, identity: "alice label"},
	})
}
