package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// canary is what a canary looks like.
var canary = regexp.MustCompile(`CANARY-[A-Z0-9]+`)

// userData is where a sandbox has data of its own.
const userData = "/mnt/user-data"

// probe looks and plants.
type probe struct {
	name, secret, link string
	targets            []string

	read    map[string]string
	written []string
}

// look takes every road.
func (p *probe) look() {
	places := mounts()
	if p.secret != "" {
		_ = os.WriteFile(userData+"/secret-of-"+p.name, []byte(p.secret+"\n"), 0o600) // or it has no data of its own
	}
	for _, place := range places {
		p.mark(place)
		p.walk(place)
	}
	for _, root := range roots(places) {
		for _, target := range p.targets {
			p.try(root + "/" + target)
		}
	}
	for _, place := range places {
		p.links(place, places)
	}
	p.processes()
	p.metadata()
	for _, place := range places {
		p.walk(place) // what came to light meanwhile
		p.leave(place)
	}
}

// mounts are the places where something of the cluster is mounted: all but the kernel's own filesystems, and
// the root.
func mounts() []string {
	text, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return nil
	}
	var places []string
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line) // device, place, type, options
		place := strings.NewReplacer(`\040`, " ").Replace(fields[1])
		if place == "/" || strings.HasPrefix(place, "/proc") || strings.HasPrefix(place, "/sys") || strings.HasPrefix(place, "/dev") {
			continue
		}
		places = append(places, place)
	}
	return places
}

// up is how far paths climb.
const up = 12

// roots are the directories in which a path of the volume may lead somewhere: the mounts, all above them by
// name and by "..", and the roots and working directories of processes with all that is mounted there.
func roots(places []string) []string {
	all := []string{""}
	for _, place := range places {
		climb := place
		for range up {
			all = append(all, climb)
			climb += "/.."
		}
	}
	processes, _ := filepath.Glob("/proc/[0-9]*") // the pattern is a good one
	for _, process := range processes {
		all = append(all, process+"/root", process+"/cwd", process+"/cwd/..")
		for _, place := range places {
			all = append(all, process+"/root"+place)
		}
	}
	return all
}

// try reads a file, and writes to it and beside it.
func (p *probe) try(path string) {
	p.scan(path)
	if file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0); err == nil {
		_, err = file.WriteString(p.planted())
		if file.Close() == nil && err == nil {
			p.written = append(p.written, path)
		}
	}
	p.mark(filepath.Dir(path))
}

// mark writes a file that says who wrote it, in a directory.
func (p *probe) mark(dir string) {
	path := dir + "/planted-by-" + p.name
	if err := os.WriteFile(path, []byte(p.planted()), 0o600); err == nil {
		p.written = append(p.written, path)
	}
}

func (p *probe) planted() string { return "PLANTED-BY-" + p.name + "\n" }

// scan notes the canaries of a file.
func (p *probe) scan(path string) {
	info, err := os.Stat(path)
	if err != nil || info.IsDir() || info.Mode()&(fs.ModeDevice|fs.ModeNamedPipe|fs.ModeSocket) != 0 {
		return
	}
	if text, err := os.ReadFile(path); err == nil {
		p.find(text, path)
	}
}

// find notes the canaries of a text.
func (p *probe) find(text []byte, road string) {
	for _, found := range canary.FindAllString(string(text), -1) {
		if _, known := p.read[found]; !known {
			p.read[found] = road
		}
	}
}

// walk scans every file of a mount. It does not follow links to directories: links has its own.
func (p *probe) walk(place string) {
	_ = filepath.WalkDir(place, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return nil //nolint:nilerr // what cannot be read is not read
		}
		if !entry.IsDir() {
			p.scan(path)
		}
		return nil
	})
}

// links makes symbolic and hard links in a mount, to where others' canaries may be, and goes through them.
func (p *probe) links(place string, places []string) {
	for i, target := range p.targets {
		goals := []string{"/" + target}
		for _, other := range places {
			goals = append(goals, other+"/"+target)
		}
		climb := ""
		for range up {
			climb += "../"
			goals = append(goals, climb+target)
		}
		for j, goal := range goals {
			link := fmt.Sprintf("%s/link-of-%s-%d-%d", place, p.name, i, j)
			if os.Symlink(goal, link) == nil {
				p.try(link)
				_ = os.Remove(link)
			}
			if os.Link(goal, link) == nil {
				p.scan(link)
				_ = os.Remove(link)
			}
		}
	}
}

// processes reads what the kernel and the kubelet tell of processes: arguments, environments, mounts, and the
// files that they have open.
func (p *probe) processes() {
	patterns := []string{"/proc/[0-9]*/environ", "/proc/[0-9]*/cmdline", "/proc/[0-9]*/mountinfo", "/proc/[0-9]*/fd/*", "/etc/*"}
	for _, pattern := range patterns {
		paths, _ := filepath.Glob(pattern) // the pattern is a good one
		for _, path := range paths {
			p.scan(path)
		}
	}
}

// leave leaves a link in a mount.
func (p *probe) leave(place string) {
	if p.link != "" && os.Symlink(p.link, place+"/link") == nil {
		p.written = append(p.written, place+"/link")
	}
}
