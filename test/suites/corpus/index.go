package corpus

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// indexFile lists the Pods of a folder.
const indexFile = "index.json"

// The modes of DeerFlow's provisioner that make a difference here: with hostPath, user data is
// no claim.
const modeHostPath = "hostpath"

// Entry is one Pod of a folder's index.json.
type Entry struct {
	// File is the Pod's manifest in JSON, in the same folder.
	File string `json:"file"`
	// Provisioner is the version of DeerFlow that built it, which is a date.
	Provisioner string `json:"provisioner"`
	// Mode is hostpath, or begins with pvc.
	Mode string `json:"mode"`
	// User and Thread are whose sandbox it is. No user is DeerFlow's user default.
	User   *string `json:"user"`
	Thread string  `json:"thread"`
	// SandboxID is what the gateway called it.
	SandboxID string `json:"sandboxID"`
}

// identity is whose sandbox a Pod is.
type identity struct {
	user, thread string
}

func (e Entry) identity() identity {
	if e.User == nil {
		return identity{"default", e.Thread}
	}
	return identity{*e.User, e.Thread}
}

// userData is the subPath of the identity's user-data mounts.
func (i identity) userData() string {
	return "deer-flow/users/" + i.user + "/threads/" + i.thread + "/user-data"
}

// Claimed reports whether the Pod's user data lies on the claim.
func (e Entry) Claimed() bool { return e.Mode != modeHostPath }

// proved reports whether the gateway was one whose sandbox ids prove user and thread.
func (e Entry) proved() bool { return len(e.SandboxID) >= 16 }

// ReadIndex reads the index of a folder.
func ReadIndex(dir string) ([]Entry, error) {
	var entries []Entry
	file := filepath.Join(dir, indexFile)
	if err := readJSON(file, &entries); err != nil {
		return nil, err
	}
	if len(entries) == 0 {
		return nil, fmt.Errorf("%s lists no Pods", file)
	}
	for i, entry := range entries {
		isClaim := len(entry.Mode) >= 3 && entry.Mode[:3] == "pvc"
		switch {
		case entry.File == "":
			return nil, fmt.Errorf("%s: [%d].file is missing", file, i)
		case !isClaim && entry.Mode != modeHostPath:
			return nil, fmt.Errorf("%s: [%d].mode: %q is neither %s nor begins with pvc", file, i, entry.Mode, modeHostPath)
		case entry.Provisioner == "" || entry.Thread == "" || entry.SandboxID == "":
			return nil, fmt.Errorf("%s: [%d]: provisioner, thread or sandboxID is missing", file, i)
		}
	}
	return entries, nil
}

func readJSON(file string, into any) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}
