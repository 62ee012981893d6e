package main

import (
	"fmt"
	"io"
	"math"
	"text/tabwriter"
)

// printTable writes the figures for people: a table for each number of clients, and the ratios that count.
func printTable(out io.Writer, r *report) {
	clients := 0
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, row := range r.Raw {
		if row.Clients != clients {
			clients = row.Clients
			_ = table.Flush()
			fmt.Fprintf(out, "\n%s; × is the ratio to what the floor adds, or to its requests/s\n", count(clients, "client"))
			fmt.Fprintln(table, "p50 ms\tp90\tp99\tadded p50\t×\t× p90\t× p99\trequests/s\t×\tAPI server CPU ms\tadded ×\town CPU ms\t ")
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t %s\n",
			row.stats.P50, row.stats.P90, row.stats.P99, row.AddedP50, row.ratios.P50, row.ratios.P90, row.ratios.P99,
			row.stats.Throughput, row.ratios.Throughput, row.stats.APIServer, row.ratios.APIServer, row.stats.Webhook, row.Description)
	}
	_ = table.Flush()
	fmt.Fprintln(out)
	for _, line := range []struct {
		says  string
		value figure
	}{
		{"webhook and backstop, added p50 × floor", r.Added},
		{"webhook alone", r.AddedWebhook},
		{"backstop alone", r.AddedBackstop},
		{"backstop alone, eight clients", r.AddedBackstop8},
		{"webhook and backstop, added p50 × MutatingAdmissionPolicy", r.AddedToMutatingPolicy},
		{"webhook and backstop, requests/s with eight clients × floor", r.Throughput8},
		{"the same × MutatingAdmissionPolicy", r.Throughput8MutatingPolicy},
		{"unrelated Pod of a governed namespace, added p50 × floor", r.Unrelated},
		{"added p50 of the baseline's backstop × today's", r.FasterThanBaseline},
		{"the same with eight clients", r.FasterThanBaseline8},
		{"API server's CPU time for the baseline's backstop × today's", r.CPUFasterThanBaseline},
		{"handler, µs", r.HandlerMicros},
		{"handler, allocations", r.HandlerAllocs},
		{"decision, µs", r.DecisionMicros},
		{"decision, allocations", r.DecisionAllocs},
		{"webhook's own CPU time for a review, ms", r.CPUMillis},
		{"floor's", r.FloorCPUMillis},
		{"webhook's resident memory when ready, MiB", r.RSSIdleMiB},
		{"after many reviews", r.RSSMiB},
		{"from exec to ready, s", r.ReadySeconds},
		{"program, MiB", r.BinaryMiB},
		{"image, MiB", r.ImageMiB},
	} {
		if !math.IsNaN(float64(line.value)) {
			fmt.Fprintf(out, "%8s  %s\n", line.value, line.says)
		}
	}
}

// String writes what a reader can take in: about three digits.
func (f figure) String() string {
	switch value := math.Abs(float64(f)); {
	case math.IsNaN(value):
		return "–"
	case value >= 100:
		return fmt.Sprintf("%.0f", float64(f))
	case value >= 10:
		return fmt.Sprintf("%.1f", float64(f))
	default:
		return fmt.Sprintf("%.2f", float64(f))
	}
}

func count(n int, what string) string {
	if n == 1 {
		return fmt.Sprintf("%d %s", n, what)
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// printLoad writes for people what became of many sandboxes.
func printLoad(out io.Writer, l *load) {
	fmt.Fprintf(out, "%d sandboxes, %s a second: p50 of the first thousand %s ms, of the last %s ms, × %s\n",
		l.Sandboxes, l.PerSecond, l.FirstP50, l.LastP50, l.LastVsFirst)
	fmt.Fprintf(out, "%d more at once: %d failed, the API server postponed %d times, %s s\n", l.Burst, l.Failed, l.Postponed, l.BurstSeconds)
	fmt.Fprintf(out, "%d of them are condemned by the oracle\n", l.Unscoped)
}
