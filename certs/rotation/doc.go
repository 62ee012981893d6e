// Package rotation decides an issuer's next writes. It is pure: an observation goes in, actions come out. It knows no
// client, clock, file or key, and imports nothing of Userscope.
//
// The webhook fails closed, so a serving certificate that an API server does not trust is an outage.
// Three places must agree, and none of them learns of a change at once: the Secret (which the
// kubelets copy into the serving Pods), the caBundle of each webhook, and the API servers' view
// of that. So authorities overlap:
//
//  1. a new CA is written into the Secret, beside the one that signs;
//  2. its certificate is added to every caBundle;
//  3. once it has been seen there for the propagation bound, every API server trusts it, and it
//     signs a new serving certificate;
//  4. once that has been seen in the Secret for the propagation bound, every serving Pod serves it,
//     and what nothing needs any more leaves the caBundles.
//
// Each step is one write, guarded by the resourceVersion of what was read, and each follows from
// what is observed alone: an issuer may end anywhere, be two, or begin anew. How long something has
// been seen is remembered by the process (see History), by a clock that no one sets; an issuer that
// begins anew waits anew.
package rotation
