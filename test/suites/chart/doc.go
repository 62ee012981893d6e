// Package chart tests the Helm chart: what it renders, on a real API server, and what it refuses
// to render.
package chart
