# All that is built comes to lie in bin/, which git ignores. Nothing but Go, make, git and, for
# the race detector, a C compiler is needed.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null)

# Whoever has Kubernetes' binaries already names their directory, as for controller-runtime's
# envtest, and none are built.
ifdef KUBEBUILDER_ASSETS
export KUBEBUILDER_ASSETS := $(abspath $(KUBEBUILDER_ASSETS))
KUBERNETES :=
else
KUBERNETES := bin/kubernetes/VERSION
endif

.PHONY: help
help: ## list the targets
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## build bin/userscope
	CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o bin/userscope ./cmd/userscope

.PHONY: demo
demo: build $(KUBERNETES) ## show it on a real API server; KEEP=1 leaves that running
	@cd test && go build -o ../bin/demo ./demo
	@bin/demo $(if $(KEEP),-keep)

# The integration tests do not depend on caches: Go does not see that they run bin/.
.PHONY: test
test: build-race $(KUBERNETES) bin/helm ## run all tests, with the race detector
	@echo "Testing the program; compiling it for the race detector takes minutes the first time"
	@status=0; \
	go test -race -timeout 30m ./... || status=1; \
	echo "Testing it on a real API server"; \
	(cd test && USERSCOPE_BINARY=$(CURDIR)/bin/race/userscope go test -race -count=1 -timeout 30m ./...) || status=1; \
	echo "Searching every state of the issuer, and judging millions of Pods, without the race detector"; \
	go test -count=1 -timeout 30m ./certs/plan || status=1; \
	(cd test && go test -count=1 -timeout 30m ./property ./exhaustion) || status=1; \
	exit $$status

.PHONY: golden
golden: build $(KUBERNETES) bin/helm ## write what tests compare with: fixtures, docs, golden files
	go test ./cmd/userscope -update
	cd test && go test ./fixtures ./attack ./identity -update

.PHONY: manifests
manifests: bin/helm ## render manifests/install.yaml and the chart's table of values
	cd test && go test ./chart -run '^(TestInstallYAML|TestTable)$$' -update

# In the background: it takes an hour and more.
.PHONY: evidence
evidence: build $(KUBERNETES) bin/helm ## run the full fuzzing and mutation testing, and write docs/evidence.md
	@mkdir -p bin
	@nohup test/evidence.sh >bin/evidence.log 2>&1 & echo "Running in the background; progress is in bin/evidence.log"

.PHONY: build-race
build-race:
	go build -race -o bin/race/userscope ./cmd/userscope

.PHONY: lint
lint: bin/golangci-lint ## run the linters over all Go code
	@status=0; \
	for module in . test; do \
		echo "Linting the module $$(cd $$module && go list -m)"; \
		(cd $$module && $(CURDIR)/bin/golangci-lint run ./...) || status=1; \
		(cd $$module && go mod tidy -diff) || status=1; \
	done; \
	exit $$status

.PHONY: controlplane
controlplane: $(KUBERNETES) ## build etcd, kube-apiserver and kubectl into bin/kubernetes

.PHONY: clean
clean: ## remove all that was built
	rm -rf bin

bin/kubernetes/VERSION: $(addprefix test/tools/kubernetes/,build.sh go.mod go.sum)
	@test/tools/kubernetes/build.sh $(@D)

bin/golangci-lint: $(addprefix test/tools/golangci-lint/,go.mod go.sum)
	@echo "Building golangci-lint (once; one to three minutes)"
	@cd $(<D) && CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o $(CURDIR)/$@ tool

bin/helm: $(addprefix test/tools/helm/,go.mod go.sum)
	@echo "Building helm (once; one to three minutes)"
	@cd $(<D) && CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o $(CURDIR)/$@ tool
