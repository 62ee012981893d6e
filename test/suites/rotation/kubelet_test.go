package rotation

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// mounted are the Secret's keys that a serving Pod sees.
var mounted = []string{"ca.crt", "tls.crt", "tls.key"}

// kubelet mounts the serving Secret into a Pod, as a directory with the keys above as items. It writes each
// version a random time late, and so may skip none and may not overtake itself.
type kubelet struct {
	dir string
	// late is the longest that it takes to write a version.
	late time.Duration
	// written is closed when the directory has been written for the first time: a container starts
	// then.
	written chan struct{}

	pending []version
	last    map[string][]byte
}

// version is what the Secret held, and when that is to be written.
type version struct {
	data map[string][]byte
	due  time.Time
}

// startKubelet keeps a directory as the Secret is until the test ends.
func startKubelet(t *testing.T, late time.Duration) *kubelet {
	t.Helper()
	k := &kubelet{dir: t.TempDir(), late: late, written: make(chan struct{})}
	beside(t, 20*time.Millisecond, func(ctx context.Context) {
		if err := k.sync(ctx); err != nil && ctx.Err() == nil {
			t.Errorf("kubelet: %v", err)
		}
	})
	return k
}

func (k *kubelet) sync(ctx context.Context) error {
	data, err := k.read(ctx)
	if err != nil {
		return err
	}
	now := time.Now()
	if data != nil && !maps.EqualFunc(data, k.last, slices.Equal) {
		k.last = data
		due := now.Add(rand.N(k.late)) //nolint:gosec // no secret
		if n := len(k.pending); n > 0 && k.pending[n-1].due.After(due) {
			due = k.pending[n-1].due
		}
		k.pending = append(k.pending, version{data, due})
	}
	for len(k.pending) > 0 && !now.Before(k.pending[0].due) {
		if err := k.write(k.pending[0].data); err != nil {
			return err
		}
		k.pending = k.pending[1:]
	}
	return nil
}

// read returns what is to be mounted. If the Secret, or one of the items, is not there, the volume
// stays as it is: nil.
func (k *kubelet) read(ctx context.Context) (map[string][]byte, error) {
	secret, err := admin.CoreV1().Secrets(namespace).Get(ctx, servingName, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	data := map[string][]byte{}
	for _, key := range mounted {
		value, ok := secret.Data[key]
		if !ok {
			return nil, nil
		}
		data[key] = value
	}
	return data, nil
}

// write puts all files into the directory in one step, as a kubelet does: they are links into a
// directory that is a link itself, which is replaced.
func (k *kubelet) write(data map[string][]byte) error {
	version, err := os.MkdirTemp(k.dir, "..")
	if err != nil {
		return err
	}
	for key, value := range data {
		if err := os.WriteFile(filepath.Join(version, key), value, 0o600); err != nil {
			return err
		}
	}
	link, half := filepath.Join(k.dir, "..data"), filepath.Join(k.dir, "..data_tmp")
	before, err := os.Readlink(link)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := os.Symlink(filepath.Base(version), half); err != nil {
		return err
	}
	if err := os.Rename(half, link); err != nil {
		return err
	}
	if before != "" {
		return os.RemoveAll(filepath.Join(k.dir, before))
	}
	for _, key := range mounted {
		if err := os.Symlink(filepath.Join("..data", key), filepath.Join(k.dir, key)); err != nil {
			return fmt.Errorf("the first write: %w", err)
		}
	}
	close(k.written)
	return nil
}

// readFiles reads what a kubelet would mount from a directory.
func readFiles(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	data := map[string][]byte{}
	for _, key := range mounted {
		content, err := os.ReadFile(filepath.Join(dir, key))
		if err != nil {
			t.Fatal(err)
		}
		data[key] = content
	}
	return data
}
