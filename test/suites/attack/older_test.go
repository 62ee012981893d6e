package attack

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// The Pods that are older than the installation.
const (
	olderGateway = "older-gateway"
	olderSandbox = "older-sandbox"
)

// storeOlder stores Pods of which Userscope knows nothing: the gateway's, and a sandbox that
// breaks many of the rules.
func storeOlder(ctx context.Context) error {
	sandbox := object{
		"apiVersion": "v1", "kind": "Pod",
		"metadata": object{"name": olderSandbox, "labels": object{"app": "deer-flow-sandbox", "sandbox-id": "cc9ec59e", "user-id": "a.b"}},
		"spec": object{
			"containers": []any{object{
				"name": "sandbox", "image": "sandbox:latest",
				"securityContext": object{"privileged": true},
				"volumeMounts":    []any{object{"name": "user-data", "mountPath": "/mnt/user-data"}},
			}},
			"volumes": []any{object{"name": "user-data", "persistentVolumeClaim": object{"claimName": "deer-flow-home"}}},
		},
	}
	for user, pod := range map[string]object{replicaSets: gateway(olderGateway), provisioner: sandbox} {
		if _, err := guarded.pods(user).Create(ctx, &unstructured.Unstructured{Object: pod}, metav1.CreateOptions{}); err != nil {
			return err
		}
	}
	return nil
}
