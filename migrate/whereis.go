package migrate

import (
	"userscope.dev/userscope/migrate/claim"
	"userscope.dev/userscope/migrate/journal"
)

// whereabouts says at which of its two places a moved file is.
type whereabouts uint8

const (
	nowhere whereabouts = iota
	atOld
	atNew
)

// whereIs tells where a moved file is, by what is at its two places. A file that may have another number
// than it had is known by its path, unless something contradicts that.
func (u *undoer) whereIs(move journal.Move, old, now claim.Info) whereabouts {
	isOld, isNew := compare(move, old), compare(move, now)
	switch {
	case isOld == claim.Same && isNew == claim.Same && now.Kind == claim.Directory:
		return atNew // a directory has one place, and nothing at the old one is replaced
	case isOld == claim.Same:
		return atOld
	case isNew == claim.Same:
		return atNew
	case isOld == claim.Unknown && isNew == claim.Unknown:
		// Both places are taken. The time of change may tell; else the move back is refused, and says so.
		if unchanged(move, old) && !unchanged(move, now) {
			return atOld
		}
		return atNew
	case isOld == claim.Unknown && (u.renumbered || unchanged(move, old)):
		return atOld
	case isNew == claim.Unknown && (u.renumbered || unchanged(move, now)):
		return atNew
	default:
		return nowhere
	}
}

// compare tells whether a file is the moved file. A missing file is not.
func compare(move journal.Move, info claim.Info) claim.Likeness {
	if info.Kind == claim.Missing {
		return claim.Different
	}
	return move.Compare(info)
}

// unchanged reports whether a file has the time of change that the moved file had.
func unchanged(move journal.Move, info claim.Info) bool {
	return move.ModTime != nil && info.ModTime.Equal(*move.ModTime)
}
