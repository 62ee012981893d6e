package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"k8s.io/client-go/kubernetes"

	"userscope.dev/userscope/test/kit/controlplane"
	"userscope.dev/userscope/test/kit/repo"
)

// report is docs/bench.json. Its first figures are for one client unless they say otherwise.
type report struct {
	// What Userscope adds to the creation of a sandbox, as installed and by parts, × the floor.
	Added         figure `json:"addedP50VsFloor"`
	AddedWebhook  figure `json:"webhookAddedP50VsFloor"`
	AddedBackstop figure `json:"backstopAddedP50VsFloor"`
	// The same with eight clients.
	Added8         figure `json:"addedP50VsFloor8"`
	AddedWebhook8  figure `json:"webhookAddedP50VsFloor8"`
	AddedBackstop8 figure `json:"backstopAddedP50VsFloor8"`
	// AddedToMutatingPolicy is what Userscope adds × what a MutatingAdmissionPolicy adds.
	AddedToMutatingPolicy figure `json:"addedP50VsMutatingAdmissionPolicy"`
	// Throughput with eight clients, as installed.
	Throughput8               figure `json:"throughput8VsFloor"`
	Throughput8MutatingPolicy figure `json:"throughput8VsMutatingAdmissionPolicy"`
	// Unrelated is what is added to a Pod of a governed namespace that is no sandbox.
	Unrelated figure `json:"unrelatedAddedVsFloor"`
	// BackstopCPU is the API server's own CPU time for the backstop × that for calling the floor.
	BackstopCPU figure `json:"backstopAPIServerCPUVsFloor"`
	// FasterThanBaseline are how many times more the baseline's backstop adds, to the p50 and to the API server's
	// CPU time.
	FasterThanBaseline    figure `json:"backstopBaselineVsNow"`
	FasterThanBaseline8   figure `json:"backstopBaselineVsNow8"`
	CPUFasterThanBaseline figure `json:"backstopBaselineVsNowAPIServerCPU"`

	own

	Machine  machine  `json:"machine"`
	Versions versions `json:"versions"`
	Rounds   int      `json:"rounds"`
	Requests int      `json:"requestsPerRound"`
	Baseline string   `json:"baseline,omitempty"`
	Raw      []row    `json:"targets"`
	// Load was measured by a run of its own.
	Load *load `json:"load,omitempty"`
}

type machine struct {
	Processor string `json:"processor"`
	Cores     int    `json:"cores"`
}

type versions struct {
	Userscope  string `json:"userscope"`
	Kubernetes string `json:"kubernetes"`
	Go         string `json:"go"`
	Kernel     string `json:"kernel"`
	Measured   string `json:"measured"`
}

func newReport(rows []row, ofWebhook own) *report {
	of := func(target string, clients int) row {
		for _, r := range rows {
			if r.Target == target && r.Clients == clients {
				return r
			}
		}
		return row{stats: stats{Throughput: missing, Webhook: missing}, ratios: ratios{P50: missing, APIServer: missing, Throughput: missing}}
	}
	ofWebhook.CPUMillis, ofWebhook.FloorCPUMillis = of(webhook, 1).stats.Webhook, of(floor, 1).stats.Webhook
	return &report{
		own:                       ofWebhook,
		Added:                     of(installed, 1).ratios.P50,
		AddedWebhook:              of(webhook, 1).ratios.P50,
		AddedBackstop:             of(backstopAlone, 1).ratios.P50,
		Added8:                    of(installed, 8).ratios.P50,
		AddedWebhook8:             of(webhook, 8).ratios.P50,
		AddedBackstop8:            of(backstopAlone, 8).ratios.P50,
		AddedToMutatingPolicy:     ratio(of(installed, 1).ratios.P50, of(mutatingPolicy, 1).ratios.P50),
		Throughput8:               of(installed, 8).ratios.Throughput,
		Throughput8MutatingPolicy: ratio(of(installed, 8).ratios.Throughput, of(mutatingPolicy, 8).ratios.Throughput),
		Unrelated:                 of(unrelated, 1).ratios.P50,
		BackstopCPU:               of(backstopAlone, 1).ratios.APIServer,
		FasterThanBaseline:        ratio(of(baseline, 1).ratios.P50, of(backstopAlone, 1).ratios.P50),
		FasterThanBaseline8:       ratio(of(baseline, 8).ratios.P50, of(backstopAlone, 8).ratios.P50),
		CPUFasterThanBaseline:     ratio(of(baseline, 1).ratios.APIServer, of(backstopAlone, 1).ratios.APIServer),
		Raw:                       rows,
	}
}

// The files that a run writes, in one directory.
const (
	jsonFile = "bench.json"
	pageFile = "benchmarks.md"
	plotFile = "benchmarks.svg"
)

// write changes the figures in a directory, and writes the page and the plot of them. An empty name is none.
func write(dir string, change func(*report)) error {
	if dir == "" {
		return nil
	}
	r, err := readReport(filepath.Join(dir, jsonFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	change(r)
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	// As whoever reads the file finds it.
	if err := os.WriteFile(filepath.Join(dir, jsonFile), append(text, '\n'), 0o644); err != nil { //nolint:gosec // a document
		return err
	}
	if r, err = readReport(filepath.Join(dir, jsonFile)); err != nil {
		return err
	}
	return r.writePage(dir)
}

// readReport reads what write has written. Without a file the report is empty.
func readReport(file string) (*report, error) {
	r := &report{}
	text, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(text, r)
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", file, err)
	}
	return r, err
}

// describe says where, and of what, the figures are.
func describe(ctx context.Context, cluster *controlplane.ControlPlane) (machine, versions, error) {
	admin, err := kubernetes.NewForConfig(cluster.Config(controlplane.Admin))
	if err != nil {
		return machine{}, versions{}, err
	}
	server, err := admin.Discovery().ServerVersion()
	if err != nil {
		return machine{}, versions{}, err
	}
	root, err := repo.Path()
	if err != nil {
		return machine{}, versions{}, err
	}
	commit, err := exec.CommandContext(ctx, "git", "-C", root, "describe", "--tags", "--always", "--abbrev=12", "--dirty").Output()
	if err != nil {
		return machine{}, versions{}, fmt.Errorf("git describe: %w", err)
	}
	kernel, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return machine{}, versions{}, err
	}
	processor, err := os.ReadFile("/proc/cpuinfo")
	return machine{processorName(processor), runtime.NumCPU()}, versions{
		Userscope:  strings.TrimSpace(string(commit)),
		Kubernetes: server.GitVersion,
		Go:         runtime.Version(),
		Kernel:     strings.TrimSpace(string(kernel)),
		Measured:   time.Now().UTC().Format(time.DateOnly),
	}, err
}

// processorName is the first processor's name in /proc/cpuinfo; empty where processors have no names there.
func processorName(cpuinfo []byte) string {
	lines := bufio.NewScanner(bytes.NewReader(cpuinfo))
	for lines.Scan() {
		if key, value, found := strings.Cut(lines.Text(), ":"); found && strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
