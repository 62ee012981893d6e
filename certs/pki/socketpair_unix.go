//go:build unix

package pki

import (
	"errors"
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// socketPair returns two connected ends. Unlike the ends of net.Pipe, both can write at the same time: one side may
// send an alert while the other still sends its handshake message.
func socketPair() (near, far net.Conn, err error) {
	descriptors, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("socketpair: %w", err)
	}
	ends := [2]net.Conn{}
	for i, descriptor := range descriptors {
		file := os.NewFile(uintptr(descriptor), "socketpair")
		end, fileErr := net.FileConn(file) // has a descriptor of its own
		ends[i], err = end, errors.Join(err, fileErr, file.Close())
	}
	if err != nil { // e.g. out of file descriptors: close whatever was opened
		for _, end := range ends {
			if end != nil {
				_ = end.Close()
			}
		}
		return nil, nil, err
	}
	return ends[0], ends[1], nil
}
