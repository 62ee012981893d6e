package citations

import (
	"os"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"userscope.dev/userscope/test/kit/repo"
)

// TestCitations looks at every text of the repository that people write or read.
func TestCitations(t *testing.T) {
	root, err := repo.Path()
	if err != nil {
		t.Fatal(err)
	}
	list := exec.Command("git", "ls-files", "--cached", "--others", "--exclude-standard")
	list.Dir = root
	out, err := list.Output()
	if err != nil {
		t.Fatalf("%s: %v", list, err)
	}
	var files []string
	for _, file := range strings.Fields(string(out)) {
		texts := []string{".go", ".md", ".tpl", ".yaml", ".cel", ".sh", ".txt"}
		if _, err := os.Stat(path.Join(root, file)); err == nil && slices.Contains(texts, path.Ext(file)) && !strings.Contains(file, "/testdata/") && path.Dir(file) != "test/suites/citations" {
			files = append(files, file)
		}
	}
	if len(files) < 100 {
		t.Fatalf("git lists %d texts", len(files))
	}
	problems, err := check(os.DirFS(root), files)
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range problems {
		t.Error(problem)
	}
}

// TestDevelopment holds docs/development.md to naming only tests that are there.
func TestDevelopment(t *testing.T) {
	page, err := repo.Path("docs", "development.md")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile(`\bTest[A-Z]\w+`).FindAllString(string(text), -1)
	if len(names) < 10 {
		t.Fatalf("%s names %d tests", page, len(names))
	}
	for _, name := range names {
		find := exec.Command("git", "grep", "--untracked", "-q", "func "+name+"(")
		find.Dir = path.Dir(path.Dir(page))
		if err := find.Run(); err != nil {
			t.Errorf("docs/development.md: there is no test %s: %v", name, err)
		}
	}
}

func TestCheck(t *testing.T) {
	root := fstest.MapFS{
		"docs/design.md": {Data: []byte("# Design\n\n## 1. Words\n\n## `certs status`, and more\n\n```\n# no heading\n```\n")},
		"README.md":      {Data: []byte("x")},
		"a.go":           {Data: []byte("x")},
	}
	for _, test := range []struct{ name, file, text, want string }{
		{"a link", "README.md", "[design](docs/design.md)", ""},
		{"a link to a heading", "README.md", "[words](docs/design.md#1-words)", ""},
		{"a heading with code", "README.md", "[x](docs/design.md#certs-status-and-more)", ""},
		{"a link to the web", "README.md", "[x](https://example.org/y)", ""},
		{"a file that is gone", "README.md", "[x](docs/old.md)", "README.md: docs/old.md is not there"},
		{"a heading that is gone", "README.md", "[x](docs/design.md#2-who)", "README.md: docs/design.md has no heading for #2-who"},
		{"a comment in code", "README.md", "[x](docs/design.md#no-heading)", "README.md: docs/design.md has no heading for #no-heading"},
		{"a link from another folder", "docs/design.md", "[x](../README.md)", ""},
		{"a heading of the page itself", "README.md", "# A\n[x](#b)", "README.md: README.md has no heading for #b"},
		{"a page in a comment", "a.go", "// see docs/old.md", "a.go: docs/old.md is not there"},
		{"a section", "a.go", "// section 1 of the design", ""},
		{"a section that is gone", "a.go", "// section 7 of the design", "a.go: the design has no section 7"},
		{"an invariant", "a.go", "// I1 to I9", ""},
		{"no invariant", "a.go", "// I10 holds", "a.go: there is no invariant I10"},
	} {
		t.Run(test.name, func(t *testing.T) {
			files := fstest.MapFS{}
			for name, file := range root {
				files[name] = file
			}
			files[test.file] = &fstest.MapFile{Data: []byte(test.text)}
			problems, err := check(files, []string{test.file})
			if got := strings.Join(problems, "\n"); err != nil || got != test.want {
				t.Errorf("%q, %v, want %q", got, err, test.want)
			}
		})
	}
}
