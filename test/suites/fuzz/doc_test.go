// Package fuzz holds the targets of Go's own fuzzing for everything that strangers write: Pods,
// the AdmissionReviews around them, and policy files. What an input found once lies in testdata
// and is tried at every run. A longer search is
//
//	go test ./suites/fuzz -run '^$' -fuzz '^FuzzPodJSON$' -fuzztime 10m
package fuzz
