package main

import (
	"bytes"
	_ "embed" // the Pods below
	"encoding/json"
	"fmt"

	jsonpatch "github.com/evanphx/json-patch/v5"
	admissionv1 "k8s.io/api/admission/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	"userscope.dev/userscope/test/kit/controlplane"
)

//go:embed sandbox.yaml
var sandboxYAML []byte

//go:embed unrelated.yaml
var unrelatedYAML []byte

// pods are the Pods that are sent, as JSON.
type pods struct {
	// sandbox is DeerFlow's, scoped is what the webhook makes of that, and elsewhere mounts a directory that a
	// MutatingAdmissionPolicy sets right.
	sandbox, scoped, elsewhere []byte
	// unrelated is no sandbox.
	unrelated []byte
}

func readPods() (*pods, error) {
	var p pods
	var err error
	if p.sandbox, err = yaml.YAMLToJSON(sandboxYAML); err != nil {
		return nil, fmt.Errorf("sandbox.yaml: %w", err)
	}
	if p.unrelated, err = yaml.YAMLToJSON(unrelatedYAML); err != nil {
		return nil, fmt.Errorf("unrelated.yaml: %w", err)
	}
	p.elsewhere = bytes.ReplaceAll(p.sandbox, []byte("b7/user-data\""), []byte("b7/elsewhere\""))
	return &p, nil
}

// review is the AdmissionReview by which an API server asks about the creation of a Pod by DeerFlow's
// provisioner.
func review(pod []byte, namespace string) ([]byte, error) {
	gvk, gvr := metav1.GroupVersionKind{Version: "v1", Kind: "Pod"}, metav1.GroupVersionResource{Version: "v1", Resource: "pods"}
	dryRun := true
	return json.Marshal(admissionv1.AdmissionReview{
		TypeMeta: metav1.TypeMeta{APIVersion: admissionv1.SchemeGroupVersion.String(), Kind: "AdmissionReview"},
		Request: &admissionv1.AdmissionRequest{
			UID:  "3a5f6a0c-1f6e-4a53-8a39-6d2f6a7b9c10",
			Kind: gvk, Resource: gvr, RequestKind: &gvk, RequestResource: &gvr,
			Name: "sandbox", Namespace: namespace, Operation: admissionv1.Create,
			UserInfo: authenticationv1.UserInfo{
				Username: controlplane.Provisioner,
				Groups:   []string{"system:serviceaccounts", "system:serviceaccounts:" + controlplane.Namespace, "system:authenticated"},
			},
			Object: runtime.RawExtension{Raw: pod},
			DryRun: &dryRun,
		},
	})
}

// patched is the Pod with the patch of a webhook's answer.
func patched(pod, answer []byte) ([]byte, error) {
	var review admissionv1.AdmissionReview
	if err := json.Unmarshal(answer, &review); err != nil {
		return nil, err
	}
	if review.Response == nil || !review.Response.Allowed {
		return nil, fmt.Errorf("the webhook refuses the Pod that is measured: %s", answer)
	}
	patch, err := jsonpatch.DecodePatch(review.Response.Patch)
	if err != nil {
		return nil, fmt.Errorf("the webhook's patch: %w", err)
	}
	return patch.Apply(pod)
}

// subPathOfUserData is where the Pod of an API server's answer mounts user data.
func subPathOfUserData(answer []byte) string {
	var pod corev1.Pod
	if err := json.Unmarshal(answer, &pod); err != nil || len(pod.Spec.Containers) == 0 {
		return ""
	}
	for _, mount := range pod.Spec.Containers[0].VolumeMounts {
		if mount.MountPath == "/mnt/user-data" {
			return mount.SubPath
		}
	}
	return ""
}
