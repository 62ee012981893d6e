// Package monitoring holds the alerts, their runbook, the dashboard and the page of metrics
// against what is there to be watched: the metrics of the running webhook, of the running issuer, and of
// a real API server to which has happened what the alerts are about.
package monitoring
