// Package oracle judges sandboxes a second time. It says which invariants of the design a Pod
// breaks after a decision has been made and its edits have been applied, and it knows nothing
// of how that decision was reached: it was written from the design's text, works on plain JSON
// values, compares strings where the decision parses types, and cleans its own paths. It
// imports nothing of Userscope's, so that a mistake would have to be made twice, by two
// readings of one text, to go unseen.
//
// The oracle only ever condemns what was let through. A Pod that was refused without need is no
// broken invariant; that refusals stay few is for the tests to show with Pods that are known to
// be good.
//
// The invariants, by the names that the findings begin with:
//
//	I1  every mount of the claim is literally a directory of the identity, with at most its access
//	I2  every user-data mount is the user-data directory
//	I3  no device, no ephemeral container and no clone reaches the claim
//	I4  nothing else reaches beyond what the policy allows
//	I5  the stamped identity is valid
//	I7  outside the fields that may change the Pod is exactly what was sent
//
// I6, I8 and I9 are about decisions, not about Pods; package differential checks them.
package oracle
