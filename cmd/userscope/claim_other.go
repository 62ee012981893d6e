//go:build !linux

package main

import (
	"errors"

	"userscope.dev/userscope/migrate"
)

// claimHandle is what no other system than Linux has.
type claimHandle struct{ migrate.FS }

// Close does nothing.
func (*claimHandle) Close() {}

// openClaim fails: nothing else has renames that never replace, and mounts that can be told apart.
func openClaim(claimFlags, string) (*claimHandle, error) {
	return nil, errors.New("a claim can be migrated on Linux only: run this in a Pod that mounts it")
}
