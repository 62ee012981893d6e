package main

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"userscope.dev/userscope/test/kit/controlplane"
	"userscope.dev/userscope/test/kit/repo"
	"userscope.dev/userscope/test/pods/oracle"
)

// Each sandbox is another's, asks for its own directory, and carries what proves that.
func TestSandboxesOfTheLoad(t *testing.T) {
	sent, err := readPods()
	if err != nil {
		t.Fatal(err)
	}
	file, err := repo.Path("manifests", deerflowPolicy)
	if err != nil {
		t.Fatal(err)
	}
	policies, err := oracle.Read(file)
	if err != nil {
		t.Fatal(err)
	}
	s := &loadSite{template: sent.sandbox}
	seen := map[string]bool{}
	for _, number := range []int{0, 1, users, 19_999} {
		body, subPath := s.sandbox(number)
		if seen[subPath] {
			t.Errorf("%d: shares %s", number, subPath)
		}
		seen[subPath] = true
		if got := subPathOfUserData(body); got != subPath {
			t.Errorf("%d: mounts %s, want %s", number, got, subPath)
		}
		if bytes.Contains(body, []byte("dora")) || bytes.Contains(body, []byte("d2765d79afb81f49")) {
			t.Errorf("%d: is still dora's: %s", number, body)
		}
		var pod map[string]any
		if err := yaml.Unmarshal(body, &pod); err != nil {
			t.Fatal(err)
		}
		// The oracle knows nobody's stamps here, and the user and thread by the stamps only.
		if governed := oracle.Governed(policies, oracle.Request{Namespace: controlplane.Namespace, Username: controlplane.Provisioner}, pod); len(governed) != 1 {
			t.Errorf("%d: is governed by %d policies", number, len(governed))
		}
	}
}

func TestEnds(t *testing.T) {
	latencies := make([]time.Duration, 3000)
	for i := range latencies {
		latencies[i] = time.Duration(i/1000+1) * time.Millisecond
	}
	if first, last := ends(latencies); first != 1 || last != 3 {
		t.Errorf("got: %v and %v, want: 1 and 3", first, last)
	}
	if first, last := ends(latencies[2500:]); first != 3 || last != 3 {
		t.Errorf("of fewer than a thousand: got: %v and %v, want: 3 and 3", first, last)
	}
}

func TestProblem(t *testing.T) {
	for _, test := range []struct {
		given load
		want  bool
	}{
		{load{Sandboxes: 1, Burst: 1, Postponed: 5}, false},
		{load{Unscoped: 1}, true},
		{load{Failed: 1}, true},
	} {
		if err := test.given.problem(); (err != nil) != test.want {
			t.Errorf("%+v: %v", test.given, err)
		}
	}
}

// Connections go to the backends in turn.
func TestBalancer(t *testing.T) {
	var addresses []string
	for _, name := range []string{"a", "b"} {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = listener.Close() })
		addresses = append(addresses, listener.Addr().String())
		go func() {
			for {
				connection, err := listener.Accept()
				if err != nil {
					return
				}
				_, _ = io.WriteString(connection, name)
				_ = connection.Close()
			}
		}()
	}
	b, err := balance(addresses...)
	if err != nil {
		t.Fatal(err)
	}
	said := map[string]int{}
	for range 4 {
		connection, err := net.Dial("tcp", b.address())
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(connection)
		if err != nil {
			t.Fatal(err)
		}
		said[string(text)]++
	}
	if said["a"] != 2 || said["b"] != 2 {
		t.Errorf("got: %v", said)
	}
	if err := b.stop(); err != nil {
		t.Error(err)
	}
	if _, err := net.Dial("tcp", b.address()); err == nil {
		t.Error("it still listens")
	}
}
