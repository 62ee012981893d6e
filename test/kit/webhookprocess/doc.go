// Package webhookprocess runs the program under test, bin/userscope, as the webhook of a control plane.
package webhookprocess
