// Package rotation decides an issuer's next writes. It is pure: an observation goes in, actions come out. It knows no
// client, clock, file or key, and imports nothing of Userscope.
//
// The webhook fails closed, so a serving certificate that an API server does not trust is an outage.
// Three places must agree, and none of them learns of a change at once: the serving Secret (which the
// kubelets copy into the serving Pods), the caBundle of each webhook, and the API servers' view
// of that. The CAs and their private keys lie in a Secret of their own, which no Pod mounts. Authorities overlap:
//
//  1. a new CA is written into the CA's Secret, beside the one that signs;
//  2. its certificate is added to every caBundle;
//  3. once it has been seen there for the propagation bound, every API server trusts it, and it
//     signs a new serving certificate, in the serving Secret;
//  4. it replaces the old CA in the CA's Secret;
//  5. once its certificate has been seen in the serving Secret for the propagation bound, every serving Pod serves
//     it, and the old CA leaves the caBundles.
//
// Each step is one write of one object, guarded by the resourceVersion of what was read, and each follows from
// the observation alone: an issuer may end anywhere, be two, or begin anew. How long something has
// been seen is remembered by the process (see History), by a clock that no one sets; an issuer that
// begins anew waits anew. A signature is guarded by the version of the serving Secret, not of the CA's: a pass
// is far shorter than the propagation bound, so no caBundle loses the CA meanwhile.
package rotation
