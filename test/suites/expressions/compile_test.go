package expressions

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/cel-go/cel"
	celast "github.com/google/cel-go/common/ast"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	plugincel "k8s.io/apiserver/pkg/admission/plugin/cel"
	"sigs.k8s.io/yaml"

	"userscope.dev/userscope/test/kit/repo"
)

// mostCharacters is how long an expression may be for the parser of an API server.
const mostCharacters = 100_000

// Each rule's file compiles by itself, so that an error names the file and its line: bools above the line
// that divides it, a list of texts below.
func TestRulesCompile(t *testing.T) {
	env := envOfRules(t)
	for rule, content := range ruleFiles(t) {
		holds, words, divided := strings.Cut(content, "\n--- message\n")
		if !divided {
			t.Errorf("%s: has no line --- message", ruleFile(rule))
			continue
		}
		if strings.Contains(content, "{{") {
			t.Errorf("%s: has a template action, and is no template", ruleFile(rule))
		}
		for head, part := range parts(holds) {
			checkExpression(t, env, strings.TrimSpace(ruleFile(rule)+" "+head), part, cel.BoolType, cel.DynType)
		}
		checkExpression(t, env, ruleFile(rule)+" (message)", words, cel.ListType(cel.StringType), cel.ListType(cel.DynType), cel.DynType)
	}
}

// parts are the parts of the first half of a rule's file, by the lines that head them.
func parts(holds string) map[string]string {
	parts := map[string]string{}
	for i, part := range strings.Split(holds, "\n--- ") {
		head, expression := "", part
		if i > 0 {
			head, expression, _ = strings.Cut(part, "\n")
		}
		if strings.TrimSpace(comments.ReplaceAllString(expression, "")) != "" {
			parts[head] = expression
		}
	}
	return parts
}

var comments = regexp.MustCompile(`(?m)^ *//.*$`)

// envOfRules is an environment with what rules call the parts of a Pod, of any type.
func envOfRules(t *testing.T) *cel.Env {
	t.Helper()
	names := []string{"object", "oldObject", "request", "policy", "lists", "maps", "most", "bounds", "messages", "c", "e", "k", "m", "s", "v"}
	for _, file := range []string{"new.names.yaml", "stored.names.yaml"} {
		found, err := repo.Path("manifests", "chart", "files", "backstop", file)
		if err != nil {
			t.Fatal(err)
		}
		content, err := os.ReadFile(found)
		if err != nil {
			t.Fatal(err)
		}
		var list []struct{ Name string }
		if err := yaml.Unmarshal(content, &list); err != nil {
			t.Fatal(err)
		}
		for _, entry := range list {
			names = append(names, entry.Name)
		}
	}
	slices.Sort(names)
	var variables []cel.EnvOption
	for _, name := range slices.Compact(names) {
		variables = append(variables, cel.Variable(name, cel.DynType))
	}
	env, err := oldest.NewExpressionsEnv().Extend(variables...)
	if err != nil {
		t.Fatal(err)
	}
	return env
}

func checkExpression(t *testing.T, env *cel.Env, at, expression string, types ...*cel.Type) {
	t.Helper()
	checked, issues := env.Compile(expression)
	if err := issues.Err(); err != nil {
		t.Errorf("%s: %v", at, err)
		return
	}
	if err := ofKubernetes130(checked); err != nil {
		t.Errorf("%s: %v", at, err)
	}
	if !slices.ContainsFunc(types, checked.OutputType().IsExactType) {
		t.Errorf("%s: is of type %s, want %s", at, checked.OutputType(), types)
	}
}

// ofKubernetes130 finds functions that a new library counts as old: optional types have got some without a
// version of Kubernetes of their own.
func ofKubernetes130(checked *cel.Ast) error {
	var found []error
	celast.PostOrderVisit(checked.NativeRep().Expr(), celast.NewExprVisitor(func(e celast.Expr) {
		if e.Kind() != celast.CallKind {
			return
		}
		if name := e.AsCall().FunctionName(); slices.Contains([]string{"first", "last", "unwrap", "unwrapOpt", "optional.unwrap"}, name) {
			found = append(found, fmt.Errorf("%s() is unknown to Kubernetes 1.30", name))
		}
	}))
	return errors.Join(found...)
}

// A function that Kubernetes 1.30 does not know is found, whether the library says so or not.
func TestNewFunctionsAreFound(t *testing.T) {
	env := envOfRules(t)
	for _, expression := range []string{
		`ip("10.0.0.1").family() == 4`, // 1.31
		`lists.all(i, v, v > i)`,       // 1.33
		`lists.first().hasValue()`, `lists.last().hasValue()`,
		`object.sortBy(x, x).size() > 0`, // 1.34
	} {
		checked, issues := env.Compile(expression)
		if issues.Err() == nil && ofKubernetes130(checked) == nil {
			t.Errorf("%s: compiles", expression)
		}
	}
}

// What the chart makes of policies compiles, the webhooks' conditions and the policy for Services included.
func TestRenderedExpressionsCompile(t *testing.T) {
	for _, file := range policyFiles {
		objects := render(t, readPolicies(t, file))
		for i := range objects.Policies {
			policy := &objects.Policies[i]
			if _, err := compile(policy); err != nil {
				t.Errorf("%s: %v", file, err)
			}
			checkLengths(t, file+": "+policy.Name, policy.Spec.MatchConditions)
			for _, v := range policy.Spec.Validations {
				if length := max(len(v.Expression), len(v.MessageExpression)); length > mostCharacters {
					t.Errorf("%s: %s: an expression has %d characters", file, policy.Name, length)
				}
			}
		}
		compiler := plugincel.NewConditionCompiler(oldest)
		for _, webhook := range objects.Mutating.Webhooks {
			if _, err := conditions(compiler, webhook.Name, webhook.MatchConditions); err != nil {
				t.Errorf("%s: %v", file, err)
			}
			checkLengths(t, file+": "+webhook.Name, webhook.MatchConditions)
		}
		for _, webhook := range objects.Validating.Webhooks {
			if _, err := conditions(compiler, webhook.Name, webhook.MatchConditions); err != nil {
				t.Errorf("%s: %v", file, err)
			}
			checkLengths(t, file+": "+webhook.Name, webhook.MatchConditions)
		}
	}
}

func checkLengths(t *testing.T, at string, list []admissionregistrationv1.MatchCondition) {
	t.Helper()
	for _, condition := range list {
		if len(condition.Expression) > mostCharacters {
			t.Errorf("%s: %s has %d characters", at, condition.Name, len(condition.Expression))
		}
	}
}
