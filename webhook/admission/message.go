package admission

import (
	"fmt"
	"slices"
	"strings"

	"userscope.dev/userscope/webhook/podjson"
	"userscope.dev/userscope/webhook/policy"
	"userscope.dev/userscope/webhook/scope"
)

// Message is the text of a refusal, all violations in one line.
func Message(decision scope.Decision) string {
	parts := make([]string, len(decision.Violations))
	for i, violation := range decision.Violations {
		parts[i] = Describe(violation)
	}
	message := "userscope: " + strings.Join(parts, "; ")
	if decision.More > 0 {
		message += "; " + DescribeMore(decision.More)
	}
	return message
}

// Describe is one violation in words: its rule, path, value and remedy, in this order.
func Describe(violation scope.Violation) string {
	return fmt.Sprintf("%s: %s: %s", violation.Rule, violation.Path, finding(violation))
}

// DescribeMore stands for the violations that a decision counts without listing them.
func DescribeMore(more int) string { return fmt.Sprintf("and %d more", more) }

// DescribeIdentity is an identity with its source: alice/thread-1 (label).
func DescribeIdentity(id policy.Identity) string { return fmt.Sprintf("%s (%s)", id, id.Source) }

// finding is what a violation says of its field.
func finding(violation scope.Violation) string {
	if violation.Value == "" {
		return violation.Message
	}
	return quote(violation.Value) + ": " + violation.Message
}

// maxValue is how much of a value a message shows: events show little more than the first 200
// characters of it, and the remedy, which follows, must be among them.
const maxValue = 40

// quote renders a value that a stranger wrote so that it can neither hide the rest of the
// message nor speak to a terminal. Of a long one it keeps the end, which tells directories apart.
func quote(value string) string { return podjson.QuoteTail(value, maxValue) }

// maxText bounds a text of a request that is logged or echoed, in bytes. No name in Kubernetes is longer.
const maxText = 512

// cut shortens a text of a request to maxText bytes.
func cut(text string) string {
	if len(text) <= maxText {
		return text
	}
	return strings.ToValidUTF8(text[:maxText], "") + "…"
}

// maxLogged is how many violations of a refusal are logged: few have as many, and nobody shall fill the log.
const maxLogged = 8

// logged says the violations of a refusal, each in a text with path, value and message. Some creators keep what they
// are answered to themselves.
func logged(decision scope.Decision) []string {
	shown := decision.Violations[:min(len(decision.Violations), maxLogged)]
	texts := make([]string, len(shown), len(shown)+1)
	for i, violation := range shown {
		texts[i] = cut(Describe(violation))
	}
	if more := len(decision.Violations) - len(shown) + decision.More; more > 0 {
		texts = append(texts, DescribeMore(more))
	}
	return texts
}

// rulesOf lists the rules that violations break, each once.
func rulesOf(violations []scope.Violation) []string {
	var rules []string
	for _, violation := range violations {
		if rule := string(violation.Rule); !slices.Contains(rules, rule) {
			rules = append(rules, rule)
		}
	}
	return rules
}
