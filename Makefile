# All that is built comes to lie in bin/, which git ignores. Nothing but Go, make and git is needed;
# a C compiler brings the race detector, and the image needs buildah or docker.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory

# Without --abbrev its length depends on how many objects a clone happens to hold.
VERSION := $(shell git describe --tags --always --abbrev=12 --dirty 2>/dev/null)
# The same source and Go version give the same bytes, wherever the source lies.
GO_BUILD = CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "-s -w -X main.version=$(VERSION)"

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
	$(GO_BUILD) -o bin/userscope ./cmd/userscope

# What is in an image was compiled from what `go mod verify` has compared with go.sum, and beside the
# program lie the license texts of all of it, as they ask for.
ARCHITECTURES := amd64 arm64
.PHONY: programs
programs: bin/go-licenses ## build what the image holds, for each architecture, into bin/image/programs
	@go mod verify
	@for arch in $(ARCHITECTURES); do \
		export GOOS=linux GOARCH=$$arch; \
		echo "Building userscope for linux/$$arch"; \
		$(GO_BUILD) -o bin/image/programs/userscope-$$arch ./cmd/userscope; \
		test/tools/image/licenses.sh bin/go-licenses bin/image/programs/licenses-$$arch; \
	done

.PHONY: image
image: programs ## build the container image, an OCI layout, into bin/image/oci
	@test/tools/image/build.sh bin/image/programs bin/image/oci $(VERSION)

# The second build is of the same source in another directory.
.PHONY: try-image
try-image: image sbom ## start the image as a node does, and build it again; needs root and runc
	@rm -rf bin/image/again && mkdir bin/image/again
	@git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t bin/image/again
	@$(MAKE) -C bin/image/again image VERSION=$(VERSION)
	@cd test && go build -o ../bin/try-image ./cmd/tryimage
	@bin/try-image

.PHONY: sbom
sbom: bin/cyclonedx-gomod programs ## list all that is in the image, in CycloneDX's format, in bin/image
	@for arch in $(ARCHITECTURES); do \
		GOOS=linux GOARCH=$$arch bin/cyclonedx-gomod bin -json -std -noserial -notimestamp -version $(VERSION) \
			-output bin/image/userscope-$$arch.cdx.json bin/image/programs/userscope-$$arch; \
		echo "bin/image/userscope-$$arch.cdx.json"; \
	done

.PHONY: demo
demo: build $(KUBERNETES) ## show it on a real API server; KEEP=1 leaves that running
	@cd test && go build -o ../bin/demo ./cmd/demo
	@bin/demo $(if $(KEEP),-keep)

# BENCH are further arguments, as in BENCH="-rounds 3 -targets backstop,baseline -baseline HEAD~1".
.PHONY: bench
bench: build $(KUBERNETES) bin/helm ## measure what it costs, and write docs/benchmarks.md; SCALE=1 stores 20,000 sandboxes
	@cd test && go build -o ../bin/bench ./cmd/bench
	@bin/bench -docs docs $(if $(SCALE),-sandboxes 20000 -burst 2000) $(BENCH)

# The loop that people work in. Tests whose package starts API servers depend on controlplane. Results
# of the second module are not cached: Go does not see when the files change that lie outside of it.
.PHONY: check
check: ## run the linters, and the tests that start no API server
	@status=0; \
	$(MAKE) lint || status=1; \
	go test -short ./... || status=1; \
	cd test && go test -short -count=1 $$(go list -test -f '{{.ForTest}} {{join .Deps " "}}' ./... | \
		awk '/^[^ ]/ && !/\/kit\/controlplane( |$$)/ { print $$1 }' | sort -u) || status=1; \
	exit $$status

# Go says by itself whether it can build for the race detector: it compiles the package that calls C.
# The tests of the second module do not depend on caches: Go does not see that they run bin/. What only
# burns time has its full size, without -short, where no race detector makes it ten times as slow.
# The longest come first. Rotations wait most of their time: hence a place more than there are processors.
SIDE_BY_SIDE = $(shell echo $$(($$(nproc) + 1)))
.PHONY: test
test: $(KUBERNETES) bin/helm bin/promtool ## run all tests, with the race detector where there is a C compiler
	@status=0; race=-race; \
	if ! CGO_ENABLED=1 go build -race runtime/cgo 2>/dev/null; then \
		race=; export CGO_ENABLED=0; \
		echo "WITHOUT THE RACE DETECTOR: here is no C compiler with libc's headers (Debian's gcc and libc6-dev)"; \
	fi; \
	echo "Testing the program; compiling it takes minutes the first time"; \
	go build $$race -o bin/tested/userscope ./cmd/userscope; \
	go test $$race -short -timeout 30m ./... || status=1; \
	echo "Testing it on a real API server"; \
	(cd test && USERSCOPE_BINARY=$(CURDIR)/bin/tested/userscope go test $$race -short -count=1 -timeout 30m -p $(SIDE_BY_SIDE) \
		./suites/rotation ./suites/expressions ./suites/chart ./...) || status=1; \
	echo "Searching every state of the issuer, and judging Pods by the hundred thousand"; \
	go test -timeout 30m ./certs/rotation || status=1; \
	(cd test && go test -count=1 -timeout 30m ./suites/property ./suites/exhaustion) || status=1; \
	echo "Flooding the program that is installed"; \
	$(GO_BUILD) -o bin/userscope ./cmd/userscope || status=1; \
	(cd test && go test -count=1 -timeout 10m ./suites/flood) || status=1; \
	exit $$status

# Apart from `test`, which wants nothing of the machine but Go.
.PHONY: test-postgres
test-postgres: ## test with a PostgreSQL server (Debian's package postgresql)
	@echo "Testing what reads PostgreSQL"
	@cd test && go test -tags postgres -race -count=1 -timeout 10m ./suites/postgres

# The whole way, on a node of their own. E2E are further arguments of `go test`, as in E2E="-run TestReach".
# Programs in images are static.
.PHONY: e2e
e2e: node-check image $(KUBERNETES) node-programs bin/helm ## test on a real node, from inside of sandboxes; needs root and Debian packages
	@echo "Testing on a real node"
	@cd test && go test -tags e2e -v -count=1 -timeout 10m ./kit/node && \
		go test -tags e2e -v -count=1 -timeout 20m ./suites/e2e $(E2E)

.PHONY: node
node: node-check image $(KUBERNETES) node-programs bin/helm ## leave a node with Userscope running, and name its kubeconfigs
	@cd test && go build -o ../bin/run-node ./cmd/node
	@bin/run-node

.PHONY: node-check
node-check:
	@cd test && go run ./cmd/node -check

.PHONY: node-programs
node-programs: bin/node/VERSION ## build kubelet, kube-controller-manager and kube-scheduler into bin/node
	@cd test && CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o ../bin/node/ ./cmd/pause ./cmd/probe

# Each reads what those before it have written.
.PHONY: generate
generate: build $(KUBERNETES) bin/helm bin/promtool ## make all that is generated: install.yaml, fixtures, tables of docs, golden files
	@$(MAKE) manifests
	go test ./cmd/userscope ./certs/status -update
	cd test && go test ./cmd/bench ./pods/fixtures ./suites/attack ./suites/census ./suites/identity ./suites/monitoring -update

.PHONY: manifests
manifests: bin/helm ## of these only what stands in manifests, and docs/policy.md
	go test ./manifests/facts -update
	cd test && go test ./suites/chart -run '^(TestInstallYAML|TestTable)$$' -update

# In the background: it takes an hour and more.
.PHONY: evidence
evidence: build $(KUBERNETES) bin/helm ## run the full fuzzing and mutation testing, and write docs/evidence.md
	@mkdir -p bin
	@nohup test/evidence.sh >bin/evidence.log 2>&1 & echo "Running in the background; progress is in bin/evidence.log"

# They ask for no more than that their texts go with the program.
LICENSES := Apache-2.0,BSD-2-Clause,BSD-3-Clause,ISC,MIT
# It takes all packages below GOROOT for the standard library, which needs no look.
GO_LICENSES = GOROOT=$$(go env GOROOT) bin/go-licenses check ./cmd/userscope --logtostderr=false --stderrthreshold=ERROR

.PHONY: lint
lint: bin/golangci-lint bin/go-licenses ## run the linters over all Go code, and look at the licenses
	@status=0; \
	for module in . test test/tools/dashboard test/tools/promql; do \
		echo "Linting the module $$(cd $$module && go list -m)"; \
		(cd $$module && $(CURDIR)/bin/golangci-lint run --allow-serial-runners ./...) || status=1; \
		(cd $$module && go mod tidy -diff) || status=1; \
	done; \
	echo "Looking at the licenses of what the program is made of"; \
	$(GO_LICENSES) --allowed_licenses=$(LICENSES) || status=1; \
	if $(GO_LICENSES) --allowed_licenses=none >/dev/null 2>&1; then echo "It has looked at none" >&2; status=1; fi; \
	exit $$status

# It needs its database, and so stands outside of lint. Where the network has only a Go module
# proxy, VULNDB=proxy takes what that holds.
VULNDB := https://vuln.go.dev
.PHONY: vulncheck
vulncheck: bin/govulncheck ## look for known vulnerabilities in the code that is called
	@db=$(VULNDB); \
	if [ "$$db" = proxy ]; then \
		db=file://$$(cd test/tools/govulncheck && go mod download -json golang.org/x/vulndb@latest | sed -n 's/.*"Dir": "\(.*\)".*/\1/p')/data/osv; \
	fi; \
	echo "Comparing with $$db"; \
	status=0; \
	bin/govulncheck -db "$$db" ./... || status=$$?; \
	[ $$status -eq 0 ] || [ $$status -eq 3 ] || \
		echo "NOT CHECKED: $$db cannot be read; VULNDB=URL names another database, VULNDB=proxy that of the Go module proxy" >&2; \
	exit $$status

.PHONY: controlplane
controlplane: $(KUBERNETES) ## build etcd, kube-apiserver and kubectl into bin/kubernetes

.PHONY: clean
clean: ## remove all that was built
	rm -rf bin

# Apart, so that whoever needs no node does not wait for it.
bin/kubernetes/VERSION bin/node/VERSION: $(addprefix test/tools/kubernetes/,build.sh go.mod go.sum)
	@test/tools/kubernetes/build.sh $(@D) $(PROGRAMS)
bin/kubernetes/VERSION: PROGRAMS := etcd kube-apiserver kubectl
bin/node/VERSION: PROGRAMS := kube-controller-manager kube-scheduler kubelet

TOOLS := bin/cyclonedx-gomod bin/go-licenses bin/golangci-lint bin/govulncheck bin/helm bin/promtool
# Without the service discovery of a dozen clouds, which no test of a rule asks for.
bin/promtool: TAGS := remove_all_sd
$(TOOLS): bin/%: $(addprefix test/tools/%/,go.mod go.sum)
	@echo "Building $* (once; up to three minutes)"
	@cd test/tools/$* && CGO_ENABLED=0 go build -trimpath -tags "$(TAGS)" -ldflags "-s -w" -o $(CURDIR)/$@ tool
