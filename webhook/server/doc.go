// Package server runs Userscope's two listeners: the webhook, over TLS, and health and metrics,
// in plain HTTP.
//
// It knows nothing of Pods: what it serves is handed to it. It imports none of Userscope's
// other packages.
package server
