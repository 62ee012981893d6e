package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"userscope.dev/userscope/test/kit/repo"
)

var update = flag.Bool("update", false, "write docs/benchmarks.md and docs/benchmarks.svg anew")

// The page and its plot show the figures that are stored.
func TestPage(t *testing.T) {
	docs, err := repo.Path("docs")
	if err != nil {
		t.Fatal(err)
	}
	r, err := readReport(filepath.Join(docs, jsonFile))
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := r.writePage(docs); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{pageFile, plotFile} {
		want, err := r.render(file)
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join(docs, file))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("docs/%s does not show docs/%s (%v): go test ./cmd/bench -update", file, jsonFile, err)
		}
	}
}

// What is written is read again as it was, also what was not measured.
func TestWrite(t *testing.T) {
	dir := t.TempDir()
	rows := []row{{Target: floor, Description: "an empty webhook (floor)", Clients: 1, ratios: ratios{P50: 1, P90: missing}}}
	if err := write(dir, func(r *report) { *r = *newReport(rows, ownFigures) }); err != nil {
		t.Fatal(err)
	}
	if err := write(dir, func(r *report) { r.Load = &load{Sandboxes: 7} }); err != nil {
		t.Fatal(err)
	}
	r, err := readReport(filepath.Join(dir, jsonFile))
	if err != nil {
		t.Fatal(err)
	}
	if r.HandlerMicros != 99.5 || !same(r.RSSMiB, missing) || r.Load.Sandboxes != 7 || len(r.Raw) != 1 || r.Raw[0].ratios.P50 != 1 || !same(r.Raw[0].ratios.P90, missing) {
		t.Errorf("got: %+v", r)
	}
	page, err := os.ReadFile(filepath.Join(dir, pageFile))
	if err != nil || !strings.Contains(string(page), "| sandboxes stored by eight clients | 7, ") {
		t.Errorf("%v: %s", err, page)
	}
}

// The plot has a bar for each ratio, and the floor's ends at the line that is drawn through all.
func TestPlot(t *testing.T) {
	of := func(target string, clients int, ratio figure) row {
		return row{Target: target, Description: target + " & <more>", Clients: clients, ratios: ratios{P50: ratio}}
	}
	r := newReport([]row{
		of(none, 1, 0), of(floor, 1, 1), of(installed, 1, 2), of(unrelated, 1, -0.5), of(baseline, 1, missing),
		of(none, 8, 0), of(floor, 8, 1), of(installed, 8, 1.5),
	}, ownFigures)
	p := r.plot()
	var groups []string
	for _, group := range p.Groups {
		groups = append(groups, group.Says)
	}
	if got, want := strings.Join(groups, ","), "floor & <more>,installed & <more>,unrelated & <more>"; got != want {
		t.Fatalf("groups: %s, want: %s", got, want)
	}
	unit := p.Groups[0].Bars[0].Width
	if p.Floor != axisX+unit || p.Groups[1].Bars[0].Width != 2*unit || p.Groups[1].Bars[1].Width != unit*3/2 || p.Groups[2].Bars[0].Width != 0 {
		t.Errorf("got: %+v", p)
	}
	svg, err := r.render(plotFile)
	if err != nil {
		t.Fatal(err)
	}
	for decoder := xml.NewDecoder(bytes.NewReader(svg)); ; {
		if _, err := decoder.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("%v: %s", err, svg)
		}
	}
}

func TestImageSizeWithoutImage(t *testing.T) {
	if size, err := imageSize(filepath.Join(t.TempDir(), "oci")); err != nil || !same(size, missing) {
		t.Errorf("got: %v, %v", size, err)
	}
}
