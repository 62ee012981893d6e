// Package flood floods the webhook with what a hostile client can send, and looks at what becomes of the process
// and of those who are served beside it. All goes to a webhook that the tests start on loopback. Nothing is run with
// the race detector, which takes several times as much memory and time as the program that is installed.
package flood
