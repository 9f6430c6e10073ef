SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

VERSION     ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unversioned)
IMAGE       ?= sluice-gateway:$(VERSION)
FUZZTIME    ?= 30s
BENCHTIME   ?= 0.3s
REALTIME    ?= 5m
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
BENCHED      = $(shell grep -rlE --include='*_test.go' --exclude-dir=node_modules '^func Benchmark' . | xargs -n1 dirname | sort -u)
GOFILES      = $(shell find . -name '*.go' -not -path '*/node_modules/*' -not -path './.git/*')

.PHONY: help build run test bench sim realtime crash dashboard-bench screenshots lint gofmt vet staticcheck fmt fuzz cover differential vendor-web docker clean ci

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

build: ## the static program, bin/gateway
	CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o bin/gateway ./cmd/gateway

run: build ## build, then serve; ARGS="--config gateway.yaml"
	exec bin/gateway serve $(ARGS)

test: ## all tests, with the race detector; installs what they need
	scripts/setup-test.sh
	CGO_ENABLED=1 go test -race -shuffle=on -timeout 20m ./...

bench: ## micro benchmarks (BENCHTIME each), then the whole gateway under load (BENCHARGS="-short" is quick)
	go test -run '^$$' -bench . -benchmem -benchtime $(BENCHTIME) $(BENCHED)
	go run ./test/bench $(BENCHARGS)

sim: ## docs/zero-429.md's tables: recorded traffic in virtual time, five seeds (SIMARGS="-short" is quick)
	go run ./test/sim $(SIMARGS)

realtime: ## the recording over HTTP in real time, then with a kill -9 in the middle; REALTIME (5m) each
	go run ./test/bench -realtime $(REALTIME) $(REALTIMEARGS)

crash: ## 200 × kill -9 under load, and a full disk: is a row missing? (CRASHARGS="-short" is quick)
	go run ./test/crash $(CRASHARGS)

dashboard-bench: ## docs/performance.md's table of the dashboard: 200 accounts, 10,000 keys, in Chromium (SCALEARGS="-short" is quick)
	scripts/setup-test.sh
	go run ./test/scale $(SCALEARGS)

screenshots: ## the pictures of the dashboard, docs/images: about six minutes
	scripts/setup-test.sh
	go run ./test/screenshots $(SHOTARGS)

lint: gofmt vet staticcheck ## gofmt, go vet and staticcheck

gofmt: ## fail on files that gofmt would change
	@unformatted="$$(gofmt -l $(GOFILES))"; \
	if [[ -n "$$unformatted" ]]; then echo "not formatted, run make fmt:"; echo "$$unformatted"; exit 1; fi

vet: ## go vet
	go vet ./...

staticcheck: ## staticcheck, at a pinned version
	go run $(STATICCHECK) ./...

fmt: ## format all Go files
	gofmt -w $(GOFILES)

fuzz: ## every fuzz target in turn, FUZZTIME (30s) each
	@grep -rnoE --include='*_test.go' --exclude-dir=node_modules '^func Fuzz[A-Za-z0-9_]*' . | sort | \
	while IFS=: read -r file _ decl; do \
		echo "== $${decl#func } in $$(dirname "$$file")"; \
		go test -run '^$$' -fuzz "^$${decl#func }\$$" -fuzztime $(FUZZTIME) "$$(dirname "$$file")" </dev/null; \
	done

cover: ## test coverage, in coverage.out and as a summary
	go test -coverpkg=./... -coverprofile=coverage.out ./...
	go tool cover -func=coverage.out | tail -n 1

differential: ## token counts of a million random texts per encoding against tiktoken-go's
	go test -count=1 -timeout 60m -v -run 'AgainstTheReference' ./budget/tokens -args -differential=1000000

vendor-web: ## the dashboard's libraries, at the versions that are pinned, into web/dashboard/static/vendor
	scripts/vendor-web.sh

docker: ## the container image, IMAGE
	docker build --build-arg VERSION=$(VERSION) -t $(IMAGE) .

clean: ## remove what the other targets made
	rm -rf bin coverage.out test/sdk/node/node_modules test/browser/axe/node_modules

ci: ## what the continuous integration runs
	bash .ci/run
