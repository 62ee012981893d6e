package installation

import (
	"context"
	"fmt"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"k8s.io/utils/ptr"
)

// Account makes a ServiceAccount of DeerFlow's namespace with a Role of these rules, and a kubeconfig with a
// token of it, and returns a client of that.
func (c *Cluster) Account(ctx context.Context, name string, rules ...rbacv1.PolicyRule) (kubernetes.Interface, error) {
	meta := metav1.ObjectMeta{Name: name}
	accounts := c.Admin.CoreV1().ServiceAccounts(Namespace)
	if _, err := accounts.Create(ctx, &corev1.ServiceAccount{ObjectMeta: meta}, metav1.CreateOptions{}); err != nil {
		return nil, err
	}
	role := &rbacv1.Role{ObjectMeta: meta, Rules: rules}
	if _, err := c.Admin.RbacV1().Roles(Namespace).Create(ctx, role, metav1.CreateOptions{}); err != nil {
		return nil, err
	}
	binding := &rbacv1.RoleBinding{
		ObjectMeta: meta,
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: Namespace, Name: name}},
	}
	if _, err := c.Admin.RbacV1().RoleBindings(Namespace).Create(ctx, binding, metav1.CreateOptions{}); err != nil {
		return nil, err
	}
	const day = 24 * 60 * 60
	token, err := accounts.CreateToken(ctx, name, &authenticationv1.TokenRequest{
		Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: ptr.To[int64](day)},
	}, metav1.CreateOptions{})
	if err != nil {
		return nil, err
	}
	if err := c.writeKubeconfig(name, token.Status.Token); err != nil {
		return nil, err
	}
	config, err := clientcmd.BuildConfigFromFlags("", c.KubeconfigOf(name))
	if err != nil {
		return nil, err
	}
	config.QPS, config.WarningHandler = -1, rest.NoWarnings{}
	return kubernetes.NewForConfig(config)
}

// KubeconfigOf is the path of the kubeconfig of an account.
func (c *Cluster) KubeconfigOf(account string) string {
	return fmt.Sprintf("%s/%s.kubeconfig", c.Dir, account)
}

// writeKubeconfig writes the admin's with another's token.
func (c *Cluster) writeKubeconfig(account, token string) error {
	config, err := clientcmd.LoadFromFile(c.Kubeconfig())
	if err != nil {
		return err
	}
	current := config.Contexts[config.CurrentContext]
	config.AuthInfos = map[string]*clientcmdapi.AuthInfo{account: {Token: token}}
	current.AuthInfo, current.Namespace = account, Namespace
	return clientcmd.WriteToFile(*config, c.KubeconfigOf(account))
}
