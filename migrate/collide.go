package migrate

import (
	"fmt"
	"strings"

	"userscope.dev/userscope/migrate/claim"
)

// collideInLowerCase finds what DeerFlow kept for all that would get one name, because new names of
// agents are in lower case. Such items do not move: which of them is first would be chance.
func collideInLowerCase(items []Item) {
	first := map[claim.Path]*Item{}
	for i := range items {
		item := &items[i]
		if !item.Status.Pending() || item.source.dir.Tree == claim.Legacy { // threads keep their names
			continue
		}
		other := first[item.to()]
		if other == nil {
			first[item.to()] = item
			continue
		}
		const why = "its new name is in lower case, and so is that of %q"
		*other, *item = other.leave(Collision, fmt.Sprintf(why, item.Name)), item.leave(Collision, fmt.Sprintf(why, other.Name))
	}
}

// collide finds the items whose new places a filesystem that ignores case cannot tell apart, or
// not from a user who is there: Alice would see what is alice's. Such items do not move.
func collide(items []Item, there []string) {
	users, places := map[string]string{}, map[string]string{}
	var collided []string // what names both
	for _, user := range there {
		users[strings.ToLower(user)] = user
	}
	bad := map[string][2]string{} // two names each, by what the filesystem takes for both
	note := func(seen map[string]string, name string) {
		folded := strings.ToLower(name)
		if other, ok := seen[folded]; ok && other != name {
			bad[folded] = [2]string{other, name}
			collided = append(collided, folded)
			return
		}
		seen[folded] = name
	}
	for i := range items {
		if items[i].Status.Pending() {
			note(users, items[i].User)
			note(places, items[i].to().Name)
		}
	}
	if len(collided) == 0 {
		return
	}
	for i := range items {
		item := &items[i]
		if !item.Status.Pending() {
			continue
		}
		for _, name := range []string{item.User, item.to().Name} {
			if two, ok := bad[strings.ToLower(name)]; ok {
				other := two[0]
				if other == name {
					other = two[1]
				}
				*item = item.leave(Collision, fmt.Sprintf("the filesystem ignores case, and cannot tell %q from others such as %q", name, other))
				break
			}
		}
	}
}

// swapCase turns the case of every ASCII letter; the result is the same if there is none.
func swapCase(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z':
			return r - 'a' + 'A'
		case 'A' <= r && r <= 'Z':
			return r - 'A' + 'a'
		}
		return r
	}, name)
}
