// Package issuer is the issuer in the cluster: it looks at the Secret and the webhook configurations,
// has package plan say what is to be done, and does it.
//
// It needs the right to get and update one Secret, and to get and patch our configurations, each by
// its name. It creates nothing and deletes nothing: what is not there is reported with the command
// that restores it.
package issuer
