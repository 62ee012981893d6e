package main

import (
	"encoding/json"
	"math"
	"slices"
	"time"
)

// figure is a number that one measurement may fail to give: NaN stands for none, and is null in JSON.
type figure float64

// missing is the figure of what was not measured.
var missing = figure(math.NaN())

// MarshalJSON implements [json.Marshaler]. It writes four significant digits: the rest is noise.
func (f figure) MarshalJSON() ([]byte, error) {
	value := float64(f)
	if math.IsNaN(value) || math.IsInf(value, 0) {
		return []byte("null"), nil
	}
	if value != 0 {
		scale := math.Pow(10, 3-math.Floor(math.Log10(math.Abs(value))))
		value = math.Round(value*scale) / scale
	}
	return json.Marshal(value)
}

// stats are what a sample says. Times are milliseconds, CPU those of a request.
type stats struct {
	P50        figure `json:"p50Millis"`
	P90        figure `json:"p90Millis"`
	P99        figure `json:"p99Millis"`
	Throughput figure `json:"requestsPerSecond"`
	APIServer  figure `json:"apiServerCPUMillis"`
	Webhook    figure `json:"webhookCPUMillis"`
}

// ratios compare a target with the floor. What is added is what the target takes more than its base; its ratio
// is to what the floor adds.
type ratios struct {
	P50        figure `json:"addedP50VsFloor"`
	P90        figure `json:"addedP90VsFloor"`
	P99        figure `json:"addedP99VsFloor"`
	APIServer  figure `json:"addedAPIServerCPUVsFloor"`
	Throughput figure `json:"throughputVsFloor"`
}

// row is what the rounds say of a cell: the medians of each figure.
type row struct {
	Target  string `json:"target"`
	Clients int    `json:"clients"`
	// Description is what tables call the target.
	Description string `json:"description"`
	stats
	// AddedP50 is milliseconds more than the base's.
	AddedP50 figure `json:"addedP50Millis"`
	ratios
}

// Times are the row's own figures.
func (r row) Times() stats { return r.stats }

// ToFloor compares the row with the floor.
func (r row) ToFloor() ratios { return r.ratios }

// UnmarshalJSON implements [json.Unmarshaler].
func (f *figure) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		*f = missing
		return nil
	}
	return json.Unmarshal(text, (*float64)(f))
}

// statsOf says what a sample says.
func statsOf(s sample) stats {
	sorted := slices.Sorted(slices.Values(s.latencies))
	requests := float64(len(sorted))
	return stats{
		P50:        millis(percentile(sorted, 50)),
		P90:        millis(percentile(sorted, 90)),
		P99:        millis(percentile(sorted, 99)),
		Throughput: figure(requests / s.wall.Seconds()),
		APIServer:  millis(s.apiServer) / figure(requests),
		Webhook:    millis(s.webhook) / figure(requests),
	}
}

func millis(d time.Duration) figure { return figure(d.Seconds() * 1000) }

// percentile is the smallest of sorted values that p percent of them do not exceed.
func percentile(sorted []time.Duration, p int) time.Duration {
	rank := (len(sorted)*p + 99) / 100
	return sorted[max(rank, 1)-1]
}

// median is the middle one of the values that are numbers, or the mean of the middle two; NaN if there are none.
func median(values []figure) figure {
	sorted := slices.DeleteFunc(slices.Clone(values), func(f figure) bool { return math.IsNaN(float64(f)) })
	slices.Sort(sorted)
	middle := len(sorted) / 2
	switch {
	case len(sorted) == 0:
		return missing
	case len(sorted)%2 == 1:
		return sorted[middle]
	default:
		return (sorted[middle-1] + sorted[middle]) / 2
	}
}

// ratio is NaN where the floor is lost in noise.
func ratio(value, floor figure) figure {
	if !(floor > 0) {
		return missing
	}
	return value / floor
}

// compare compares a target with the floor; with is what is measured of one and base the other without.
func compare(with, base, floorWith, floorBase stats) ratios {
	return ratios{
		P50:        ratio(with.P50-base.P50, floorWith.P50-floorBase.P50),
		P90:        ratio(with.P90-base.P90, floorWith.P90-floorBase.P90),
		P99:        ratio(with.P99-base.P99, floorWith.P99-floorBase.P99),
		APIServer:  ratio(with.APIServer-base.APIServer, floorWith.APIServer-floorBase.APIServer),
		Throughput: ratio(with.Throughput, floorWith.Throughput),
	}
}

// summarize makes a row of each cell: ratios within each round, then medians over the rounds.
func summarize(targets []target, clients []int, rounds []map[cell]sample) []row {
	var rows []row
	for _, level := range clients {
		for _, t := range targets {
			base := t.base
			if base == "" {
				base = t.name
			}
			var all []row
			for _, round := range rounds {
				of := func(name string) stats { return statsOf(round[cell{name, level}]) }
				with, without := of(t.name), of(base)
				all = append(all, row{
					stats:    with,
					AddedP50: with.P50 - without.P50,
					ratios:   compare(with, without, of(floor), of(none)),
				})
			}
			rows = append(rows, medians(row{Target: t.name, Clients: level, Description: t.description}, all))
		}
	}
	return rows
}

// medians fills a row with the medians of others.
func medians(into row, rows []row) row {
	of := func(field func(*row) *figure) {
		var values []figure
		for i := range rows {
			values = append(values, *field(&rows[i]))
		}
		*field(&into) = median(values)
	}
	of(func(r *row) *figure { return &r.stats.P50 })
	of(func(r *row) *figure { return &r.stats.P90 })
	of(func(r *row) *figure { return &r.stats.P99 })
	of(func(r *row) *figure { return &r.stats.Throughput })
	of(func(r *row) *figure { return &r.stats.APIServer })
	of(func(r *row) *figure { return &r.stats.Webhook })
	of(func(r *row) *figure { return &r.AddedP50 })
	of(func(r *row) *figure { return &r.ratios.P50 })
	of(func(r *row) *figure { return &r.ratios.P90 })
	of(func(r *row) *figure { return &r.ratios.P99 })
	of(func(r *row) *figure { return &r.ratios.APIServer })
	of(func(r *row) *figure { return &r.ratios.Throughput })
	return into
}
