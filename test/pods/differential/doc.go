// Package differential puts the decision before the oracle: it has a Pod judged as the webhook would,
// makes the edits with a JSON patch library as the API server would, and reports everything that
// is wrong with the outcome. The tests that need Pods by the thousand share it.
package differential
