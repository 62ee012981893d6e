package main

import "userscope.dev/userscope/migrate/claim"

// claimHandle is an open claim.
type claimHandle = claim.Claim

// openClaim opens a mounted claim, and its old tree if one is named. takeLockOf may name the host
// whose lock is to be taken.
func openClaim(root, legacy, takeLockOf string) (*claimHandle, error) {
	c, err := claim.Open(root)
	if err != nil {
		return nil, err
	}
	c.TakeLockOf = takeLockOf
	if legacy != "" {
		if err := c.UseLegacy(legacy); err != nil {
			c.Close()
			return nil, err
		}
	}
	return c, nil
}
