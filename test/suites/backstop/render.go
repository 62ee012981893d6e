package backstop

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"userscope.dev/userscope/test/kit/repo"
	"userscope.dev/userscope/webhook/yamlstream"
)

// Policy is an entry of the chart's value policies.
type Policy struct {
	Name string         `json:"name"`
	Spec map[string]any `json:"spec"`
}

// ReadPolicies reads a policy file as values of the chart.
func ReadPolicies(file string) ([]Policy, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var policies []Policy
	for _, document := range yamlstream.Read(text) {
		var read struct {
			Metadata metav1.ObjectMeta `json:"metadata"`
			Spec     map[string]any    `json:"spec"`
		}
		if err := errors.Join(document.Mistakes...); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		if err := json.Unmarshal(document.JSON, &read); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		policies = append(policies, Policy{Name: read.Metadata.Name, Spec: read.Spec})
	}
	return policies, nil
}

// Objects are those of the chart that API servers evaluate.
type Objects struct {
	Mutating   admissionregistrationv1.MutatingWebhookConfiguration
	Validating admissionregistrationv1.ValidatingWebhookConfiguration
	Policies   []admissionregistrationv1.ValidatingAdmissionPolicy
	Bindings   []admissionregistrationv1.ValidatingAdmissionPolicyBinding
}

// Render renders the chart with the policies.
func Render(ctx context.Context, policies []Policy) (*Objects, error) {
	chart, err := repo.Path("manifests", "chart")
	if err != nil {
		return nil, err
	}
	return RenderChart(ctx, chart, policies)
}

// RenderChart renders the chart in a directory, which may be another version of it, with the policies.
func RenderChart(ctx context.Context, chart string, policies []Policy) (*Objects, error) {
	values, err := json.Marshal(map[string]any{"policies": policies})
	if err != nil {
		return nil, err
	}
	helm, err := repo.Path("bin", "helm")
	if err != nil {
		return nil, err
	}
	command := exec.CommandContext(ctx, helm, "template", "userscope", chart, "--namespace", "userscope-system", "--values", "-")
	command.Stdin = bytes.NewReader(values)
	rendered, err := command.Output()
	if failed, ok := errors.AsType[*exec.ExitError](err); ok {
		err = fmt.Errorf("%w: %s", err, failed.Stderr)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", command, err)
	}
	objects := &Objects{}
	for _, document := range yamlstream.Read(rendered) {
		if err := errors.Join(document.Mistakes...); err != nil {
			return nil, fmt.Errorf("%s: %w", command, err)
		}
		if err := objects.add(document.JSON); err != nil {
			return nil, fmt.Errorf("%s: %w in %s", command, err, document.JSON)
		}
	}
	return objects, nil
}

// add takes an object if it is one of those that API servers evaluate.
func (o *Objects) add(object []byte) error {
	var kind metav1.TypeMeta
	if err := json.Unmarshal(object, &kind); err != nil {
		return err
	}
	switch kind.Kind {
	case "MutatingWebhookConfiguration":
		return json.Unmarshal(object, &o.Mutating)
	case "ValidatingWebhookConfiguration":
		return json.Unmarshal(object, &o.Validating)
	case "ValidatingAdmissionPolicy":
		return appendTo(&o.Policies, object)
	case "ValidatingAdmissionPolicyBinding":
		return appendTo(&o.Bindings, object)
	default:
		return nil
	}
}

func appendTo[T any](list *[]T, object []byte) error {
	var entry T
	err := json.Unmarshal(object, &entry)
	*list = append(*list, entry)
	return err
}
