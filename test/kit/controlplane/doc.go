// Package controlplane runs a real Kubernetes control plane for tests: etcd and kube-apiserver on
// loopback, with DeerFlow's namespace and its provisioner's Role. Nothing of it outlives the
// process that started it, however that ends.
package controlplane
