package controlplane

import "fmt"

// The identities of every control plane.
const (
	// Admin may do everything.
	Admin = "admin"
	// Provisioner is DeerFlow's provisioner. It may create, delete and read Pods and Services
	// of Namespace.
	Provisioner = "system:serviceaccount:" + Namespace + ":deer-flow-provisioner"
)

// Namespace is where DeerFlow runs.
const Namespace = "deer-flow"

// User is an identity that the API server authenticates.
type User struct {
	Name string
	// Groups do not have to name system:authenticated.
	Groups []string
}

// ServiceAccount is the identity that the API server makes of a ServiceAccount.
func ServiceAccount(namespace, name string) User {
	return User{
		Name:   fmt.Sprintf("system:serviceaccount:%s:%s", namespace, name),
		Groups: []string{"system:serviceaccounts", "system:serviceaccounts:" + namespace},
	}
}

// builtin are the users of every control plane.
func builtin() []User {
	return []User{
		{Name: Admin, Groups: []string{"system:masters"}},
		ServiceAccount(Namespace, "deer-flow-provisioner"),
	}
}
