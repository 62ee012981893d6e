package random

import "strings"

// resolved is a directory of the sample's identity, below the root.
func (d *drawing) resolved(template string) string {
	return strings.NewReplacer("{user}", d.User, "{thread}", d.Thread).Replace(template)
}

// claimPath is a path below the root as the claim has it.
func (d *drawing) claimPath(below string) string {
	if d.Policy.Root == "" {
		return below
	}
	return d.Policy.Root + "/" + below
}

func (d *drawing) userDataDirectory() string {
	for _, directory := range d.Policy.Directories {
		if directory.UserData {
			return d.resolved(directory.Path)
		}
	}
	return ""
}

// spelled draws another spelling of a clean relative path.
func (d *drawing) spelled(path string) string {
	if d.tidy {
		return path
	}
	return of(d,
		path, path,
		"./"+path,
		path+"/",
		strings.Replace(path, "/", "//", 1),
		strings.Replace(path, "/", "/./", 1),
	)
}

// userDataPath draws a spelling of the path by which user data is known.
func (d *drawing) userDataPath() string {
	path := d.Policy.MountPath
	if d.tidy {
		return path
	}
	return of(d, path, path, path, path, path+"/", "/"+path, strings.TrimPrefix(path, "/"), "/x/.."+path, path+"/.")
}

// spelledMountPath draws the same, or another path.
func (d *drawing) spelledMountPath() string {
	if !d.tidy && d.chance(10) {
		return "/elsewhere"
	}
	return d.userDataPath()
}

// ownDirectory draws a spelling of the user-data directory, or of the one of old: what shows user data wherever it
// is mounted.
func (d *drawing) ownDirectory() string {
	paths := []string{d.claimPath(d.userDataDirectory())}
	if d.Policy.Legacy != "" && !d.tidy {
		ofOld := d.resolved(d.Policy.Legacy)
		paths = append(paths, ofOld, d.claimPath(ofOld))
	}
	return d.spelled(of(d, paths...))
}

// path draws a path that somebody may want to see of the claim.
func (d *drawing) path() string {
	mine := d.userDataDirectory()
	directory := d.resolved(of(d, d.Policy.Directories...).Path)
	user, thread := d.User, d.Thread
	d.User, d.Thread = of(d, "mallory", user, user+"x"), of(d, thread, "other", strings.TrimSuffix(thread, "1"))
	others := d.resolved(of(d, d.Policy.Directories...).Path)
	d.User, d.Thread = user, thread
	path := of(d,
		"", ".", "./", "..", "/", "//", " ", "\u2024", "...",
		mine, directory, others, others,
		directory+"/link", directory+"/..", directory+"/../"+user, directory+"x", directory+" ", directory+"\x00",
		parent(directory), parent(parent(directory)), "x/../"+directory,
		strings.ToUpper(directory), "/"+directory, `\`+directory, "users", "home",
		"threads/"+thread+"/user-data", "{user}", "%2e%2e",
	)
	if d.chance(80) {
		path = d.claimPath(path)
	}
	return path
}

// parent is the path above.
func parent(path string) string {
	i := strings.LastIndex(path, "/")
	return path[:max(i, 0)]
}
