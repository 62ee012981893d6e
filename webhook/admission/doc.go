// Package admission answers AdmissionReviews: it decodes what the API server sends, asks
// package scope, and renders the decision as a response with patches, warnings, audit
// annotations, a log line and metrics.
//
// It judges nothing itself. What it cannot hand to scope it refuses; no path through this
// package allows a request that scope has not seen. It imports scope, the policy and podjson of which
// scope is made, limits, and none of Userscope's other packages.
package admission
