// Package limits bounds what strangers can take of the webhook: how many values a body decodes to, how many
// bytes all bodies hold together, and how many of them are decoded at once. What there is, is shared fairly
// between peers, so that one peer's overload refuses nobody else.
//
// It imports none of Userscope's other packages.
package limits
