package expressions

import (
	"context"
	"errors"
	"fmt"
	"slices"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/version"
	"k8s.io/apiserver/pkg/admission"
	plugincel "k8s.io/apiserver/pkg/admission/plugin/cel"
	"k8s.io/apiserver/pkg/admission/plugin/policy/validating"
	"k8s.io/apiserver/pkg/admission/plugin/webhook/matchconditions"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/cel/environment"
)

// oldest is the environment in which Kubernetes 1.30 compiles new expressions: an API server takes no more
// than its predecessor knows, so that it can be rolled back.
var oldest = environment.MustBaseEnvSet(version.MajorMinor(1, 29))

// conditions are match conditions as an API server compiles them, those of a policy or of a webhook.
func conditions(compiler plugincel.ConditionCompiler, name string, list []admissionregistrationv1.MatchCondition) (matchconditions.Matcher, error) {
	accessors := make([]plugincel.ExpressionAccessor, len(list))
	for i := range list {
		accessors[i] = (*matchconditions.MatchCondition)(&list[i])
	}
	evaluator, err := compileAll(compiler, name+": matchConditions", accessors)
	fail := admissionregistrationv1.Fail
	return matchconditions.NewMatcher(evaluator, &fail, "policy", "validate", name), err
}

// compileAll compiles expressions. The error names those that do not compile.
func compileAll(compiler plugincel.ConditionCompiler, at string, list []plugincel.ExpressionAccessor) (plugincel.ConditionEvaluator, error) {
	evaluator := compiler.CompileCondition(list, plugincel.OptionalVariableDeclarations{}, environment.NewExpressions)
	err := errors.Join(evaluator.CompilationErrors()...)
	if err != nil {
		err = fmt.Errorf("%s: %w", at, err)
	}
	return evaluator, err
}

// policy is a ValidatingAdmissionPolicy as an API server has compiled it.
type policy struct {
	validating.Validator
	rules []admissionregistrationv1.NamedRuleWithOperations
}

// compile compiles a policy as API servers do.
func compile(source *admissionregistrationv1.ValidatingAdmissionPolicy) (*policy, error) {
	compiler, err := plugincel.NewCompositedCompiler(oldest)
	if err != nil {
		return nil, err
	}
	for _, v := range source.Spec.Variables {
		variable := &validating.Variable{Name: v.Name, Expression: v.Expression}
		result := compiler.CompileAndStoreVariable(variable, plugincel.OptionalVariableDeclarations{}, environment.NewExpressions)
		if result.Error != nil {
			return nil, fmt.Errorf("%s: variables[%s]: %w", source.Name, v.Name, result.Error)
		}
	}
	matcher, err := conditions(compiler, source.Name, source.Spec.MatchConditions)
	if err != nil {
		return nil, err
	}
	var validations, messages []plugincel.ExpressionAccessor
	for _, v := range source.Spec.Validations {
		validations = append(validations, &validating.ValidationCondition{Expression: v.Expression, Message: v.Message, Reason: v.Reason})
		var message plugincel.ExpressionAccessor
		if v.MessageExpression != "" {
			message = &validating.MessageExpressionCondition{MessageExpression: v.MessageExpression}
		}
		messages = append(messages, message)
	}
	judging, err := compileAll(compiler, source.Name+": validations", validations)
	if err != nil {
		return nil, err
	}
	wording, err := compileAll(compiler, source.Name+": messageExpressions", messages)
	if err != nil {
		return nil, err
	}
	audit, err := compileAll(compiler, source.Name, nil)
	validator := validating.NewValidator(judging, matcher, audit, wording, source.Spec.FailurePolicy, nil)
	return &policy{validator, source.Spec.MatchConstraints.ResourceRules}, err
}

// request is an admission request about a Pod.
type request struct {
	operation   admission.Operation
	subresource string
	namespace   string
	user        user.DefaultInfo
	pod, old    *corev1.Pod
}

// form is how an API server shows a Pod to CEL.
type form func(*corev1.Pod) (runtime.Object, error)

// forms are those of Kubernetes 1.35 and later, and of earlier versions.
var forms = map[string]form{
	"typed": func(pod *corev1.Pod) (runtime.Object, error) { return pod, nil },
	"untyped": func(pod *corev1.Pod) (runtime.Object, error) {
		content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(pod)
		// Kubernetes 1.30 has the names of resource claims below source.
		claims, _, _ := unstructured.NestedSlice(content, "spec", "resourceClaims")
		for i := range claims {
			claim, _ := claims[i].(map[string]any)
			name := claim["name"]
			delete(claim, "name")
			claims[i] = map[string]any{"name": name, "source": claim}
		}
		if len(claims) > 0 {
			err = errors.Join(err, unstructured.SetNestedSlice(content, claims, "spec", "resourceClaims"))
		}
		return &unstructured.Unstructured{Object: content}, err
	},
}

var (
	podKind     = corev1.SchemeGroupVersion.WithKind("Pod")
	podResource = corev1.SchemeGroupVersion.WithResource("pods")
)

// attributes are the request as an API server hands it to CEL.
func (r *request) attributes(show form) (*admission.VersionedAttributes, error) {
	var object, old runtime.Object
	var err, errOld error
	if r.pod != nil {
		object, err = show(r.pod)
	}
	if r.old != nil {
		old, errOld = show(r.old)
	}
	attributes := &admission.VersionedAttributes{
		Attributes:    admission.NewAttributesRecord(object, old, podKind, r.namespace, "pod", podResource, r.subresource, r.operation, nil, true, &r.user),
		VersionedKind: podKind,
	}
	attributes.VersionedObject.Set(object)
	attributes.VersionedOldObject.Set(old)
	return attributes, errors.Join(err, errOld)
}

// matches reports whether a policy is about a request.
func (p *policy) matches(r *request) bool {
	resource := "pods"
	if r.subresource != "" {
		resource += "/" + r.subresource
	}
	return slices.ContainsFunc(p.rules, func(rule admissionregistrationv1.NamedRuleWithOperations) bool {
		return slices.Contains(rule.Operations, admissionregistrationv1.OperationType(r.operation)) &&
			(slices.Contains(rule.Resources, resource) || r.subresource != "" && slices.Contains(rule.Resources, "pods/*"))
	})
}

// refusals returns why a policy refuses a request. The error is of an expression that cannot be evaluated.
func (p *policy) refusals(ctx context.Context, r *request, show form) (refused []string, err error) {
	if !p.matches(r) {
		return nil, nil
	}
	attributes, err := r.attributes(show)
	if err != nil {
		return nil, err
	}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: r.namespace}}
	result := p.Validate(ctx, podResource, attributes, nil, namespace, celconfig.RuntimeCELCostBudget, nil)
	for _, decision := range result.Decisions {
		switch {
		case decision.Evaluation == validating.EvalError:
			err = errors.Join(err, errors.New(decision.Message[max(0, len(decision.Message)-200):]))
		case decision.Action == validating.ActionDeny:
			refused = append(refused, decision.Message)
		}
	}
	return refused, err
}
