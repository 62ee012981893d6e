// Package issuer runs the issuer in the cluster: it reads the Secrets and the webhook configurations, asks package
// rotation for the next writes, and does them.
//
// It needs the right to get and update two Secrets, and to get and patch Userscope's configurations, each by name. It
// creates nothing and deletes nothing: it reports a missing object with the command that restores it.
package issuer
