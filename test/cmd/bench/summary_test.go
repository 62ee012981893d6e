package main

import (
	"encoding/json"
	"math"
	"slices"
	"testing"
	"time"
)

// same compares figures, of which NaN is like NaN, but for rounding.
func same(a, b figure) bool {
	return math.IsNaN(float64(a)) && math.IsNaN(float64(b)) || math.Abs(float64(a-b)) < 1e-9
}

func TestPercentile(t *testing.T) {
	hundred := make([]time.Duration, 100)
	for i := range hundred {
		hundred[i] = time.Duration(i + 1)
	}
	for _, test := range []struct {
		name   string
		sorted []time.Duration
		p      int
		want   time.Duration
	}{
		{"the middle", hundred, 50, 50},
		{"all but ten", hundred, 90, 90},
		{"all but one", hundred, 99, 99},
		{"of one value it is that", hundred[:1], 99, 1},
		{"of few values the 99th is the greatest", hundred[:10], 99, 10},
		{"of an odd number the middle one", hundred[:3], 50, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := percentile(test.sorted, test.p); got != test.want {
				t.Errorf("got: %d, want: %d", got, test.want)
			}
		})
	}
}

func TestMedian(t *testing.T) {
	for _, test := range []struct {
		name  string
		given []figure
		want  figure
	}{
		{"the middle one, whatever the order", []figure{9, 1, 2}, 2},
		{"of an even number the mean of two", []figure{4, 1, 2, 9}, 3},
		{"what is no number does not count", []figure{missing, 5, missing, 7, 6}, 6},
		{"none", []figure{missing}, missing},
	} {
		t.Run(test.name, func(t *testing.T) {
			given := slices.Clone(test.given)
			if got := median(given); !same(got, test.want) {
				t.Errorf("got: %v, want: %v", got, test.want)
			}
			if !slices.EqualFunc(given, test.given, same) {
				t.Errorf("the values are now %v", given)
			}
		})
	}
}

func TestFigureInJSON(t *testing.T) {
	for _, test := range []struct {
		given figure
		want  string
	}{
		{missing, "null"},
		{figure(math.Inf(1)), "null"},
		{0, "0"},
		{0.0123456, "0.01235"},
		{-1.23456, "-1.235"},
		{1234.56, "1235"},
	} {
		if got, err := json.Marshal(test.given); err != nil || string(got) != test.want {
			t.Errorf("%v: got: %s, %v; want: %s", float64(test.given), got, err, test.want)
		}
	}
}

func TestCompare(t *testing.T) {
	base := stats{P50: 1, P90: 2, P99: 3, Throughput: 100, APIServer: 1}
	floor := stats{P50: 2, P90: 4, P99: 3, Throughput: 80, APIServer: 2}
	with := stats{P50: 4, P90: 3, P99: 9, Throughput: 40, APIServer: 1.5}
	got := compare(with, base, floor, base)
	want := ratios{P50: 3, P90: 0.5, P99: missing, APIServer: 0.5, Throughput: 0.5}
	if !same(got.P50, want.P50) || !same(got.P90, want.P90) || !same(got.P99, want.P99) ||
		!same(got.APIServer, want.APIServer) || !same(got.Throughput, want.Throughput) {
		t.Errorf("got: %+v, want: %+v", got, want)
	}
}

// took is a sample of three requests that took so many milliseconds each, and twice that of the API server's CPU.
func took(millis int) sample {
	each := time.Duration(millis) * time.Millisecond
	return sample{[]time.Duration{each, each, each}, 3 * each, 6 * each, 3 * time.Millisecond}
}

// The machine is twice as slow in the second round and ten times in the third: ratios do not show it, where
// medians of times would.
func TestSummarize(t *testing.T) {
	targets := []target{{name: none}, {name: floor, base: none}, {name: webhook, base: none}}
	var rounds []map[cell]sample
	for _, slow := range []int{1, 2, 10} {
		rounds = append(rounds, map[cell]sample{
			{none, 8}: took(2 * slow), {floor, 8}: took(4 * slow), {webhook, 8}: took(5 * slow),
		})
	}
	rows := summarize(targets, []int{8}, rounds)
	if len(rows) != len(targets) {
		t.Fatalf("%d rows", len(rows))
	}
	for i, want := range []row{
		{Target: none, stats: stats{P50: 4, Throughput: 250, APIServer: 8, Webhook: 1}, AddedP50: 0, ratios: ratios{0, 0, 0, 0, 2}},
		{Target: floor, stats: stats{P50: 8, Throughput: 125, APIServer: 16, Webhook: 1}, AddedP50: 4, ratios: ratios{1, 1, 1, 1, 1}},
		{Target: webhook, stats: stats{P50: 10, Throughput: 100, APIServer: 20, Webhook: 1}, AddedP50: 6, ratios: ratios{1.5, 1.5, 1.5, 1.5, 0.8}},
	} {
		got := rows[i]
		for _, pair := range [][2]figure{
			{got.stats.P50, want.stats.P50}, {got.stats.Throughput, want.stats.Throughput}, {got.stats.APIServer, want.stats.APIServer},
			{got.stats.Webhook, want.stats.Webhook}, {got.AddedP50, want.AddedP50}, {got.ratios.P50, want.ratios.P50},
			{got.ratios.P90, want.ratios.P90}, {got.ratios.P99, want.ratios.P99}, {got.ratios.APIServer, want.ratios.APIServer},
			{got.ratios.Throughput, want.ratios.Throughput},
		} {
			if got.Target != want.Target || got.Clients != 8 || !same(pair[0], pair[1]) {
				t.Errorf("got:  %+v\nwant: %+v", got, want)
				break
			}
		}
	}
}

func TestSamplesAddUp(t *testing.T) {
	got := sample{}.and(took(1)).and(took(2))
	if len(got.latencies) != 6 || got.wall != 9*time.Millisecond || got.apiServer != 18*time.Millisecond || got.webhook != 6*time.Millisecond {
		t.Errorf("got: %+v", got)
	}
}
