// Package migrate moves a claim's old layout, by thread, into the one that has users, so that
// nothing can be lost by anyone at any moment: every thread moves by one atomic rename, nothing is
// ever replaced, copied or deleted, and a journal on the claim knows of each move before it
// happens.
//
// The plan is decided by pure functions (plan.go, collide.go); observe.go looks at the claim for
// them, apply.go and undo.go change it, through the narrow interface of fs.go. The package imports
// policy, claim and journal and nothing else of Userscope.
//
// # What a crash leaves
//
// A file is always at exactly one of its two places, because rename(2) moves it, with all that is
// in it, in one step. Before a rename the line of the journal that names it has been synced, so
// that undo knows of it whatever happens. When the process dies, the kernel has what it did. When
// the power fails, a journaling filesystem (ext4, XFS, Btrfs) or a server (NFS, SMB) has a
// prefix of what was done: some of the last renames may not have happened. Both are the same
// to the next run, which looks at the tree and moves what has not moved. Only a run that has ended
// well has synced the filesystem, and what it did outlasts the power.
package migrate
