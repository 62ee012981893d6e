package main

import (
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	"k8s.io/klog/v2"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"
)

// logLevel is the value of --log-level; info by default.
type logLevel slog.Level

func (l *logLevel) String() string { return strings.ToLower(slog.Level(*l).String()) }
func (l *logLevel) Type() string   { return "LEVEL" }

// Set is called with what follows the flag.
func (l *logLevel) Set(value string) error {
	for _, level := range []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError} {
		if value == strings.ToLower(level.String()) {
			*l = logLevel(level)
			return nil
		}
	}
	return fmt.Errorf("want debug, info, warn or error")
}

// startLog makes everything in the process log to the command's stderr, and sends there what the command itself
// reports, through a writer that never blocks: see logWriter. The program's end flushes it.
func startLog(cmd *cobra.Command, level slog.Level) *logWriter {
	w := newLogWriter(cmd.ErrOrStderr(), maxLogBacklog)
	cmd.Root().SetErr(w)
	setLogger(w, level)
	return w
}

// flushLog waits for what startLog's writer holds back.
func flushLog(root *cobra.Command) {
	if w, ok := root.ErrOrStderr().(*logWriter); ok {
		w.flush(logFlushTimeout)
	}
}

// setLogger makes everything in the process log JSON lines to w: our own packages and
// controller-runtime, Kubernetes' libraries, and net/http through the standard logger.
func setLogger(w io.Writer, level slog.Level) {
	handler := slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level})
	slog.SetDefault(slog.New(handler))
	ctrllog.SetLogger(logr.FromSlogHandler(handler))
	klog.SetSlogLogger(slog.New(handler))
}
