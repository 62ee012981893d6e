package main

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"gomodules.xyz/jsonpatch/v2"

	"userscope.dev/userscope/webhook/admission"
	"userscope.dev/userscope/webhook/policy"
	"userscope.dev/userscope/webhook/scope"
)

// result is what check says of one Pod. Its JSON is API.
type result struct {
	Name      string        `json:"name"`
	Namespace string        `json:"namespace"`
	Verdict   scope.Verdict `json:"verdict"`
	// Reason says why a Pod is ungoverned; empty for other verdicts.
	Reason     string                `json:"reason,omitempty"`
	Identity   identity              `json:"identity"`
	Violations []violation           `json:"violations"`
	More       int                   `json:"moreViolations,omitempty"`
	Patch      []jsonpatch.Operation `json:"patch"`

	decision scope.Decision
}

type identity struct {
	User   string        `json:"user"`
	Thread string        `json:"thread"`
	Source policy.Source `json:"source"`
}

type violation struct {
	Rule    scope.Rule `json:"rule"`
	Path    string     `json:"path"`
	Value   string     `json:"value"`
	Message string     `json:"message"`
}

func newResult(req scope.Request, decision scope.Decision, reason string) result {
	r := result{
		Name:       req.Pod.Name,
		Namespace:  req.Namespace,
		Verdict:    decision.Verdict,
		Reason:     reason,
		Identity:   identity(decision.Identity),
		Violations: make([]violation, len(decision.Violations)),
		More:       decision.More,
		Patch:      admission.Patch(decision.Edits),
		decision:   decision,
	}
	if r.Name == "" {
		r.Name = req.Pod.GenerateName
	}
	for i, v := range decision.Violations {
		r.Violations[i] = violation(v)
	}
	return r
}

// text is the result as a line, with a line below it for each rewrite and each violation.
func (r *result) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s/%s  %s", plain(r.Namespace), plain(r.Name), r.Verdict)
	if r.Identity != (identity{}) {
		fmt.Fprintf(&b, "  %s", admission.DescribeIdentity(r.decision.Identity))
	}
	if r.Reason != "" {
		fmt.Fprintf(&b, "  %s", r.Reason)
	}
	b.WriteByte('\n')
	for i, edit := range r.decision.Edits {
		line := edit.Warning
		if line == "" {
			line = describe(&r.Patch[i])
		}
		fmt.Fprintf(&b, "  %s\n", line)
	}
	for _, v := range r.decision.Violations {
		fmt.Fprintf(&b, "  %s\n", admission.Describe(v))
	}
	if r.More > 0 {
		fmt.Fprintf(&b, "  %s\n", admission.DescribeMore(r.More))
	}
	return b.String()
}

// describe is an edit that takes nothing away, and so has no warning.
func describe(operation *jsonpatch.Operation) string {
	value, err := json.Marshal(operation.Value)
	if err != nil {
		value = []byte(err.Error())
	}
	return fmt.Sprintf("%s %s: %s", operation.Operation, operation.Path, value)
}

// plain is a name as it stands in a file, quoted where it could speak to a terminal.
func plain(name string) string {
	speaks := func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }
	if strings.ContainsFunc(name, speaks) {
		return strconv.QuoteToASCII(name)
	}
	return name
}

// sentence is what has been said of a file, quoted where a name in it could speak to a terminal.
func sentence(text string) string {
	if !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
		return strconv.QuoteToASCII(text)
	}
	return text
}
