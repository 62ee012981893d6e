package serving

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"userscope.dev/userscope/certs/pki"
	"userscope.dev/userscope/certs/rotation"
)

// A directory that cannot be served at all is an error that names the file.
func TestOpenNamesTheFile(t *testing.T) {
	tests := []struct {
		name   string
		spoil  func(dir string) error
		file   string
		reason string
	}{
		{"no directory", os.RemoveAll, "tls.crt", "no such file or directory"},
		{"no certificate", func(dir string) error { return os.Remove(filepath.Join(dir, "tls.crt")) }, "tls.crt", "no such file or directory"},
		{"no key", func(dir string) error { return os.Remove(filepath.Join(dir, "tls.key")) }, "tls.key", "no such file or directory"},
		{"an unreadable certificate", func(dir string) error {
			return errors.Join(os.Remove(filepath.Join(dir, "tls.crt")), os.Mkdir(filepath.Join(dir, "tls.crt"), 0o700))
		}, "tls.crt", "is a directory"},
		{"an empty certificate", func(dir string) error { return os.Truncate(filepath.Join(dir, "tls.crt"), 0) }, "tls.crt", "failed to find any PEM data in certificate input"},
		{"an empty key", func(dir string) error { return os.Truncate(filepath.Join(dir, "tls.key"), 0) }, "tls.key", "failed to find any PEM data in key input"},
		{"another key", func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "tls.key"), current(t)["tls.key"], 0o600)
		}, "tls.key", "private key does not match public key"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			current(t).write(t, dir)
			if err := test.spoil(dir); err != nil {
				t.Fatal(err)
			}
			_, err := Open(dir, host)
			if err == nil || !strings.Contains(err.Error(), filepath.Join(dir, test.file)) || !strings.Contains(err.Error(), test.reason) {
				t.Errorf("error %v, want one that names %s/%s and says %q", err, dir, test.file, test.reason)
			}
		})
	}
}

// What may be served when the program begins is served; Check says whether API servers take it.
func TestCheckAtTheBeginning(t *testing.T) {
	authority, now := newAuthority(t), time.Now()
	good := issued(t, authority, now, host)
	foreign := pki.Encode(newAuthority(t).Certificate)
	tests := []struct {
		name  string
		given mount
		want  string
	}{
		{"good", good, ""},
		{"a CA among several", good.with(mount{"ca.crt": append(foreign, good["ca.crt"]...)}), ""},
		{"no CA to chain to", good.with(mount{"ca.crt": nil}), ""},
		{"a foreign CA", good.with(mount{"ca.crt": foreign}), "the certificate does not chain to the CA: x509: "},
		{"a CA that is none", good.with(mount{"ca.crt": []byte("CA")}), "CA DIR/ca.crt: holds no certificate in PEM"},
		{"an empty CA", good.with(mount{"ca.crt": {}}), "CA DIR/ca.crt: holds no certificate in PEM"},
		{"expired", issued(t, authority, now.Add(-2*lifetime), host), "the certificate expired at "},
		{"not valid yet", issued(t, authority, now.Add(2*time.Hour), host), "the certificate is valid only from "},
		{"another name", issued(t, authority, now, "elsewhere.example"), "the certificate does not name the Service: x509: certificate is valid for elsewhere.example, not " + host},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := opened(t, test.given)
			if !s.serves(t, test.given) {
				t.Error("it is not served")
			}
			expect(t, s.Check(s.served(t)), strings.ReplaceAll(test.want, "DIR", s.dir))
		})
	}
}

// expect compares an error with how it should begin; empty for none.
func expect(t *testing.T, err error, want string) {
	t.Helper()
	if want == "" && err != nil || want != "" && (err == nil || !strings.HasPrefix(err.Error(), want)) {
		t.Errorf("error %v, want %q…", err, want)
	}
}

// Without a Service's name any will do; the rest is looked at all the same.
func TestCheckWithoutHost(t *testing.T) {
	s := opened(t, current(t))
	s.host = ""
	expect(t, s.Check(s.served(t)), "")
	other := opened(t, current(t))
	expect(t, s.Check(other.served(t)), "the certificate does not chain to the CA: ")
}

// A good certificate is served on, and makes nobody unready, whatever the directory holds by and by.
// Once it has expired, what there is instead is served.
func TestOldIsServedWhileGood(t *testing.T) {
	authority, now := newAuthority(t), time.Now()
	old := issued(t, authority, now, host)
	another := issued(t, authority, now, host)
	foreign := current(t)
	tests := []struct {
		name  string
		found mount
		// why is what is logged, once.
		why string
		// after is what is served when the old has expired.
		after mount
	}{
		{"nothing", mount{}, "no such file or directory", old},
		{"empty files", mount{"tls.crt": {}, "tls.key": {}, "ca.crt": old["ca.crt"]}, "failed to find any PEM data", old},
		{"a certificate without its key", another.with(mount{"tls.key": nil}), "tls.key: no such file or directory", old},
		{"a certificate that is cut", another.with(mount{"tls.crt": another["tls.crt"][:100]}), "failed to find any PEM data", old},
		{"another certificate with the old key", another.with(mount{"tls.key": old["tls.key"]}), "private key does not match public key", old},
		{"the old certificate with another key", another.with(mount{"tls.crt": old["tls.crt"]}), "private key does not match public key", old},
		{"the certificate of a foreign CA beside the old CA", foreign.with(mount{"ca.crt": old["ca.crt"]}), "the certificate does not chain to the CA: x509: ", foreign},
		{"a foreign CA beside the same pair", old.with(mount{"ca.crt": foreign["ca.crt"]}), "the certificate does not chain to the CA: x509: ", old},
		{"an expired pair", issued(t, authority, now.Add(-2*lifetime), host), "the certificate expired at ", nil},
		{"a pair that is not valid yet", issued(t, authority, now.Add(2*time.Hour), host), "the certificate is valid only from ", nil},
		{"a pair of another name", issued(t, authority, now, "elsewhere.example"), "the certificate does not name the Service: ", nil},
		{"a CA that is none beside the same pair", old.with(mount{"ca.crt": []byte("CA")}), "ca.crt: holds no certificate in PEM", old},
		{"a CA that is none beside a good pair", another.with(mount{"ca.crt": []byte("CA")}), "ca.crt: holds no certificate in PEM", another},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := opened(t, old)
			test.found.write(t, s.dir)
			for range 3 {
				s.reconsider(now)
				if !s.serves(t, old) {
					t.Fatal("the old certificate is not served any more")
				}
				expect(t, s.Check(s.served(t)), "")
			}
			said := log.errorsAbout(s.dir)
			if len(said) != 1 || !strings.Contains(said[0], test.why) || !strings.Contains(said[0], "the old one is served on") {
				t.Errorf("the log is, in three passes,\n%s\nwant one line that says %q", strings.Join(said, "\n"), test.why)
			}

			after := test.after
			if after == nil {
				after = test.found
			}
			s.reconsider(now.Add(lifetime + time.Second))
			if !s.serves(t, after) {
				t.Errorf("after the end of the old certificate %v is served", s.served(t)[0].Subject)
			}
		})
	}
}

// Whoever reads the log may stall. No handshake waits for that, and none for who looks at the directory then.
func TestHandshakesDoNotWaitForTheLog(t *testing.T) {
	s, next := opened(t, current(t)), current(t)
	next.write(t, s.dir)
	log.mu.Lock()
	looked := make(chan struct{})
	go func() {
		defer close(looked)
		s.reconsider(time.Now())
	}()
	served := make(chan struct{})
	go func() {
		defer close(served)
		await(t, "the next pair to be served", func() bool { return s.serves(t, next) })
	}()
	select {
	case <-served:
	case <-time.After(patience):
		t.Error("a handshake waits for the log's reader")
	}
	log.mu.Unlock()
	<-looked
	<-served
}

// Another mistake than before is logged too, and so is the first when it comes back, also after a time
// without one.
func TestEachRefusedPairIsLogged(t *testing.T) {
	now := time.Now()
	s := opened(t, current(t))
	one, other, good := current(t), current(t), mount{}
	for _, file := range []string{"tls.crt", "tls.key", "ca.crt"} {
		data, err := os.ReadFile(filepath.Join(s.dir, file))
		if err != nil {
			t.Fatal(err)
		}
		good[file] = data
	}
	want := 0
	for _, found := range []mount{one, other, one, good, one} {
		if !bytes.Equal(found["tls.crt"], good["tls.crt"]) {
			want++
		}
		found.with(mount{"ca.crt": good["ca.crt"]}).write(t, s.dir)
		s.reconsider(now)
		s.reconsider(now)
		if said := log.errorsAbout(s.dir); len(said) != want {
			t.Errorf("%d mistakes, and the log is\n%s", want, strings.Join(said, "\n"))
		}
	}
}

// A pair of another CA that comes with its CA is taken: it is what a human put back, or what a rotation
// brings.
func TestGoodIsTaken(t *testing.T) {
	authority, now := newAuthority(t), time.Now()
	tests := []struct {
		name       string
		old, found mount
	}{
		{"renewed", issued(t, authority, now, host), issued(t, authority, now, host)},
		{"of another CA", current(t), current(t)},
		{"with no CA any more", current(t), current(t).with(mount{"ca.crt": nil})},
		{"after one without a CA", current(t).with(mount{"ca.crt": nil}), current(t)},
		{"after an expired one", issued(t, authority, now.Add(-2*lifetime), host), issued(t, authority, now, host)},
		{"after one with a CA that is none", current(t).with(mount{"ca.crt": []byte("CA")}), current(t)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := opened(t, test.old)
			test.found.write(t, s.dir)
			s.reconsider(now)
			if !s.serves(t, test.found) {
				t.Error("it is not served")
			}
			expect(t, s.Check(s.served(t)), "")
		})
	}
}

// The CA is followed on its own: a certificate may come to be good without changing.
func TestCAIsFollowed(t *testing.T) {
	good := current(t)
	for name, bad := range map[string][]byte{
		"foreign":    current(t)["ca.crt"],
		"no CA":      []byte("CA"),
		"empty":      {},
		"even so no": []byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
	} {
		for then, ca := range map[string][]byte{"the right one": good["ca.crt"], "none": nil} {
			t.Run(name+", then "+then, func(t *testing.T) {
				s := opened(t, good.with(mount{"ca.crt": bad}))
				if s.Check(s.served(t)) == nil {
					t.Fatal("a bad CA is taken")
				}
				good.with(mount{"ca.crt": ca}).write(t, s.dir)
				s.reconsider(time.Now())
				expect(t, s.Check(s.served(t)), "")
			})
		}
	}
}

// A CA that cannot be read is not one that is not there: when it goes, the same pair is good.
func TestUnreadableCAIsFollowed(t *testing.T) {
	dir, good := t.TempDir(), current(t)
	good.with(mount{"ca.crt": nil}).write(t, dir)
	ca := filepath.Join(dir, "ca.crt")
	if err := os.Symlink(ca, ca); err != nil {
		t.Fatal(err)
	}
	s, err := Open(dir, host)
	if err != nil {
		t.Fatal(err)
	}
	expect(t, s.Check(s.served(t)), "CA: open "+ca+": too many levels of symbolic links")
	if err := os.Remove(ca); err != nil {
		t.Fatal(err)
	}
	s.reconsider(time.Now())
	expect(t, s.Check(s.served(t)), "")
}

// A good pair is taken without being asked to, however it comes into the directory.
func TestWatch(t *testing.T) {
	for _, test := range []struct {
		name  string
		write func(t *testing.T, dir string, m mount)
	}{
		{"file by file", func(t *testing.T, dir string, m mount) { m.write(t, dir) }},
		{"as the kubelet does", swap},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir, first, second := t.TempDir(), current(t), current(t)
			test.write(t, dir, first)
			s, err := Open(dir, host)
			if err != nil {
				t.Fatal(err)
			}
			end := watched(t, s)

			// Twice each: what is watched is not the file that was there first.
			for i, m := range []mount{second, first, second} {
				test.write(t, dir, m)
				await(t, fmt.Sprintf("change %d to be served", i+1), func() bool { return s.serves(t, m) })
				expect(t, s.Check(s.served(t)), "")
			}
			end()
		})
	}
}

// What cannot be read is logged once, not as often as it is looked at, and the watcher adds no more than
// what it says at an event or two.
func TestUnreadIsLoggedOnce(t *testing.T) {
	good := current(t)
	s := opened(t, good)
	end := watched(t, s)
	const mistake = "failed to find any PEM data in key input"
	// all are who says it, and ours what the source says.
	all := func() int { return strings.Count(strings.Join(log.errorsAbout(s.dir), "\n"), mistake) }
	ours := func() int {
		return strings.Count(strings.Join(log.errorsAbout(s.dir), "\n"), "tls.key: tls: "+mistake)
	}
	if err := os.Truncate(filepath.Join(s.dir, "tls.key"), 0); err != nil {
		t.Fatal(err)
	}
	await(t, "it to be logged", func() bool { return ours() > 0 })
	for range 5 {
		s.reconsider(time.Now())
	}
	said := all() // before there are more events
	renewed := current(t)
	renewed.write(t, s.dir)
	await(t, "the next pair to be served", func() bool { return s.serves(t, renewed) })
	end()
	if ours() != 1 || said > 3 {
		t.Errorf("the log is\n%s", strings.Join(log.errorsAbout(s.dir), "\n"))
	}
}

// A node may have no inotify instance left. Nobody who has a certificate waits for one, and what comes is seen
// without.
func TestWatchWithoutEvents(t *testing.T) {
	before := inotifyInstances(t)
	s := opened(t, current(t))
	if after := inotifyInstances(t); after > before {
		t.Errorf("to open it took %d inotify instances", after-before)
	}
	mount{}.write(t, s.dir) // what is not there cannot be watched either
	ctx, end := context.WithCancel(t.Context())
	defer end()
	if err := s.Watch(ctx); err == nil || !strings.Contains(err.Error(), "no such file or directory") {
		t.Errorf("it is watched: %v", err)
	}
	next := current(t)
	next.write(t, s.dir)
	await(t, "the next pair to be served", func() bool { return s.serves(t, next) })
}

// A chain is followed to its last certificate: an intermediate CA may be renewed under the same pair.
func TestChainIsFollowed(t *testing.T) {
	good := current(t)
	longer := good.with(mount{"tls.crt": append(bytes.Clone(good["tls.crt"]), current(t)["ca.crt"]...)})
	s := opened(t, good)
	for _, next := range []mount{longer, good, longer} {
		next.write(t, s.dir)
		s.reconsider(time.Now())
		if !s.serves(t, next) {
			t.Errorf("a chain of %d certificates is served", len(s.served(t)))
		}
	}
}

// swap puts a mount into a directory as the kubelet does: the files are links through ..data, itself a
// link to a directory, which is replaced in one step.
func swap(t *testing.T, dir string, m mount) {
	t.Helper()
	fresh := filepath.Join(dir, fmt.Sprintf("..%d", time.Now().UnixNano()))
	if err := os.Mkdir(fresh, 0o700); err != nil {
		t.Fatal(err)
	}
	m.write(t, fresh)
	data, tmp := filepath.Join(dir, "..data"), filepath.Join(dir, "..data_tmp")
	old, _ := os.Readlink(data) // there is none at first
	if err := errors.Join(os.Symlink(filepath.Base(fresh), tmp), os.Rename(tmp, data)); err != nil {
		t.Fatal(err)
	}
	if old != "" {
		if err := os.RemoveAll(filepath.Join(dir, old)); err != nil {
			t.Fatal(err)
		}
		return
	}
	for name := range m {
		if err := os.Symlink(filepath.Join("..data", name), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
}

// The metrics are about what is served, not about what lies in the directory.
func TestMetrics(t *testing.T) {
	authority, now := newAuthority(t), time.Now()
	s := opened(t, issued(t, authority, now, host))
	expectMetrics(t, s, now.Add(-rotation.Backdating), now.Add(lifetime))
	issued(t, authority, now.Add(2*time.Hour), host).write(t, s.dir) // not yet valid
	s.reconsider(now)
	expectMetrics(t, s, now.Add(-rotation.Backdating), now.Add(lifetime))
	issued(t, authority, now.Add(time.Minute), host).write(t, s.dir)
	s.reconsider(now)
	expectMetrics(t, s, now.Add(time.Minute-rotation.Backdating), now.Add(time.Minute+lifetime))
}

// A certificate is of no use any more when its CA has expired.
func TestMetricsEndWithTheCA(t *testing.T) {
	authority, now := newAuthority(t), time.Now()
	certificate, key, err := authority.Issue(now.Add(-time.Hour), now.Add(3*lifetime), host)
	if err != nil {
		t.Fatal(err)
	}
	ca := authority.Certificate
	outlives := mount{pki.ServingCertificate: certificate, pki.ServingKey: key, pki.CACertificate: pki.Encode(ca)}
	s := opened(t, outlives)
	expectMetrics(t, s, ca.NotBefore, ca.NotAfter)
	for name, other := range map[string][]byte{"foreign": pki.Encode(newAuthority(t).Certificate), "none": []byte("CA"), "not there": nil} {
		t.Run(name, func(t *testing.T) {
			expectMetrics(t, opened(t, outlives.with(mount{"ca.crt": other})), now.Add(-time.Hour-rotation.Backdating), now.Add(3*lifetime))
		})
	}
}

func expectMetrics(t *testing.T, s *Source, notBefore, notAfter time.Time) {
	t.Helper()
	registry := prometheus.NewRegistry()
	s.Register(registry)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, family := range families {
		got[family.GetName()] = family.GetMetric()[0].GetGauge().GetValue()
	}
	want := map[string]float64{
		"userscope_certificate_not_before_seconds": float64(notBefore.Unix()),
		"userscope_certificate_not_after_seconds":  float64(notAfter.Unix()),
	}
	if !maps.Equal(got, want) {
		t.Errorf("the metrics are %v, want %v", got, want)
	}
}
