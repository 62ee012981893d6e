package corpus

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// indexFile lists the Pods of a folder.
const indexFile = "index.json"

// The modes of DeerFlow's provisioner that make a difference here, by how they begin: with
// hostPath, user data is no claim.
const (
	modeHostPath = "hostpath"
	modeClaim    = "pvc"
)

// Entry is one Pod of a folder's index.json.
type Entry struct {
	// File is the Pod's manifest in JSON, in the same folder.
	File string `json:"file"`
	// Provisioner is the version of DeerFlow that built it, which is a date.
	Provisioner string `json:"provisioner"`
	// Version is another name for Provisioner.
	Version string `json:"version"`
	// Mode begins with hostpath or pvc.
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

// Owner is the user whose data it is.
func (e Entry) Owner() string { return e.identity().user }

// UserData is the identity's directory on the claim.
func (e Entry) UserData() string { return e.identity().userData() }

// userData is the subPath of the identity's user-data mounts.
func (i identity) userData() string {
	return "deer-flow/users/" + i.user + "/threads/" + i.thread + "/user-data"
}

// Claimed reports whether the Pod's user data lies on the claim.
func (e Entry) Claimed() bool { return strings.HasPrefix(e.Mode, modeClaim) }

// HasThread reports whether the gateway knew a thread: without one, the sandbox id stands for it.
func (e Entry) HasThread() bool { return e.Thread != e.SandboxID }

// Proved reports whether the gateway was one whose sandbox ids prove user and thread.
func (e Entry) Proved() bool { return len(e.SandboxID) >= 16 }

// corpusVariable names a folder of real Pods. Beside it may lie the cases of DeerFlow's July.
const corpusVariable = "USERSCOPE_CORPUS"

// RealFolders are the folders of real Pods on this machine; on most there are none.
func RealFolders() []string {
	corpus := os.Getenv(corpusVariable)
	if corpus == "" {
		return nil
	}
	folders := []string{corpus}
	july := filepath.Join(corpus, "..", "cases", "deerflow-july")
	if _, err := os.Stat(july); err == nil {
		folders = append(folders, july)
	}
	return folders
}

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
	for i := range entries {
		entry := &entries[i]
		entry.Provisioner = cmp.Or(entry.Provisioner, entry.Version)
		switch {
		case entry.File == "":
			return nil, fmt.Errorf("%s: [%d].file is missing", file, i)
		case !entry.Claimed() && !strings.HasPrefix(entry.Mode, modeHostPath):
			return nil, fmt.Errorf("%s: [%d].mode: %q begins neither with %s nor with %s", file, i, entry.Mode, modeClaim, modeHostPath)
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
