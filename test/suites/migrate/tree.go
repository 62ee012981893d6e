package migrate

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Tree is a claim as an older DeerFlow left it: Legacy beside Root.
type Tree struct {
	Dir, Root, Legacy string
	// Owners say whose the threads are.
	Owners map[string]string
	// Markers are files' contents, each of which is there once.
	Markers []string

	err error
}

// LongUser is the longest user id that there is.
var LongUser = strings.Repeat("u", 255)

// long ago, so that no change of now goes unseen.
var then = time.Date(2025, 3, 14, 15, 9, 26, 535_897_932, time.UTC)

// NewTree makes a tree below dir, with every shape of thread and every reason to leave one.
func NewTree(dir string) (*Tree, error) {
	t := &Tree{Dir: dir, Root: filepath.Join(dir, "deer-flow"), Legacy: filepath.Join(dir, "threads"), Owners: map[string]string{}}
	t.mkdir(t.Root, 0o755)
	t.mkdir(t.Legacy, 0o755)
	t.plain()
	t.links()
	t.attributes()
	t.left()
	t.taken()
	t.shared()
	t.old()
	return t, t.err
}

func (t *Tree) do(err error) { t.err = errors.Join(t.err, err) }

func (t *Tree) mkdir(path string, mode os.FileMode) {
	t.do(os.MkdirAll(path, 0o700))
	t.do(os.Chmod(path, mode))
}

// mark writes a file whose content is there once.
func (t *Tree) mark(path string) {
	marker := fmt.Sprintf("marker %d", len(t.Markers))
	t.Markers = append(t.Markers, marker)
	t.mkdir(filepath.Dir(path), 0o755)
	t.do(os.WriteFile(path, []byte(marker), 0o600))
}

// thread makes a thread with a file, and returns its user-data directory.
func (t *Tree) thread(id, owner string) string {
	data := filepath.Join(t.Legacy, id, "user-data")
	t.mark(filepath.Join(data, "marker"))
	if owner != "" {
		t.Owners[id] = owner
	}
	return data
}

func (t *Tree) plain() {
	t.thread("plain-1", "alice")
	t.thread("plain-2", "alice")
	t.thread("plain-3", "bob")
	t.thread(strings.Repeat("t", 64), LongUser)
	t.thread("-_-", "_")
	t.mark(t.thread("deep", "bob") + "/a/b/c/d/e/f/g/h")
	t.mark(filepath.Join(t.thread("names", "bob"), strings.Repeat("n", 255)))
	t.mark(t.Legacy + "/names/user-data/line\nbreak \xff")
	t.mkdir(filepath.Join(t.Legacy, "empty"), 0o755)
	t.Owners["empty"] = "alice"
	t.mark(filepath.Join(t.Legacy, "more", "acp-workspace", "marker")) // beside the user data
	t.Owners["more"] = "carol"
}

func (t *Tree) links() {
	one, two := t.thread("links-1", "alice"), t.thread("links-2", "bob")
	t.do(os.Link(filepath.Join(one, "marker"), filepath.Join(one, "hard")))
	t.do(os.WriteFile(filepath.Join(one, "shared"), []byte("of two threads"), 0o600))
	t.do(os.Link(filepath.Join(one, "shared"), filepath.Join(two, "shared")))
	for name, target := range map[string]string{
		"up": "../../links-2/user-data", "absolute": "/etc", "dangling": "nowhere", "self": "self", "file": "marker",
	} {
		t.do(os.Symlink(target, filepath.Join(one, name)))
	}
}

func (t *Tree) attributes() {
	data := t.thread("attributes", "alice")
	for name, mode := range map[string]uint32{"none": 0, "setuid": 0o4755, "setgid": 0o2755, "all": 0o777} {
		t.do(os.WriteFile(filepath.Join(data, name), []byte(name), 0o600))
		t.do(unix.Chmod(filepath.Join(data, name), mode))
	}
	t.mkdir(filepath.Join(data, "closed"), 0)
	t.mkdir(filepath.Join(data, "sticky"), 0o777|os.ModeSticky)
	t.do(unix.Setxattr(filepath.Join(data, "marker"), "user.of", []byte("a file"), 0))
	t.do(unix.Setxattr(filepath.Join(t.Legacy, "attributes"), "user.of", []byte("a thread\x00"), 0))
	t.do(unix.Mkfifo(filepath.Join(data, "fifo"), 0o600))
	sparse, err := os.Create(filepath.Join(data, "sparse"))
	t.do(err)
	if err == nil {
		_, err := sparse.WriteAt([]byte("end"), 1<<30)
		t.do(errors.Join(err, sparse.Close()))
	}
	if os.Geteuid() == 0 {
		t.do(unix.Lchown(data, 1000, 1001))
		t.do(unix.Lchown(filepath.Join(data, "all"), 1002, 1000))
	}
}

// left are what a migration leaves where it is.
func (t *Tree) left() {
	t.thread("nobodys", "")
	t.thread("t.4", "alice")
	t.thread("line\nbreak", "alice")
	t.thread(strings.Repeat("l", 255), "alice")
	t.thread("illegal-owner", "../bob")
	t.do(os.WriteFile(filepath.Join(t.Legacy, "stray"), []byte("a file"), 0o600))
	t.do(os.Symlink("plain-1", filepath.Join(t.Legacy, "link")))
	t.Owners["stray"], t.Owners["link"] = "alice", "alice"
	t.do(os.Symlink("alice", t.userDir("mallory")))
	t.thread("linked-owner", "mallory")
}

func (t *Tree) userDir(user string) string {
	t.mkdir(filepath.Join(t.Root, "users"), 0o755)
	return filepath.Join(t.Root, "users", user)
}

// taken are threads whose new place is taken.
func (t *Tree) taken() {
	for _, id := range []string{"taken", "agents", "taken-twice"} {
		t.thread(id, "dave")
		t.mark(filepath.Join(t.userDir("dave"), "threads", id, "user-data", "marker"))
	}
	t.thread("taken-by-nothing", "dave")
	t.mkdir(t.userDir("dave")+"/threads/taken-by-nothing", 0o700)
	t.mark(t.Root + "/migration-conflicts/taken-twice/marker")
}

// shared are what DeerFlow kept for all.
func (t *Tree) shared() {
	for _, name := range []string{
		"agents/Writer/config.yaml", "agents/Editor/config.yaml", "agents/eDITOR/config.yaml", "agents/taken/config.yaml", "users/erin/agents/taken/config.yaml",
		"skills/custom/draw/SKILL.md", "skills/custom/.history/draw.jsonl", "skills/public/all/SKILL.md",
		"memory.json", "USER.md", "users/erin/USER.md", "deer-flow.db",
	} {
		t.mark(filepath.Join(t.Root, name))
	}
	t.do(os.WriteFile(filepath.Join(t.Root, "agents", "stray"), nil, 0o600))
	for _, dir := range []string{"", "users"} { // the gateway makes the directories of new users
		if os.Geteuid() == 0 {
			t.do(unix.Lchown(filepath.Join(t.Root, dir), 1000, 1001))
		}
		t.do(unix.Chmod(filepath.Join(t.Root, dir), 0o2775))
	}
}

// old gives everything a time of its own, the deepest first.
func (t *Tree) old() {
	paths, err := walk(t.Dir)
	t.do(err)
	for i := len(paths) - 1; i >= 0; i-- {
		at := then.Add(time.Duration(i) * time.Minute)
		times := []unix.Timespec{unix.NsecToTimespec(at.UnixNano()), unix.NsecToTimespec(at.UnixNano())}
		t.do(unix.UtimesNanoAt(unix.AT_FDCWD, paths[i], times, unix.AT_SYMLINK_NOFOLLOW))
	}
}
