package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"strconv"

	"github.com/go-logr/logr"
	admissionv1 "k8s.io/api/admission/v1"
	"k8s.io/utils/ptr"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"
	ctrlwebhook "sigs.k8s.io/controller-runtime/pkg/webhook"
	ctrladmission "sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"userscope.dev/userscope/test/kit/cleanup"
	"userscope.dev/userscope/test/kit/pki"
)

// floorCommand makes this program the floor: an empty webhook, built as Userscope's is, in a process of its
// own. No webhook that changes a Pod costs less.
const floorCommand = "serve-floor"

// floorLabel is what the floor adds to every Pod, which must have labels.
const floorLabel = "bench-floor"

// serveFloor serves until ctx ends.
func serveFloor(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet(floorCommand, flag.ContinueOnError)
	dir := flags.String("cert-dir", ".", "`DIR` of tls.crt and tls.key")
	port := flags.Int("port", 0, "`PORT` on 127.0.0.1")
	if err := flags.Parse(args); err != nil {
		return err
	}
	ctrllog.SetLogger(logr.Discard())
	server := ctrlwebhook.NewServer(ctrlwebhook.Options{Host: "127.0.0.1", Port: *port, CertDir: *dir})
	answer := ctrladmission.Response{AdmissionResponse: admissionv1.AdmissionResponse{
		Allowed:   true,
		Patch:     []byte(`[{"op":"add","path":"/metadata/labels/` + floorLabel + `","value":"true"}]`),
		PatchType: ptr.To(admissionv1.PatchTypeJSONPatch),
	}}
	server.Register("/mutate", &ctrladmission.Webhook{Handler: ctrladmission.HandlerFunc(
		func(context.Context, ctrladmission.Request) ctrladmission.Response { return answer })})
	return server.Start(ctx)
}

// floorProcess is a running floor.
type floorProcess struct {
	*cleanup.Process
	address string
	ca      []byte
	dir     *cleanup.Dir
}

func startFloor(ctx context.Context) (*floorProcess, error) {
	var f *floorProcess
	err := cleanup.Retry(func() error {
		f = &floorProcess{}
		if err := f.start(ctx); err != nil {
			return errors.Join(err, f.stop())
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("start the floor: %w", err)
	}
	return f, nil
}

func (f *floorProcess) start(ctx context.Context) (err error) {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	if f.dir, err = cleanup.MkdirTemp("userscope-floor-"); err != nil {
		return err
	}
	if f.ca, err = pki.WriteServing(f.dir.Path, "127.0.0.1"); err != nil {
		return err
	}
	port, err := cleanup.FreePort()
	if err != nil {
		return err
	}
	f.address = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	f.Process, err = cleanup.Start(f.dir.Path, program, floorCommand, "-cert-dir", f.dir.Path, "-port", strconv.Itoa(port))
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(f.ca)
	dialer := tls.Dialer{Config: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}
	return cleanup.AwaitReady(ctx, func(ctx context.Context) error {
		connection, err := dialer.DialContext(ctx, "tcp", f.address)
		if err != nil {
			return err
		}
		return connection.Close()
	}, f.Process)
}

// stop ends it, as far as it has begun.
func (f *floorProcess) stop() error {
	if f.Process != nil {
		f.Kill()
	}
	if f.dir == nil {
		return nil
	}
	return f.dir.Remove()
}
