package usage

import (
	"os"
	"os/exec"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The clock of our own process is also that of getrusage(2).
func TestCPU(t *testing.T) {
	began, err := CPU(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for used := began; used < began+50*time.Millisecond; {
		if used, err = CPU(os.Getpid()); err != nil {
			t.Fatal(err)
		}
	}
	var self unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &self); err != nil {
		t.Fatal(err)
	}
	ended, err := CPU(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if want := time.Duration(self.Utime.Nano() + self.Stime.Nano()); ended < want-10*time.Millisecond || ended > want+time.Second {
		t.Errorf("got: %s, getrusage: %s", ended, want)
	}
}

func TestRSS(t *testing.T) {
	bytes, err := RSS(os.Getpid())
	if err != nil || bytes < 1<<20 || bytes > 1<<40 {
		t.Errorf("got: %d, %v", bytes, err)
	}
	if peak, err := PeakRSS(os.Getpid()); err != nil || peak < bytes {
		t.Errorf("at most: %d, %v, and it was %d", peak, err, bytes)
	}
}

func TestEndedProcess(t *testing.T) {
	ended := exec.Command("true")
	if err := ended.Run(); err != nil {
		t.Fatal(err)
	}
	if used, err := CPU(ended.Process.Pid); err == nil {
		t.Errorf("CPU: %s", used)
	}
	if bytes, err := RSS(ended.Process.Pid); err == nil {
		t.Errorf("RSS: %d", bytes)
	}
}

func TestParseKB(t *testing.T) {
	for _, test := range []struct {
		name, given string
		want        int64
		fails       bool
	}{
		{"as the kernel writes it", "Name:\tuserscope\nVmRSS:\t   36864 kB\nVmData:\t 1 kB\n", 36864 << 10, false},
		{"a kernel thread has none", "Name:\tkthreadd\n", 0, true},
		{"another unit", "Name:\tx\nVmRSS:\t 36 MB\n", 0, true},
		{"no number", "Name:\tx\nVmRSS:\t many kB\n", 0, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := parseKB(test.given, "VmRSS")
			if got != test.want || (err != nil) != test.fails {
				t.Errorf("got: %d, %v; want: %d", got, err, test.want)
			}
		})
	}
}
