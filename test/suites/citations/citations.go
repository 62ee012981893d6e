// Package citations holds the repository's texts to naming only what is there: files, headings of pages,
// sections of the design, and invariants.
package citations

import (
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
)

// checker looks for citations in the files of a repository.
type checker struct {
	root     fs.FS
	anchors  map[string][]string // of the pages that were read
	problems []string
}

var (
	// link is a link of Markdown to a file of the repository, with an anchor or without.
	link = regexp.MustCompile(`\]\(([^)#:\s]*)(#[^)\s]*)?\)`)
	// page is a page of docs that a comment or a message names.
	page = regexp.MustCompile(`\bdocs/[a-z-]+\.md(#[a-z0-9-]+)?`)
	// section is a section of the design that a comment names.
	section = regexp.MustCompile(`[Ss]ection (\d+) of the design|design,? section (\d+)`)
	// invariant is the name of an invariant.
	invariant = regexp.MustCompile(`\bI(\d{1,2})\b`)
	// heading is a heading of Markdown.
	heading = regexp.MustCompile(`(?m)^#+ (.*)$`)
	// fence is a block of code, in which nothing is a heading or a link.
	fence = regexp.MustCompile("(?s)(?:\\A|\n)```.*?\n```(?:\n|\\z)")
)

// part is a text that becomes a part of docs/rules.md, and links as that page does.
var part = regexp.MustCompile(`^test/pods/fixtures/intro\.md$`)

const design = "docs/design.md"

// check returns what is wrong with the citations of the files, a line each.
func check(root fs.FS, files []string) ([]string, error) {
	c := &checker{root: root, anchors: map[string][]string{}}
	for _, file := range files {
		content, err := fs.ReadFile(root, file)
		if err != nil {
			return nil, err
		}
		text := string(content)
		if path.Ext(file) == ".md" {
			c.links(file, fence.ReplaceAllString(text, ""))
		} else {
			c.pages(file, text)
		}
		c.sections(file, text)
		for _, found := range invariant.FindAllStringSubmatch(text, -1) {
			if len(found[1]) > 1 || found[1] == "0" {
				c.add(file, "there is no invariant %s", found[0])
			}
		}
	}
	return c.problems, nil
}

func (c *checker) add(file, format string, args ...any) {
	c.problems = append(c.problems, file+": "+fmt.Sprintf(format, args...))
}

// links checks the links of a page.
func (c *checker) links(file, text string) {
	dir := path.Dir(file)
	if part.MatchString(file) {
		dir = "docs"
	}
	for _, found := range link.FindAllStringSubmatch(text, -1) {
		target := file
		if found[1] != "" {
			target = path.Join(dir, found[1])
		}
		c.want(file, target, strings.TrimPrefix(found[2], "#"))
	}
}

// pages checks the pages that a comment or a message names.
func (c *checker) pages(file, text string) {
	for _, cited := range page.FindAllString(text, -1) {
		name, anchor, _ := strings.Cut(cited, "#")
		c.want(file, name, anchor)
	}
}

// sections checks the sections of the design that a text names.
func (c *checker) sections(file, text string) {
	for _, found := range section.FindAllStringSubmatch(text, -1) {
		number := found[1] + found[2]
		numbered := func(anchor string) bool { return strings.HasPrefix(anchor, number+"-") }
		if !slices.ContainsFunc(c.headings(design), numbered) {
			c.add(file, "the design has no section %s", number)
		}
	}
}

// want reports a file that is missing, or a page without the anchor.
func (c *checker) want(file, target, anchor string) {
	if _, err := fs.Stat(c.root, target); err != nil {
		c.add(file, "%s is not there", target)
		return
	}
	if anchor != "" && !slices.Contains(c.headings(target), anchor) {
		c.add(file, "%s has no heading for #%s", target, anchor)
	}
}

// headings returns the anchors of a page's headings, as forges make them.
func (c *checker) headings(file string) []string {
	if known, ok := c.anchors[file]; ok {
		return known
	}
	content, _ := fs.ReadFile(c.root, file) // want has looked
	found := []string{}
	for _, line := range heading.FindAllStringSubmatch(fence.ReplaceAllString(string(content), ""), -1) {
		found = append(found, anchorOf(line[1]))
	}
	c.anchors[file] = found
	return found
}

var (
	linked  = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
	dropped = regexp.MustCompile(`[^\p{L}\p{N}\s_-]`)
)

// anchorOf returns the anchor of a heading: lower case, without punctuation, with - for a space.
func anchorOf(heading string) string {
	text := linked.ReplaceAllString(heading, "$1")
	return strings.ReplaceAll(dropped.ReplaceAllString(strings.ToLower(strings.TrimSpace(text)), ""), " ", "-")
}
