package main

import (
	"testing"

	"userscope.dev/userscope/test/kit/controlplane"
	"userscope.dev/userscope/test/kit/repo"
)

// BenchmarkSandbox measures the handler and the decision on the Pod that everything is measured with.
func BenchmarkSandbox(b *testing.B) {
	sent, err := readPods()
	if err != nil {
		b.Fatal(err)
	}
	file, err := repo.Path("manifests", deerflowPolicy)
	if err != nil {
		b.Fatal(err)
	}
	answer, decide, err := inProcess(file, controlplane.Namespace, sent.sandbox)
	if err != nil {
		b.Fatal(err)
	}
	for name, do := range map[string]func(){"handler": answer, "decision": decide} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				do()
			}
		})
	}
}
