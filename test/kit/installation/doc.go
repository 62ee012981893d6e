// Package installation is a node, of package node, with DeerFlow's namespace, provisioner and claim on it, on
// which Userscope can be installed as an admin does it: from the image of `make image` and from the chart, with
// Helm.
package installation
