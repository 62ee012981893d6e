//go:build e2e

package e2e

import (
	"slices"
	"testing"
)

// A claim may lie on a filesystem that knows no owners, such as an SMB share or an NFS export that takes all for
// one user: here a FUSE filesystem over the volume's directory, on which all is of one user and no chown has an
// effect. What a sandbox reaches does not depend on it.
func TestFilesystemWithoutOwners(t *testing.T) {
	must(t, seed(site.Home()))
	must(t, site.Install(t.Context()))
	_, err := site.Exec(t.Context(), "bindfs", "--force-user=1000", "--force-group=1000",
		"--chown-ignore", "--chgrp-ignore", "--chmod-ignore", "-o", "allow_other", site.Home(), site.Home())
	must(t, err)
	out, err := site.Exec(t.Context(), "sh", "-c", `chown 7:7 "$0" && chmod 777 "$0" && stat -c %u:%g:%a "$0"`, site.Home())
	must(t, err)
	if out != "1000:1000:755\n" {
		t.Fatalf("the filesystem knows owners: %s", out)
	}
	var roles []role
	for _, r := range cast {
		if slices.Contains(ofVolume, r.name) {
			roles = append(roles, r)
		}
	}
	got := site.play(t, with, roles)
	for _, r := range roles {
		if got[r.name] != r.with {
			t.Errorf("%s: %s; want %s", r.name, got[r.name], r.with)
		}
	}
	_, err = site.Exec(t.Context(), "umount", site.Home())
	must(t, err)
	must(t, site.Uninstall(t.Context()))
}

// ofVolume are those of the cast whose outcome the volume could change.
var ofVolume = []string{"fs-group", "alice", "alice-too", "bob", "bob-old", "neighbour", "whole-claim", "symlink"}
