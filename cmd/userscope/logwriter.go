package main

import (
	"bytes"
	"fmt"
	"io"
	"sync"
	"time"
)

// maxLogBacklog bounds the log lines that wait for their reader, in bytes: some thousand lines.
const maxLogBacklog = 1 << 20

// logFlushTimeout bounds the wait for the reader at the end of the process.
const logFlushTimeout = time.Second

// logWriter passes whole lines on to a writer that may block, such as a pipe whose reader stalls. Its Write never
// blocks: a line for which there is no room is lost, and a later line tells how many were.
type logWriter struct {
	out   io.Writer
	limit int

	mu sync.Mutex
	// lines wait to be written, and size is their length in bytes.
	lines [][]byte
	size  int
	// missing counts the lines that were lost since the log last told of it, and lost all of them.
	missing, lost int
	// writing is true while a line is being written.
	writing bool
	// changed wakes the writing goroutine, and idle whoever waits for it to have written everything.
	changed, idle *sync.Cond
}

// newLogWriter returns a writer in front of another one, which holds at most limit bytes back. It runs until the
// process ends.
func newLogWriter(out io.Writer, limit int) *logWriter {
	w := &logWriter{out: out, limit: limit}
	w.changed, w.idle = sync.NewCond(&w.mu), sync.NewCond(&w.mu)
	go w.run()
	return w
}

// Write takes a line. It never blocks and never fails.
func (w *logWriter) Write(line []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.size+len(line) > w.limit {
		w.missing++
		w.lost++
		return len(line), nil
	}
	w.tell()
	w.add(bytes.Clone(line))
	return len(line), nil
}

// tell adds a line about the lines that are missing before the next.
func (w *logWriter) tell() {
	if w.missing > 0 {
		w.add(fmt.Appendf(nil, `{"time":%q,"level":"WARN","msg":"log lines are missing here: they were not read in time","lines":%d}`+"\n",
			time.Now().Format(time.RFC3339Nano), w.missing))
		w.missing = 0
	}
}

func (w *logWriter) add(line []byte) {
	w.lines = append(w.lines, line)
	w.size += len(line)
	w.changed.Signal()
}

func (w *logWriter) run() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for {
		if len(w.lines) == 0 {
			w.tell()
		}
		if len(w.lines) == 0 {
			w.idle.Broadcast()
			w.changed.Wait()
			continue
		}
		line := w.lines[0]
		w.lines, w.writing = w.lines[1:], true
		w.mu.Unlock()
		_, _ = w.out.Write(line) // there is nowhere to report it
		w.mu.Lock()
		w.size, w.writing = w.size-len(line), false
	}
}

// flush waits until all lines are written, but no longer than a timeout.
func (w *logWriter) flush(timeout time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	over := false
	timer := time.AfterFunc(timeout, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		over = true
		w.idle.Broadcast()
	})
	defer timer.Stop()
	for !over && (len(w.lines) > 0 || w.writing || w.missing > 0) {
		w.idle.Wait()
	}
}

// linesLost returns how many lines were lost.
func (w *logWriter) linesLost() float64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return float64(w.lost)
}
