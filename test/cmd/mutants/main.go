// Command mutants reads what gremlins made of a package and says which mutants no test of the
// package kills. It makes those itself that gremlins passes over as not covered: conditions that
// stand in a case of a switch, of which Go's coverage shows the bodies only.
//
// It writes Markdown, and fails if a mutant lives that explained.yaml does not explain, and if that
// file explains one that does not.
package main

import (
	_ "embed" // the explanations
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

//go:embed explained.yaml
var explanations []byte

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: mutants DIR RESULT: the directory of a package, and the file of gremlins --output")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

// result is the part of gremlins' output that is read here.
type result struct {
	Files []struct {
		Name    string   `json:"file_name"`
		Mutants []mutant `json:"mutations"`
	} `json:"files"`
}

// mutant is one change of a program: of the operator at a line and column, each from 1.
type mutant struct {
	Line   int    `json:"line"`
	Column int    `json:"column"`
	Type   string `json:"type"`
	Status string `json:"status"`
}

// The fates of mutants that gremlins reports. One with which the tests do not end is as good as
// killed.
const (
	killed     = "KILLED"
	lived      = "LIVED"
	timedOut   = "TIMED OUT"
	notCovered = "NOT COVERED"
)

// explained is a mutant that lives, and why that is no gap in the tests. The line of the program
// stands for its number, which changes.
type explained struct {
	File string `json:"file"` // from the repository's root
	Type string `json:"type"`
	Line string `json:"line"`
	Why  string `json:"why"`
}

func run(dir, file string, out, progress io.Writer) error {
	content, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var found result
	if err := json.Unmarshal(content, &found); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	r := report{dir: dir, counts: map[string]int{}, used: map[explained]bool{}}
	if err := yaml.UnmarshalStrict(explanations, &r.known); err != nil {
		return fmt.Errorf("explained.yaml: %w", err)
	}
	for _, source := range found.Files {
		program, err := os.ReadFile(filepath.Join(dir, source.Name))
		if err != nil {
			return err
		}
		for _, m := range source.Mutants {
			if m.Status == notCovered {
				fmt.Fprintf(progress, "making %s at %s:%d:%d\n", m.Type, source.Name, m.Line, m.Column)
				if m.Status, err = m.try(dir, source.Name, string(program)); err != nil {
					return err
				}
			}
			r.add(source.Name, string(program), m)
		}
	}
	return r.write(out)
}

// report is what became of the mutants.
type report struct {
	dir      string // of the package
	known    []explained
	counts   map[string]int
	used     map[explained]bool
	rows     []string
	mistakes []string
}

// add takes account of a mutant of a program.
func (r *report) add(name, program string, m mutant) {
	if m.Status == timedOut {
		m.Status = killed
	}
	r.counts[m.Status]++
	if m.Status == killed {
		return
	}
	line := strings.TrimSpace(strings.Split(program, "\n")[m.Line-1])
	i := slices.IndexFunc(r.known, func(e explained) bool { return e.File == r.dir+"/"+name && e.Type == m.Type && e.Line == line })
	if m.Status != lived || i < 0 {
		r.mistakes = append(r.mistakes, fmt.Sprintf("%s:%d:%d: %s %s, and nothing explains it: %s", name, m.Line, m.Column, m.Type, m.Status, line))
		return
	}
	r.used[r.known[i]] = true
	code := "`" + strings.ReplaceAll(line, "|", `\|`) + "`"
	r.rows = append(r.rows, "| "+strings.Join([]string{"`" + name + "`", m.Type, code, r.known[i].Why}, " | ")+" |")
}

// write writes the report, or fails if it is not good.
func (r *report) write(out io.Writer) error {
	for _, e := range r.known {
		if path.Dir(e.File) == r.dir && !r.used[e] {
			r.mistakes = append(r.mistakes, fmt.Sprintf("explained.yaml: %s: no %s of this line lives any more: %s", e.File, e.Type, e.Line))
		}
	}
	if r.counts[killed] == 0 {
		r.mistakes = append(r.mistakes, "no mutant was killed: gremlins did not run")
	}
	if len(r.mistakes) > 0 {
		return errors.New(strings.Join(r.mistakes, "\n"))
	}
	_, err := fmt.Fprintf(out, "%d mutants were killed, %d live, and each of these is explained:\n\n| file | mutant | line | why it may live |\n|---|---|---|---|\n%s\n",
		r.counts[killed], r.counts[lived], strings.Join(r.rows, "\n"))
	return err
}

// others are what the operators become, by the type of the mutant.
var others = map[string]map[string]string{
	"CONDITIONALS_BOUNDARY": {"<": "<=", "<=": "<", ">": ">=", ">=": ">"},
	"CONDITIONALS_NEGATION": {"==": "!=", "!=": "==", "<": ">=", "<=": ">", ">": "<=", ">=": "<"},
	"ARITHMETIC_BASE":       {"+": "-", "-": "+", "*": "/", "/": "*", "%": "*"},
	"INCREMENT_DECREMENT":   {"++": "--", "--": "++"},
	"INVERT_NEGATIVES":      {"-": "+"},
}

// of returns the program with the mutant in it.
func (m mutant) of(program string) (string, error) {
	lines := strings.SplitAfter(program, "\n")
	if m.Line < 1 || m.Line > len(lines) || m.Column < 1 || m.Column > len(lines[m.Line-1]) {
		return "", fmt.Errorf("there is no %d:%d", m.Line, m.Column)
	}
	line, at := lines[m.Line-1], m.Column-1
	for length := 2; length > 0; length-- {
		if at+length > len(line) {
			continue
		}
		if other, ok := others[m.Type][line[at:at+length]]; ok {
			lines[m.Line-1] = line[:at] + other + line[at+length:]
			return strings.Join(lines, ""), nil
		}
	}
	return "", fmt.Errorf("%s is unknown at %q", m.Type, line[at:])
}

// try runs the package's tests with the mutant in the place of the program, and says what became
// of it.
func (m mutant) try(dir, name, program string) (status string, err error) {
	changed, err := m.of(program)
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	temp, err := os.MkdirTemp("", "mutant-")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(temp)) }()
	original, err := filepath.Abs(filepath.Join(dir, name))
	if err != nil {
		return "", err
	}
	copied, overlay := filepath.Join(temp, "mutant.go"), filepath.Join(temp, "overlay.json")
	content, err := json.Marshal(map[string]any{"Replace": map[string]string{original: copied}})
	if err != nil {
		return "", err
	}
	if err := errors.Join(os.WriteFile(copied, []byte(changed), 0o600), os.WriteFile(overlay, content, 0o600)); err != nil {
		return "", err
	}
	for _, arguments := range [][]string{{"build", "-overlay", overlay}, {"test", "-vet=off", "-timeout", "2m", "-overlay", overlay}} {
		command := exec.Command("go", append(arguments, ".")...)
		command.Dir = dir
		if said, err := command.CombinedOutput(); err != nil {
			if arguments[0] == "build" { // it would count as killed
				return "", fmt.Errorf("%s:%d:%d: the mutant is no program: %w: %s", name, m.Line, m.Column, err, said)
			}
			return killed, nil
		}
	}
	return lived, nil
}
