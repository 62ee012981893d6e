package migrate

import (
	"time"

	"userscope.dev/userscope/migrate/claim"
	"userscope.dev/userscope/migrate/journal"
)

// preparer finds out what must be there for items to move: directories to make, and the times of
// directories that the moves will change. It changes nothing on the claim.
type preparer struct {
	fs    FS
	above chain
	// making holds the missing directories that are in dirs.
	making map[claim.Path]bool
	// dirs are the directories to make, each after its parent.
	dirs []journal.Dir
	// timed holds the directories whose times are in a batch.
	timed map[claim.Path]bool
}

func newPreparer(claimFS FS, mount uint64) preparer {
	return preparer{
		fs: claimFS, above: chain{fs: claimFS, mount: mount},
		making: map[claim.Path]bool{}, timed: map[claim.Path]bool{},
	}
}

// prepare returns what the journal is to say of some items before they move. A missing directory gets
// owner, group and mode of its parent: the gateway, which may make directories for new users and
// threads, may then do so for moved ones.
func (p *preparer) prepare(items []*Item) (*journal.Batch, error) {
	batch := &journal.Batch{Moves: make([]journal.Move, 0, len(items))}
	var last claim.Path
	for _, item := range items {
		from, to := item.from(), item.to()
		info, err := p.fs.Identify(from)
		if err != nil {
			return nil, err
		}
		move := journal.Move{From: from, To: to, Identity: claim.Identity{Inode: item.inode, Birth: item.birth}}
		if item.is(info) {
			move.Identity = info.Identity
		}
		if !info.Stable {
			modTime := time.Unix(0, item.modTime).UTC()
			move.ModTime = &modTime
		}
		batch.Moves = append(batch.Moves, move)
		if err := p.time(batch, item.source.dir); err != nil {
			return nil, err
		}
		dir := to.Dir()
		if dir == last {
			continue
		}
		last = dir
		if err := p.missing(batch, dir); err != nil {
			return nil, err
		}
	}
	return batch, nil
}

// missing notes the missing directories on the way to a new place, and the time of the deepest
// directory that is there: its entries are to change.
func (p *preparer) missing(batch *journal.Batch, dir claim.Path) error {
	links, err := p.above.links(dir)
	if err != nil {
		return err
	}
	there := root("")
	parent, err := p.fs.Lstat(there)
	if err != nil {
		return err
	}
	for _, l := range links {
		if l.info.Kind != claim.Directory {
			break
		}
		there, parent = l.path, l.info
	}
	if err := p.time(batch, there); err != nil {
		return err
	}
	for missing := range ancestors(dir) {
		if len(missing.Name) <= len(there.Name) || p.making[missing] {
			continue
		}
		p.making[missing] = true
		made := journal.Dir{Path: missing, UID: parent.UID, GID: parent.GID, Mode: parent.Mode}
		batch.Dirs, p.dirs = append(batch.Dirs, made), append(p.dirs, made)
	}
	return nil
}

// time notes a directory's time of change, once in a run.
func (p *preparer) time(batch *journal.Batch, dir claim.Path) error {
	if p.timed[dir] {
		return nil
	}
	p.timed[dir] = true
	info, err := p.fs.Lstat(dir)
	if err != nil {
		return err
	}
	batch.Times = append(batch.Times, journal.Time{Path: dir, ModTime: info.ModTime})
	return nil
}
