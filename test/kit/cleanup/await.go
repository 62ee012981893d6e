package cleanup

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
)

// patience is how long a process may take to become ready. It takes seconds, except on a
// machine that has much else to do.
const patience = time.Minute

// AwaitReady waits until ready returns no error. If one of the processes ends before, or none
// is ready in time, the error shows why; the first process is the one that is to become ready.
func AwaitReady(ctx context.Context, ready func(context.Context) error, processes ...*Process) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var last error
	err := wait.PollUntilContextCancel(ctx, 5*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		for _, process := range processes {
			select {
			case <-process.Done():
				return false, errors.Join(process.Wait(), fmt.Errorf("%s ended before it was ready", process.Name))
			default:
			}
		}
		last = ready(ctx)
		return last == nil, nil
	})
	if err != nil && ctx.Err() != nil {
		return processes[0].explain(fmt.Errorf("%s is not ready: %w (last answer: %w)", processes[0].Name, ctx.Err(), last))
	}
	return err
}

// FreePort returns a TCP port on loopback that nothing listens on. Another process may take it
// before it is used: see Retry.
func FreePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().(*net.TCPAddr).Port, nil
}

// errPortTaken means that another process took a port that had been free.
var errPortTaken = errors.New("a port was taken by another process")

// Retry calls start until it does not fail for a port that another process took, at most three
// times.
func Retry(start func() error) error {
	const attempts = 3
	for attempt := 1; ; attempt++ {
		err := start()
		if attempt == attempts || !errors.Is(err, errPortTaken) {
			return err
		}
	}
}
