// Command tryimage judges the container image that `make image` built: what is in it, how large it
// is, that the same commit gives it again, and that it runs as Kubernetes' restricted Pod Security
// standard wants it. It exits with 0 only if all is right. It needs root, and runc.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"userscope.dev/userscope/test/kit/repo"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// The exit codes.
const (
	allRight = iota
	someWrong
	usage
)

func run(args []string, stdout, stderr io.Writer) int {
	if len(args) > 0 {
		fmt.Fprintf(stderr, "image: unexpected argument %q\n", args[0])
		return usage
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := inspect(ctx, stdout); err != nil {
		fmt.Fprintln(stderr, "image:", err)
		return someWrong
	}
	fmt.Fprintln(stdout, "PASS")
	return allRight
}

// inspect reports all that is wrong with the image, and prints its figures.
func inspect(ctx context.Context, out io.Writer) error {
	dir, err := repo.Path("bin", "image")
	if err != nil {
		return err
	}
	images, err := open(dir + "/oci")
	if err != nil {
		return err
	}
	again, err := open(dir + "/again/bin/image/oci")
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "digest   %s\n", images.digest)
	var problems []error
	if again.digest != images.digest {
		problems = append(problems, fmt.Errorf("built twice, the digests are %s and %s", images.digest, again.digest))
	}
	for _, arch := range []string{"amd64", "arm64"} {
		if err := judgeArchitecture(ctx, out, dir, arch, images.byArch[arch]); err != nil {
			problems = append(problems, fmt.Errorf("linux/%s: %w", arch, err))
		}
	}
	return errors.Join(problems...)
}

func judgeArchitecture(ctx context.Context, out io.Writer, dir, arch string, i *image) error {
	if i == nil {
		return errors.New("there is no such image")
	}
	fmt.Fprintf(out, "%s    %.1f MB compressed, %.1f MB unpacked, user %s\n", arch,
		float64(i.size)/1e6, float64(len(i.program))/1e6, i.config.User)
	problems := []error{i.check(arch), i.checkLicenses(), checkSBOM(fmt.Sprintf("%s/userscope-%s.cdx.json", dir, arch), i.program)}
	if arch == runtime.GOARCH {
		problems = append(problems, tryStarts(ctx, out, i))
	}
	return errors.Join(problems...)
}
