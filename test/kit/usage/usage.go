// Package usage reads what a running process has used of the machine. It works on Linux only.
package usage

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// CPU returns the processor time that all threads of a process have used so far, in user mode and in the
// kernel: its CPU clock, see clock_getcpuclockid(3), which counts nanoseconds where /proc/PID/stat counts ticks.
func CPU(pid int) (time.Duration, error) {
	const schedulerClock = 2 // CPUCLOCK_SCHED of linux/posix-timers.h
	var used unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|schedulerClock), &used); err != nil { //nolint:gosec // process ids have 22 bits at most
		return 0, fmt.Errorf("read the CPU clock of process %d: %w", pid, err)
	}
	return time.Duration(used.Nano()), nil
}

// RSS returns the resident memory of a process in bytes, VmRSS of proc_pid_status(5).
func RSS(pid int) (int64, error) { return memory(pid, "VmRSS") }

// PeakRSS returns the most that RSS has been so far, VmHWM of proc_pid_status(5).
func PeakRSS(pid int) (int64, error) { return memory(pid, "VmHWM") }

func memory(pid int, field string) (int64, error) {
	file := fmt.Sprintf("/proc/%d/status", pid)
	status, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	bytes, err := parseKB(string(status), field)
	if err != nil {
		err = fmt.Errorf("%s: %w", file, err)
	}
	return bytes, err
}

func parseKB(status, field string) (int64, error) {
	_, rest, found := strings.Cut(status, "\n"+field+":")
	line, _, _ := strings.Cut(rest, "\n")
	number, isKB := strings.CutSuffix(strings.TrimSpace(line), " kB")
	if !found || !isKB {
		return 0, fmt.Errorf("no line %s: … kB", field)
	}
	kB, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", field, err)
	}
	return kB << 10, nil
}
