package cleanup

import (
	"context"
	"errors"
	"fmt"
	"os"
)

// RunTests starts what all tests of a package share, runs the tests, and stops it again. It returns the
// exit code for TestMain: a start or a stop that fails is a failure too. After a start that failed
// half-way stop is called as well; it is nil if there is nothing to stop.
func RunTests(m interface{ Run() int }, start func(context.Context) (stop func() error, err error)) (code int) {
	stop, err := start(context.Background())
	if err == nil {
		code = m.Run()
	}
	if stop != nil {
		err = errors.Join(err, stop())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}
