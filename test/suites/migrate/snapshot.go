package migrate

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// stateDir is where a migration keeps its journal.
const stateDir = ".userscope-migrate"

// Snapshot is what there is to know of each file of a tree, by its path: kind, mode, owner, size,
// time of change, extended attributes, content or target, and which others are hard links to it.
type Snapshot map[string]string

// Take takes a snapshot of all below a directory but the migration's own.
func Take(dir string) (Snapshot, error) {
	paths, err := walk(dir)
	if err != nil {
		return nil, err
	}
	snapshot, first := Snapshot{}, map[uint64]string{}
	for _, path := range paths {
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return nil, err
		}
		if slices.Contains(strings.Split(name, "/"), stateDir) {
			continue
		}
		if snapshot[name], err = describe(path, name, first); err != nil {
			return nil, err
		}
	}
	return snapshot, nil
}

// walk lists a tree, also the directories that nobody may enter, in the order of paths.
func walk(dir string) ([]string, error) {
	var paths []string
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		paths = append(paths, path)
		if errors.Is(err, fs.ErrPermission) {
			return nil
		}
		return err
	})
	return paths, err
}

func describe(path, name string, first map[uint64]string) (string, error) {
	var s unix.Stat_t
	if err := unix.Lstat(path, &s); err != nil {
		return "", &os.PathError{Op: "lstat", Path: path, Err: err}
	}
	var text bytes.Buffer
	fmt.Fprintf(&text, "mode %o owner %d:%d mtime %d.%09d", s.Mode, s.Uid, s.Gid, s.Mtim.Sec, s.Mtim.Nsec)
	if s.Mode&unix.S_IFMT != unix.S_IFDIR { // their sizes and links are the filesystem's
		if first[s.Ino] == "" {
			first[s.Ino] = name
		}
		fmt.Fprintf(&text, " size %d links %d", s.Size, s.Nlink)
		if s.Nlink > 1 {
			fmt.Fprintf(&text, " as %q", filepath.Base(first[s.Ino])) // the first place may have moved
		}
	}
	attributes, err := xattrs(path)
	if err != nil {
		return "", err
	}
	text.WriteString(attributes)
	switch s.Mode & unix.S_IFMT {
	case unix.S_IFLNK:
		target, err := os.Readlink(path)
		fmt.Fprintf(&text, " to %q", target)
		return text.String(), err
	case unix.S_IFREG:
		fmt.Fprintf(&text, " blocks %d", s.Blocks) // holes stay holes
		sum, err := checksum(path, s.Size)
		fmt.Fprintf(&text, " content %s", sum)
		return text.String(), err
	}
	return text.String(), nil
}

func checksum(path string, size int64) (string, error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrPermission) { // then the tests are not root's
		return "unreadable", nil
	}
	if err != nil {
		return "", err
	}
	defer file.Close()
	hash := sha256.New()
	if size > 1<<20 { // sparse: its end tells
		if _, err := file.Seek(-1<<20, io.SeekEnd); err != nil {
			return "", err
		}
	}
	_, err = io.Copy(hash, file)
	return fmt.Sprintf("%x", hash.Sum(nil)[:8]), err
}

func xattrs(path string) (string, error) {
	list := make([]byte, 4096)
	n, err := unix.Llistxattr(path, list)
	if errors.Is(err, syscall.ENOTSUP) || errors.Is(err, syscall.EACCES) || errors.Is(err, syscall.EIO) { // EIO is rclone's
		return "", nil
	}
	if err != nil {
		return "", &os.PathError{Op: "listxattr", Path: path, Err: err}
	}
	var text strings.Builder
	for name := range strings.SplitSeq(strings.TrimSuffix(string(list[:n]), "\x00"), "\x00") {
		if name == "" {
			continue
		}
		value := make([]byte, 4096)
		n, err := unix.Lgetxattr(path, name, value)
		if err != nil {
			return "", &os.PathError{Op: "getxattr", Path: path, Err: err}
		}
		fmt.Fprintf(&text, " %s=%q", name, value[:n])
	}
	return text.String(), nil
}

// withoutTimes leaves out the times of directories into which or from which a migration moves: they are
// those of the moves.
func (s Snapshot) withoutTimes(changes func(name string) bool) Snapshot {
	result := maps.Clone(s)
	for name, text := range result {
		if changes(name) {
			before, behind, _ := strings.Cut(text, " mtime ")
			_, behind, _ = strings.Cut(behind, " ")
			result[name] = before + " " + behind
		}
	}
	return result
}

// Diff lists what differs between two snapshots.
func (s Snapshot) Diff(want Snapshot) string {
	names := maps.Clone(s)
	maps.Copy(names, want)
	var lines strings.Builder
	for _, name := range slices.Sorted(maps.Keys(names)) {
		switch {
		case s[name] == "":
			fmt.Fprintf(&lines, "%q is missing\n", name)
		case want[name] == "":
			fmt.Fprintf(&lines, "%q is there: %s\n", name, s[name])
		case s[name] != want[name]:
			fmt.Fprintf(&lines, "%q\n  is       %s\n  and was  %s\n", name, s[name], want[name])
		}
	}
	return lines.String()
}

// changedByMigration reports whether a migration changes the entries of a directory of a Tree.
func changedByMigration(name string) bool {
	switch name {
	case "threads", "deer-flow", "deer-flow/users", "deer-flow/agents", "deer-flow/skills/custom",
		"deer-flow/migration-conflicts", "deer-flow/migration-conflicts/agents":
		return true
	}
	below, ok := strings.CutPrefix(name, "deer-flow/users/")
	if !ok {
		return false
	}
	_, below, _ = strings.Cut(below, "/")
	return slices.Contains([]string{"", "threads", "agents", "skills", "skills/custom"}, below)
}
