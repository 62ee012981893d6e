// Package node runs a whole Kubernetes node for tests: etcd, kube-apiserver, kube-controller-manager,
// kube-scheduler, kubelet and containerd, in namespaces of their own. It needs root, Linux, a few Debian
// packages and the programs that `make node-programs` builds; MissingHere says what a machine lacks.
//
// All of the node are descendants of one process, the first of a PID namespace. That process is the program
// which calls Start once more, so its main function or TestMain begins with Main. The kernel ends it, and
// with it all containers, mounts and interfaces, when the program ends, in whichever way.
//
// There is no kube-proxy and no DNS. The API server dials the Pods of a Service itself, and Pods reach the
// API server at the ClusterIP that Kubernetes tells them, which is an address of the node.
package node
