// Package e2e installs Userscope on a real node, as an admin does, and looks at it from inside of sandboxes:
// what a process there can read and write is what counts. docs/e2e.md says what is tried. Its tests want the
// build tag e2e, because not every machine can run a node; `make e2e` sets it.
package e2e
