// The CustomResourceDefinitions that the chart's optional objects are tried against lie in these
// modules as files. No code of them is compiled.
module userscope.dev/userscope/test/tools/crds

go 1.26.0

require (
	github.com/cert-manager/cert-manager v1.21.2
	github.com/prometheus-operator/prometheus-operator v0.85.0
)
