package main

import (
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
)

// printer writes the demo's output: aligned, and in colour on a terminal.
type printer struct {
	io.Writer
	colour bool
}

func newPrinter(stdout io.Writer) *printer {
	file, isFile := stdout.(*os.File)
	if !isFile || os.Getenv("NO_COLOR") != "" {
		return &printer{Writer: stdout}
	}
	info, err := file.Stat()
	return &printer{Writer: stdout, colour: err == nil && info.Mode()&os.ModeCharDevice != 0}
}

// The colours, as terminals number them.
const (
	bold  = 1
	red   = 31
	green = 32
	faint = 90
)

// paint colours a text.
func (p *printer) paint(colour int, text string) string {
	if !p.colour {
		return text
	}
	return fmt.Sprintf("\x1b[%dm%s\x1b[0m", colour, text)
}

func (p *printer) line(format string, args ...any) { fmt.Fprintf(p, format+"\n", args...) }

// row prints lines under a heading in the margin.
func (p *printer) row(heading string, lines ...string) {
	for _, line := range lines {
		p.line("   %s %s", p.paint(faint, fmt.Sprintf("%-8s", heading)), strings.TrimRight(line, " "))
		heading = ""
	}
}

// sandbox prints what was sent.
func (p *printer) sandbox(number int, s *sandbox) {
	p.line("\n%s", p.paint(bold, fmt.Sprintf("%d. %s", number, s.Title)))
	p.row("sent", "sandbox-id   "+s.SandboxID)
	p.row("", "labels       "+pairs(s.Labels))
	if len(s.Annotations) > 0 {
		p.row("", "annotations  "+pairs(s.Annotations))
	}
	p.row("", "subPath      "+s.SubPath)
}

// outcome prints what became of a sandbox, and the verdict.
func (p *printer) outcome(o *outcome, problem string) {
	p.row("kubectl", strings.Split(o.kubectl, "\n")...)
	if o.stored != nil {
		p.row("stored", "labels       "+pairs(stamps(o.stored.Labels)))
		p.row("", "annotations  "+pairs(stamps(o.stored.Annotations)))
		p.row("", "subPath      "+o.subPath())
	} else {
		p.row("stored", "nothing")
	}
	if problem == "" {
		p.row("", p.paint(green, "✓ right"))
	} else {
		p.row("", p.paint(red, "✗ WRONG: "+problem))
	}
}

// pairs writes labels or annotations in one line.
func pairs(labels map[string]string) string {
	if len(labels) == 0 {
		return "none that names a user or thread"
	}
	var written []string
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		written = append(written, key+"="+labels[key])
	}
	return strings.Join(written, "  ")
}
