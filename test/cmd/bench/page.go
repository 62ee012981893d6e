package main

import (
	"bytes"
	_ "embed" // the templates below
	"math"
	"os"
	"path/filepath"
	"slices"
	"text/template"
)

//go:embed benchmarks.md.tmpl
var pageTemplate string

//go:embed benchmarks.svg.tmpl
var plotTemplate string

var templates = template.Must(template.Must(template.New(pageFile).Parse(pageTemplate)).New(plotFile).Parse(plotTemplate))

// writePage writes the page, and the plot that it shows, beside the figures.
func (r *report) writePage(dir string) error {
	for _, file := range []string{pageFile, plotFile} {
		text, err := r.render(file)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, file), text, 0o644); err != nil { //nolint:gosec // a document
			return err
		}
	}
	return nil
}

// render renders one of the files.
func (r *report) render(file string) ([]byte, error) {
	var text bytes.Buffer
	data := struct {
		*report
		Levels []int
		Plot   plot
	}{r, r.levels(), r.plot()}
	err := templates.ExecuteTemplate(&text, file, data)
	return text.Bytes(), err
}

// levels are the numbers of clients that were measured.
func (r *report) levels() []int {
	var levels []int
	for _, row := range r.Raw {
		if !slices.Contains(levels, row.Clients) {
			levels = append(levels, row.Clients)
		}
	}
	return levels
}

// At are the rows with so many clients.
func (r *report) At(clients int) []row {
	return slices.DeleteFunc(slices.Clone(r.Raw), func(row row) bool { return row.Clients != clients })
}

// plot is a bar chart of what each target adds × the floor: a group for each target, a bar for each number of
// clients. Lengths are pixels.
type plot struct {
	Width, Height, Axis int
	// Floor is where the floor's bars end.
	Floor  int
	Groups []group
	Legend []bar
}

type group struct {
	Says string
	Y    int
	Bars []bar
}

type bar struct {
	Y, X, Width, End int
	Colour           string
	Text             string
}

// The measures of the plot.
const (
	barHeight = 14
	groupGap  = 14
	plotTop   = 40
	axisX     = 190
	plotWidth = 760
)

// colours tell numbers of clients apart, also for readers who do not see colours.
var colours = []string{"#9ecae1", "#4292c6", "#084594"}

func (r *report) plot() plot {
	p := plot{Width: plotWidth, Axis: axisX}
	levels, rows := r.levels(), r.plotted()
	most := figure(1)
	for _, row := range rows {
		most = max(most, row.ratios.P50)
	}
	scale := figure(plotWidth-axisX-60) / most
	p.Floor = axisX + int(scale)
	at := map[string]int{}
	y := plotTop
	for _, row := range rows {
		if _, known := at[row.Target]; !known {
			at[row.Target] = len(p.Groups)
			p.Groups = append(p.Groups, group{Says: row.Description, Y: y + barHeight*len(levels)/2 + 4})
			y += barHeight*len(levels) + groupGap
		}
		g := &p.Groups[at[row.Target]]
		number := slices.Index(levels, row.Clients)
		top := g.Y - 4 - barHeight*len(levels)/2 + barHeight*number
		width := max(int(scale*row.ratios.P50), 0)
		g.Bars = append(g.Bars, bar{
			Y: top, X: axisX, Width: width, End: axisX + width + 6, Colour: colours[number%len(colours)], Text: row.ratios.P50.String(),
		})
	}
	for i, level := range levels {
		p.Legend = append(p.Legend, bar{X: axisX + 110*i, End: axisX + 110*i + 18, Colour: colours[i%len(colours)], Text: count(level, "client")})
	}
	p.Height = y
	return p
}

// plotted are the rows that add something, group by group.
func (r *report) plotted() []row {
	var rows []row
	for _, name := range targetNames() {
		for _, row := range r.Raw {
			if row.Target == name && name != none && name != unrelatedNone && !math.IsNaN(float64(row.ratios.P50)) {
				rows = append(rows, row)
			}
		}
	}
	return rows
}
