// Package backstop puts into a control plane what the chart has the API server itself evaluate: the
// conditions under which it calls the webhook, and the ValidatingAdmissionPolicies that stand behind
// the webhook. Its tests hold both against the decision and against the oracle, with Pods drawn at
// random: that the webhook is called exactly for the Pods that it governs; that what it leaves
// passes; that what breaks an invariant does not; and that stored Pods go on living.
package backstop
