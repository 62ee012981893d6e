// Package migrate proves that userscope migrate loses nothing: not when it is cut short before or
// after any of its calls to the filesystem, not when its process is killed, and not by what it
// finds.
package migrate
