// Package random draws requests about Pods at random: realistic sandboxes and others, most of them
// with a few things done to them that may do harm or not. What should become of them is for the
// tests that use them to say.
package random
