package main

import (
	"context"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/ptr"
)

// setSubPath sets the subPath of the user-data mount by the identity that the first directories of it name.
// That is the one job that a MutatingAdmissionPolicy can do in place of the webhook.
const setSubPath = `object.spec.containers[0].volumeMounts.transformList(i, m,
  m.mountPath == "/mnt/user-data" && m.?subPath.orValue("").startsWith("deer-flow/users/"),
  JSONPatch{
    op: "replace",
    path: "/spec/containers/0/volumeMounts/" + string(i) + "/subPath",
    value: "deer-flow/users/" + m.subPath.split("/")[2] + "/threads/" + m.subPath.split("/")[4] + "/user-data"
  })`

// installMutatingPolicy has the API server itself do what a webhook could do for one field.
func installMutatingPolicy(ctx context.Context, admin kubernetes.Interface) error {
	const name = "bench"
	api := admin.AdmissionregistrationV1()
	_, err := api.MutatingAdmissionPolicies().Create(ctx, &admissionregistrationv1.MutatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: admissionregistrationv1.MutatingAdmissionPolicySpec{
			FailurePolicy:      ptr.To(admissionregistrationv1.Fail),
			ReinvocationPolicy: admissionregistrationv1.IfNeededReinvocationPolicy,
			MatchConstraints: &admissionregistrationv1.MatchResources{
				NamespaceSelector: in(namespaceMutatingPolicy),
				ResourceRules: []admissionregistrationv1.NamedRuleWithOperations{{
					RuleWithOperations: admissionregistrationv1.RuleWithOperations{
						Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create},
						Rule:       admissionregistrationv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"pods"}},
					},
				}},
			},
			MatchConditions: []admissionregistrationv1.MatchCondition{{
				Name: "sandbox", Expression: `object.metadata.?labels[?"app"] == optional.of("deer-flow-sandbox")`,
			}},
			Mutations: []admissionregistrationv1.Mutation{{
				PatchType: admissionregistrationv1.PatchTypeJSONPatch,
				JSONPatch: &admissionregistrationv1.JSONPatch{Expression: setSubPath},
			}},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	_, err = api.MutatingAdmissionPolicyBindings().Create(ctx, &admissionregistrationv1.MutatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       admissionregistrationv1.MutatingAdmissionPolicyBindingSpec{PolicyName: name},
	}, metav1.CreateOptions{})
	return err
}
