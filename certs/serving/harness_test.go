package serving

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr/funcr"
	"k8s.io/apimachinery/pkg/util/wait"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"

	"userscope.dev/userscope/certs/pki"
)

func TestMain(m *testing.M) {
	ctrllog.SetLogger(funcr.NewJSON(log.add, funcr.Options{}))
	os.Exit(m.Run())
}

// log is what was logged in this process.
var log lines

type lines struct {
	mu  sync.Mutex
	all []string
}

func (l *lines) add(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, line)
}

// errorsAbout returns the lines that say what is wrong with a directory.
func (l *lines) errorsAbout(dir string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []string
	for _, line := range l.all {
		if strings.Contains(line, dir) && strings.Contains(line, `"error":`) {
			found = append(found, line)
		}
	}
	return found
}

const (
	host = "userscope.userscope-system.svc"
	// lifetime is that of the certificates of these tests.
	lifetime = 10 * time.Hour
	// patience is how long a test waits for what must happen.
	patience = 30 * time.Second
)

// mount is what a Secret's volume holds: files by their names.
type mount map[string][]byte

// with returns a mount that differs in some files; nil takes a file away.
func (m mount) with(changes mount) mount {
	changed := mount{}
	for _, files := range []mount{m, changes} {
		for name, data := range files {
			changed[name] = data
		}
	}
	return changed
}

// write makes the files in a directory what the mount says. Each is replaced as a whole.
func (m mount) write(t *testing.T, dir string) {
	t.Helper()
	for _, name := range []string{pki.ServingCertificate, pki.ServingKey, pki.CACertificate} {
		path := filepath.Join(dir, name)
		data, half := m[name], path+".half"
		var err error
		if data == nil {
			if err = os.Remove(path); errors.Is(err, fs.ErrNotExist) {
				err = nil
			}
		} else {
			err = errors.Join(os.WriteFile(half, data, 0o600), os.Rename(half, path))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func newAuthority(t *testing.T) *pki.Authority {
	t.Helper()
	authority, err := pki.NewAuthority(time.Now(), 2*lifetime, host)
	if err != nil {
		t.Fatal(err)
	}
	return authority
}

// issued is a mount with a certificate of an authority, issued at a time for a host.
func issued(t *testing.T, authority *pki.Authority, at time.Time, host string) mount {
	t.Helper()
	certificate, key, err := authority.Issue(at, at.Add(lifetime), host)
	if err != nil {
		t.Fatal(err)
	}
	return mount{
		pki.ServingCertificate: certificate,
		pki.ServingKey:         key,
		pki.CACertificate:      pki.Encode(authority.Certificate),
	}
}

// current is a mount with a certificate that is valid now.
func current(t *testing.T) mount { return issued(t, newAuthority(t), time.Now(), host) }

// opened is a source of a directory of its own, which is looked at when the test says so.
func opened(t *testing.T, m mount) *Source {
	t.Helper()
	dir := t.TempDir()
	m.write(t, dir)
	s, err := Open(dir, host)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// watched begins to watch a source, and returns how to end that.
func watched(t *testing.T, s *Source) (end func()) {
	t.Helper()
	before := inotifyInstances(t)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Watch(ctx) }()
	end = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("to watch it ended with %v", err)
		}
	})
	t.Cleanup(end)
	// What is written before would be the first that the watcher sees.
	await(t, "the watcher to be there", func() bool { return inotifyInstances(t) > before })
	return end
}

// inotifyInstances is how many this process has.
func inotifyInstances(t *testing.T) (count int) {
	t.Helper()
	const dir = "/proc/self/fd"
	descriptors, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, descriptor := range descriptors {
		if target, err := os.Readlink(filepath.Join(dir, descriptor.Name())); err == nil && target == "anon_inode:inotify" {
			count++
		}
	}
	return count
}

// served is the chain that is shown to who calls.
func (s *Source) served(t *testing.T) []*x509.Certificate {
	t.Helper()
	certificate, err := s.GetCertificate(nil)
	if err != nil {
		t.Fatal(err)
	}
	chain, err := x509.ParseCertificates(bytes.Join(certificate.Certificate, nil))
	if err != nil {
		t.Fatal(err)
	}
	return chain
}

// serves reports whether the certificate of a mount is served.
func (s *Source) serves(t *testing.T, m mount) bool {
	t.Helper()
	return bytes.Equal(pki.Encode(s.served(t)...), m[pki.ServingCertificate])
}

// await waits until a condition holds.
func await(t *testing.T, what string, condition func() bool) {
	t.Helper()
	err := wait.PollUntilContextTimeout(t.Context(), 5*time.Millisecond, patience, true, func(context.Context) (bool, error) {
		return condition(), nil
	})
	if err != nil {
		t.Fatalf("waiting for %s: %v", what, err)
	}
}
