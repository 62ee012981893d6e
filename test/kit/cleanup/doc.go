// Package cleanup holds what must not outlive the process that makes it: child processes and
// temporary directories. They go when they are stopped or removed, and also when the process
// ends in any other way: a failed test, a test timeout's panic, Ctrl-C, kill -9.
//
// It works on Linux only.
package cleanup
