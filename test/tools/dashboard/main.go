// Command dashboard writes the Grafana dashboard of manifests/chart to its output. It is made of
// Grafana's own types, so that Grafana reads what it says; they are why this is a module of its own.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

func main() {
	text, err := render()
	if err == nil {
		_, err = os.Stdout.Write(text)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "dashboard:", err)
		os.Exit(1)
	}
}

// render returns the dashboard as JSON.
func render() ([]byte, error) {
	//nolint:staticcheck // the format that replaces this one is not read by Grafana 11
	b := dashboard.NewDashboardBuilder("Userscope").
		Uid("userscope").
		Tags([]string{"userscope"}).
		Description("What Userscope decides, how API servers reach it, and how long its certificates hold.").
		Time("now-6h", "now").
		Timezone(common.TimeZoneBrowser).
		Refresh("1m").
		Tooltip(dashboard.DashboardCursorSyncCrosshair).
		WithVariable(dashboard.NewDatasourceVariableBuilder(datasourceVariable).Label("Data source").Type("prometheus"))
	id := uint32(0)
	for _, r := range rows() {
		id++
		b.WithRow(dashboard.NewRowBuilder(r.title).Id(id))
		for _, p := range r.panels {
			id++
			b.WithPanel(numbered{p, id})
		}
	}
	built, err := b.Build()
	if err != nil {
		return nil, err
	}

	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	err = encoder.Encode(built)
	return text.Bytes(), err
}

// row is a heading, and what is below it.
type row struct {
	title  string
	panels []panel
}

// panel builds a panel, of whatever type.
type panel = cog.Builder[dashboard.Panel]

// numbered gives a panel its number in the dashboard, by which links find it.
type numbered struct {
	panel
	id uint32
}

func (n numbered) Build() (dashboard.Panel, error) {
	p, err := n.panel.Build()
	p.Id = &n.id
	return p, err
}
