// Package server runs Userscope's two listeners: the webhook, over TLS, and health and metrics,
// in plain HTTP.
//
// It knows nothing of Pods: what it serves is handed to it. Of Userscope's other packages it
// imports webhook/limits only.
package server
