package load

import (
	"bytes"
	stdjson "encoding/json"
	"errors"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metavalidation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/json"

	"userscope.dev/userscope/webhook/policy"
)

// selector reads a label selector: matchLabels and matchExpressions, or a plain map, which is matchLabels. Labels
// may be called matchLabels and matchExpressions, too: their values are texts.
func (c *compiler) selector(at *field.Path, given map[string]any) policy.Selector {
	_, hasLabels := given["matchLabels"].(map[string]any)
	_, hasExpressions := given["matchExpressions"].([]any)
	var read metav1.LabelSelector
	labelsAt, expressionsAt := at, at.Child("matchExpressions")
	into := any(&read.MatchLabels)
	if hasLabels || hasExpressions {
		labelsAt, into = at.Child("matchLabels"), &read
	}
	if !c.decode(at, given, into) {
		return nil
	}
	c.mistakes = append(c.mistakes, metavalidation.ValidateLabels(read.MatchLabels, labelsAt)...)
	selector := policy.MatchLabels(read.MatchLabels)
	for i, expression := range read.MatchExpressions {
		selector = append(selector, c.requirement(expressionsAt.Index(i), expression, selector))
	}
	slices.SortFunc(selector, func(a, b policy.Requirement) int { return strings.Compare(a.Key, b.Key) })
	if len(selector) == 0 {
		c.required(at, "without labels every Pod of the namespaces would be a sandbox")
	}
	return selector
}

// operators are those that a selector may have. With any other, a Pod could be a sandbox for want of a label.
var operators = []metav1.LabelSelectorOperator{metav1.LabelSelectorOpIn, metav1.LabelSelectorOpExists}

// requirement reads one of matchExpressions, behind others. One for the same key would narrow the other, or be
// forgotten.
func (c *compiler) requirement(at *field.Path, given metav1.LabelSelectorRequirement, others policy.Selector) policy.Requirement {
	c.mistakes = append(c.mistakes, metavalidation.ValidateLabelName(given.Key, at.Child("key"))...)
	if slices.ContainsFunc(others, func(other policy.Requirement) bool { return other.Key == given.Key }) {
		c.mistakes = append(c.mistakes, field.Duplicate(at.Child("key"), given.Key))
	}
	values := at.Child("values")
	switch {
	case !slices.Contains(operators, given.Operator):
		c.mistakes = append(c.mistakes, field.NotSupported(at.Child("operator"), given.Operator, operators))
	case given.Operator == metav1.LabelSelectorOpExists && len(given.Values) > 0:
		c.mistakes = append(c.mistakes, field.Forbidden(values, "the operator Exists has none"))
	case given.Operator == metav1.LabelSelectorOpIn && len(given.Values) == 0:
		c.required(values, "the operator In has at least one")
	}
	for i, value := range given.Values {
		c.mistakes = append(c.mistakes, metavalidation.ValidateLabels(map[string]string{"value": value}, values.Index(i))...)
		if slices.Contains(given.Values[:i], value) {
			c.mistakes = append(c.mistakes, field.Duplicate(values.Index(i), value))
		}
	}
	return policy.Requirement{Key: given.Key, Values: slices.Sorted(slices.Values(given.Values))}
}

// decode reads a part of a document into a type that the document's own does not show. It tells whether all of it
// could be read.
func (c *compiler) decode(at *field.Path, given map[string]any, into any) bool {
	text, err := stdjson.Marshal(given)
	if err != nil {
		c.invalid(at, given, "%v", err)
		return false
	}
	mistakes, err := json.UnmarshalStrict(text, into)
	if wrong, ok := errors.AsType[*stdjson.UnmarshalTypeError](err); ok {
		where, got := locate(stdjson.NewDecoder(bytes.NewReader(text)), at, wrong.Offset)
		c.mistakes = append(c.mistakes, field.TypeInvalid(where, show(got), "want "+typeWord(wrong.Type)))
		return false
	}
	for _, mistake := range append(mistakes, err) {
		if mistake != nil {
			c.invalid(at, given, "%v", mistake)
		}
	}
	return err == nil
}
