package main

import "userscope.dev/userscope/migrate/claim"

// claimHandle is an open claim.
type claimHandle = claim.Claim

// openClaim opens a mounted claim, with its old tree and the directory of the state if these are named.
func openClaim(flags claimFlags, legacy string) (*claimHandle, error) {
	c, err := claim.Open(flags.root)
	if err != nil {
		return nil, err
	}
	c.TakeLockOf = flags.takeLockOf
	if legacy != "" {
		err = c.UseLegacy(legacy)
	}
	if err == nil && flags.state != "" {
		err = c.UseState(flags.state)
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}
