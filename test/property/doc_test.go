// Package property draws Pods at random and tries them: realistic sandboxes and others, most of
// them with a few things done to them that may do harm or not. What comes out must be without
// fault in the oracle's eyes, and what is known to be good must come out.
package property
