package migrate

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"userscope.dev/userscope/migrate"
	"userscope.dev/userscope/migrate/claim"
)

// filesystem is a filesystem that Debian has, and what a migration on it comes to.
type filesystem struct {
	name string
	// needs are the programs without which it cannot be mounted.
	needs []string
	// make prepares, once, and mount mounts at $M. Both are shell scripts. $D is a directory in memory.
	make, mount string
	// state tells that the filesystem cannot keep owner or mode, so that the state lies elsewhere.
	state bool
	// files is true if files, too, can move, not only directories.
	files bool
	// wants is what the refusal says; empty if a migration works.
	wants string
}

const loop = `truncate -s 400M $D/image; %s $D/image >/dev/null 2>&1`

// served is a directory that a WebDAV server shows.
const served = `rclone serve webdav --addr 127.0.0.1:$PORT $D/back >/dev/null 2>&1 & echo $! >$D/pid
until (echo >/dev/tcp/127.0.0.1/$PORT) 2>/dev/null; do :; done
printf 'use_locks 0\nask_auth 0\n' >$D/davfs.conf`

var filesystems = []filesystem{
	{name: "tmpfs", mount: `mount -t tmpfs scratch $M`, files: true},
	{name: "ext4", needs: []string{"mkfs.ext4"}, make: fmt.Sprintf(loop, "mkfs.ext4 -q"), mount: `mount -o loop $D/image $M`, files: true},
	{name: "xfs", needs: []string{"mkfs.xfs"}, make: fmt.Sprintf(loop, "mkfs.xfs -q"), mount: `mount -o loop $D/image $M`, files: true},
	{name: "btrfs", needs: []string{"mkfs.btrfs"}, make: fmt.Sprintf(loop, "mkfs.btrfs -q"), mount: `mount -o loop $D/image $M`, files: true},
	{name: "overlayfs", make: `mkdir -p $D/lower $D/upper $D/work`,
		mount: `mount -t overlay -o lowerdir=$D/lower,upperdir=$D/upper,workdir=$D/work overlay $M`, files: true},
	{name: "overlayfs over two filesystems", needs: []string{"mkfs.ext4"}, make: fmt.Sprintf(loop, "mkfs.ext4 -q") + `; mkdir $D/lower $D/disk`,
		mount: `mountpoint -q $D/disk || mount -o loop $D/image $D/disk; mkdir -p $D/disk/upper $D/disk/work
mount -t overlay -o xino=off,lowerdir=$D/lower,upperdir=$D/disk/upper,workdir=$D/disk/work overlay $M`, files: true},
	{name: "bindfs", needs: []string{"bindfs"}, mount: `bindfs $D/back $M`, files: true},
	{name: "encfs", needs: []string{"encfs"}, mount: `echo secret | encfs -S --standard $D/back $M >/dev/null 2>&1`,
		wants: "a rename changes the times of what is in the directory"},
	{name: "gocryptfs", needs: []string{"gocryptfs"}, make: `echo secret | gocryptfs -init -q $D/back >/dev/null`,
		mount: `echo secret | gocryptfs -q $D/back $M 2>/dev/null`, files: true},
	{name: "unionfs-fuse", needs: []string{"unionfs"}, mount: `unionfs $D/back=RW $M`},
	{name: "mergerfs", needs: []string{"mergerfs"}, mount: `mergerfs $D/back $M`},
	{name: "mergerfs -o use_ino", needs: []string{"mergerfs"}, mount: `mergerfs -o use_ino $D/back $M`, wants: "another number when it is renamed"},
	{name: "sshfs", needs: []string{"sshfs", "/usr/lib/openssh/sftp-server"}, make: `printf '#!/bin/sh\nexec /usr/lib/openssh/sftp-server\n' >$D/ssh; chmod +x $D/ssh`,
		mount: `sshfs -o ssh_command=$D/ssh there:$D/back $M`},
	{name: "ntfs-3g", needs: []string{"ntfs-3g", "mkfs.ntfs"}, make: fmt.Sprintf(loop, "mkfs.ntfs -F -q"), mount: `ntfs-3g $D/image $M`, state: true, files: true},
	{name: "rclone", needs: []string{"rclone"}, mount: `rclone mount --daemon --vfs-cache-mode writes $D/back $M 2>/dev/null`, state: true,
		wants: "a rename can neither be told not to replace, nor does it take a reserved place"},
	{name: "davfs2", needs: []string{"mount.davfs", "rclone"}, make: served,
		mount: `mount -t davfs -o conf=$D/davfs.conf http://127.0.0.1:$PORT/ $M </dev/null >/dev/null 2>&1`, state: true,
		wants: "rename replaces a directory that has something in it"},
}

// mounted is a filesystem that is mounted in a mount namespace of this goroutine's thread.
type mounted struct {
	filesystem
	dir, point string
}

// script runs a part of a filesystem.
func (m *mounted) script(text string) error {
	command := exec.Command("/bin/bash", "-euc", text)
	command.Env = append(os.Environ(), "D="+m.dir, "M="+m.point, fmt.Sprintf("PORT=%d", 20000+os.Getpid()%20000))
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// remount ends the filesystem's program once it has written all, and mounts the filesystem again.
func (m *mounted) remount(t *testing.T) {
	t.Helper()
	if m.mount == "" || m.name == "tmpfs" { // which would forget all
		return
	}
	const unmount = `for i in $(seq 200); do umount $M 2>/dev/null && break; sleep 0.05; done; ! mountpoint -q $M; `
	if err := m.script(unmount + m.mount); err != nil {
		t.Fatal(err)
	}
}

// newMounted mounts a filesystem; the error tells why this machine cannot.
func newMounted(t *testing.T, f filesystem) (*mounted, error) {
	t.Helper()
	for _, program := range f.needs {
		if _, err := exec.LookPath(program); err != nil {
			return nil, fmt.Errorf("%s is not installed", program)
		}
	}
	runtime.LockOSThread() // the thread ends with the test, since nothing unlocks it, and the namespace with both
	if err := unix.Unshare(unix.CLONE_NEWNS | unix.CLONE_FS); err != nil {
		return nil, fmt.Errorf("no mount namespace: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return nil, err
	}
	base := t.TempDir()
	m := &mounted{f, filepath.Join(base, "d"), filepath.Join(base, "m")}
	for _, dir := range []string{m.dir, m.point} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := unix.Mount("tmpfs", m.dir, "tmpfs", 0, "mode=0700"); err != nil {
		return nil, err
	}
	t.Cleanup(func() {
		_ = m.script(`set +e; umount -l $M; if [ -e $D/pid ]; then kill $(cat $D/pid); fi; umount -l $D/disk; umount -l $D; true`)
	})
	if err := m.script(`mkdir $D/back; ` + f.make); err != nil {
		return nil, err
	}
	err := m.script(f.mount)
	return m, err
}

// plainTree makes a tree of what every filesystem can hold.
func plainTree(dir string) (*Tree, error) {
	tree := &Tree{Dir: dir, Root: filepath.Join(dir, "deer-flow"), Legacy: filepath.Join(dir, "threads"), Owners: map[string]string{}}
	tree.mkdir(tree.Root, 0o755)
	for i := range 12 {
		tree.mark(filepath.Join(tree.thread(fmt.Sprintf("thread-%d", i), fmt.Sprintf("user-%d", i%3)), "a", "b", "c"))
	}
	tree.thread("taken", "user-1")
	tree.mark(filepath.Join(tree.userDir("user-1"), "threads", "taken", "marker"))
	tree.mark(filepath.Join(tree.Root, "agents", "writer", "config.yaml"))
	tree.mark(filepath.Join(tree.Root, "memory.json"))
	tree.old()
	return tree, tree.err
}

// On each filesystem that Debian has and this machine can mount, a migration and its undo, over a remount in
// between, come to what was; or the run ends before it moves anything, and says why.
func TestFilesystems(t *testing.T) {
	tried := 0
	for _, f := range filesystems {
		t.Run(f.name, func(t *testing.T) {
			if os.Geteuid() != 0 {
				t.Logf("NOT TRIED on %s: mounting needs root", f.name)
				return
			}
			m, err := newMounted(t, f)
			if err != nil {
				t.Logf("NOT TRIED on %s: %v", f.name, err)
				return
			}
			tried++
			tree, err := plainTree(m.point)
			if err != nil {
				t.Fatal(err)
			}
			m.remount(t) // what the kernel remembers, and the filesystem does not keep, goes
			m.migrate(t, tree)
		})
	}
	if os.Geteuid() == 0 && tried == 0 {
		t.Log("NOT TRIED: this machine mounts nothing, not even memory")
	}
	t.Run("a plain directory", func(t *testing.T) { // which every machine has
		dir := t.TempDir()
		tree, err := plainTree(dir)
		if err != nil {
			t.Fatal(err)
		}
		m := &mounted{filesystem: filesystem{name: "a plain directory", files: true}, point: dir}
		m.migrate(t, tree)
	})
}

// A plan foresees that a place lies in another subvolume or quota project, so that apply leaves the thread. A
// thread that is a subvolume itself moves.
func TestElsewhere(t *testing.T) {
	for _, test := range []struct {
		filesystem
		prepare string
		want    []string
	}{
		{filesystem{name: "btrfs", needs: []string{"btrfs", "mkfs.btrfs"}, make: fmt.Sprintf(loop, "mkfs.btrfs -q"), mount: `mount -o loop $D/image $M`},
			`btrfs -q subvolume create $M/deer-flow; mkdir -p $M/threads/plain; btrfs -q subvolume create $M/threads/subvolume`,
			[]string{
				`elsewhere "../threads/plain" users/alice/threads/plain is in another Btrfs subvolume, or on another device, than the root: rename cannot move it there`,
				`moved "../threads/subvolume" users/alice/threads/subvolume`,
			}},
		{filesystem{name: "xfs", needs: []string{"xfs_io", "mkfs.xfs"}, make: fmt.Sprintf(loop, "mkfs.xfs -q"), mount: `mount -o loop $D/image $M`},
			`mkdir -p $M/deer-flow $M/threads/plain $M/threads/subvolume
for dir in deer-flow threads/subvolume; do xfs_io -r -c "chproj 7" -c "chattr +P" $M/$dir; done`,
			[]string{
				`elsewhere "../threads/plain" users/alice/threads/plain has the quota project 0, and the root has 7: rename cannot move it there`,
				`moved "../threads/subvolume" users/alice/threads/subvolume`,
			}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if os.Geteuid() != 0 {
				t.Logf("NOT TRIED on %s: mounting needs root", test.name)
				return
			}
			m, err := newMounted(t, test.filesystem)
			if err != nil {
				t.Logf("NOT TRIED on %s: %v", test.name, err)
				return
			}
			if err := m.script(test.prepare); err != nil {
				t.Fatal(err)
			}
			tree := &Tree{
				Dir: m.point, Root: filepath.Join(m.point, "deer-flow"), Legacy: filepath.Join(m.point, "threads"),
				Owners: map[string]string{"plain": "alice", "subvolume": "alice"},
			}
			plan, err := tree.apply(t, tree.open(t))
			if err != nil {
				t.Fatal(err)
			}
			equalLines(t, describePlan(plan), test.want)
			if undone, err := tree.undo(t, tree.open(t)); err != nil || undone.Back != 1 || len(undone.Left) > 0 {
				t.Errorf("%v, %+v", err, undone)
			}
		})
	}
}

// openAt opens a tree of a mounted filesystem.
func (m *mounted) openAt(t *testing.T, tree *Tree, state string) *claim.Claim {
	t.Helper()
	c, err := claim.Open(tree.Root)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.UseLegacy(tree.Legacy); err != nil {
		t.Fatal(err)
	}
	if m.state {
		if err := c.UseState(state); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// migrate applies and undoes a migration.
func (m *mounted) migrate(t *testing.T, tree *Tree) {
	t.Helper()
	before, state := tree.snapshot(t), t.TempDir()
	if err := os.Chmod(state, 0o700); err != nil { //nolint:gosec // it is a directory
		t.Fatal(err)
	}
	c := m.openAt(t, tree, state)
	fsType, err := c.FSType()
	if err != nil {
		t.Fatal(err)
	}
	options := tree.options(t)
	options.SharedDataTo = "user-1"
	plan, err := migrate.Apply(t.Context(), c, options, noProgress)
	c.Close()
	tree.checkMarkers(t)
	if m.wants != "" {
		if err == nil || !strings.Contains(err.Error(), m.wants) {
			t.Fatalf("%v, want %s", err, m.wants)
		}
		t.Logf("REFUSED on %s (%s): %v", m.name, fsType, err)
		if diff := tree.snapshot(t).Diff(before); diff != "" {
			t.Errorf("is refused, and changes\n%s", diff)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	failed := 0
	if !m.files {
		failed = 1
	}
	if n := plan.Count(func(s migrate.Status) bool { return s == migrate.Failed }); n != failed {
		t.Errorf("%d failed, want %d: %q", n, failed, describePlan(plan))
	}
	m.remount(t)
	c = m.openAt(t, tree, state)
	defer c.Close()
	undone, err := migrate.Undo(t.Context(), c, migrate.UndoOptions{}, noProgress)
	if err != nil || len(undone.Left) > 0 {
		t.Fatalf("%v, %+v", err, undone)
	}
	t.Logf("MIGRATED on %s (%s): %d are back, %d of them known by their paths", m.name, fsType, undone.Back, undone.ByPath)
	tree.checkMarkers(t)
	if diff := tree.snapshot(t).Diff(before); diff != "" {
		t.Error(diff)
	}
}
