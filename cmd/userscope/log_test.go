package main

import (
	"bytes"
	"log"
	"log/slog"
	"testing"

	"k8s.io/klog/v2"
)

// Every logger that something in the process may use comes out as JSON. controller-runtime's is
// not among them, since it can be set only once in a process: TestWebhook sees it.
func TestSetLogger(t *testing.T) {
	var out bytes.Buffer
	setLogger(&out, slog.LevelInfo)
	klog.Info("klog")
	slog.Info("slog")
	log.Print("log")
	slog.Debug("below the level")
	want := "\nklog\nslog\nlog\n"
	if got := logMessages(t, out.String()); got != want {
		t.Errorf("logged %q, want %q", got, want)
	}
}

func TestLogLevel(t *testing.T) {
	for text, want := range map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError} {
		var level logLevel
		if err := level.Set(text); err != nil || slog.Level(level) != want || level.String() != text {
			t.Errorf("%s is %v, %v; want %v", text, slog.Level(level), err, want)
		}
	}
	for _, text := range []string{"", "INFO", "info+1", "trace"} {
		if err := new(logLevel).Set(text); err == nil {
			t.Errorf("%q is a level", text)
		}
	}
}
