package server

import (
	"crypto/tls"
	"fmt"
	"os"
	"path/filepath"
)

// The files of a certificate directory, named as in a Secret of type kubernetes.io/tls.
const (
	certFile = "tls.crt"
	keyFile  = "tls.key"
)

// checkKeyPair reports what keeps the certificate directory from being served: controller-runtime
// would say it too, but without the files' names.
func checkKeyPair(dir string) error {
	certPath, keyPath := filepath.Join(dir, certFile), filepath.Join(dir, keyFile)
	certPEM, err := os.ReadFile(certPath)
	if err != nil {
		return fmt.Errorf("--cert-dir: certificate: %w", err)
	}
	keyPEM, err := os.ReadFile(keyPath)
	if err != nil {
		return fmt.Errorf("--cert-dir: private key: %w", err)
	}
	if _, err := tls.X509KeyPair(certPEM, keyPEM); err != nil {
		return fmt.Errorf("--cert-dir: certificate %s with private key %s: %w", certPath, keyPath, err)
	}
	return nil
}
