# Everything a developer types. `make run` and `make test` are the two to know; `make` lists the rest.
#
# Tools are built from the versions in scripts/go.mod into .bin (GOWORK=off: scripts is no part of the workspace, so its
# dependencies never reach the product), and buf comes from scripts/package-lock.json. Nothing else needs to be
# installed but Go and Node.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory --warn-undefined-variables
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# A package's tests start real servers that fsync; more than two packages at once only wait for each other's disk.
TEST_PARALLEL ?= 2
# For the longest package on a busy machine; by itself it takes a third of it.
TEST_TIMEOUT ?= 20m
# Narrow a run while developing: make test PKG=github.com/kikigaki/kikigaki/pkg/stream/... RUN=TestFollow
PKG ?= work
RUN ?= .
ARGS ?=

MODULES := proto pkg services
TOOLS := $(CURDIR)/.bin
INSTALL := GOBIN=$(TOOLS) GOWORK=off go -C scripts install

PROTOC_GEN_GO := .bin/protoc-gen-go
PROTOC_GEN_GO_GRPC := .bin/protoc-gen-go-grpc
GOLANGCI_LINT := .bin/golangci-lint
BUF := scripts/node_modules/.bin/buf

.PHONY: help
help: ## List what make can do
	@awk 'BEGIN {FS = ":.*## "} /^[a-z]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

.PHONY: run
run: build ## Start everything with the provider simulator and sample calls; prints address and logins
	./bin/kikigaki demo

.PHONY: build
build: ## Build the one binary, bin/kikigaki
	go build -o bin/kikigaki ./services/cmd/kikigaki

.PHONY: test
test: ## All tests with the race detector (PKG=… RUN=… narrow it)
	go test -race -p $(TEST_PARALLEL) -timeout $(TEST_TIMEOUT) -run '$(RUN)' $(PKG)
	@$(if $(filter .,$(RUN)),scripts/fuzz.sh $(FUZZ_TIME))
	@go run ./services/story/able

# How long each parser is fuzzed; make slow takes six times as long.
FUZZ_TIME ?= 10s

.PHONY: fuzz
fuzz: ## Every parser against inputs that nobody thought of, FUZZ_TIME each
	scripts/fuzz.sh $(FUZZ_TIME)

# The long form of the stories keeps what every client saw, to be judged again: go run ./services/story/check DIR
HISTORIES ?= $(CURDIR)/.histories

.PHONY: slow
slow: ## Every story in every way: one process, apart, over three servers; 50 kills and 50 power cuts each (<= 60 min)
	KIKIGAKI_STORIES=whole KIKIGAKI_HISTORIES=$(HISTORIES) \
		go test -race -v -timeout 60m -run '$(RUN)' ./services/story
	KIKIGAKI_STORIES=whole go test -race -timeout 20m -run '$(RUN)' ./services/prompt-registry
	scripts/fuzz.sh 60s
	@go run ./services/story/able

.PHONY: bench
bench: ## Measure against limits of the same run (ARGS=-h lists the flags)
	go run ./services/bench $(ARGS)

.PHONY: lint
lint: $(GOLANGCI_LINT) $(BUF) ## Check formatting, protos and code
	$(BUF) lint
	@failed=0; for module in $(MODULES); do echo "golangci-lint: $$module"; \
		(cd $$module && $(CURDIR)/$(GOLANGCI_LINT) run --config $(CURDIR)/.golangci.yml --concurrency 2 ./...) || failed=1; \
	done; exit $$failed

.PHONY: fmt
fmt: $(GOLANGCI_LINT) ## Format the Go sources in place
	@for module in $(MODULES); do (cd $$module && $(CURDIR)/$(GOLANGCI_LINT) fmt --config $(CURDIR)/.golangci.yml ./...); done

.PHONY: generate
generate: $(PROTOC_GEN_GO) $(PROTOC_GEN_GO_GRPC) $(BUF) ## Generate Go from proto/kikigaki, beside the .proto files
	$(BUF) generate

.PHONY: checkgenerate
checkgenerate: $(PROTOC_GEN_GO) $(PROTOC_GEN_GO_GRPC) $(BUF) ## Fail when generated code is not what the sources give
	@scripts/checkgenerate.sh

.PHONY: modules
modules: ## Build each module by itself, as those who import it will: catches a missing require
	@for module in $(MODULES); do echo "go build: $$module"; (cd $$module && GOWORK=off go build -p 2 ./...); done

.PHONY: tidy
tidy: ## Tidy every go.mod and bring them to the same versions
	go work sync
	@for module in $(MODULES); do (cd $$module && GOWORK=off go mod tidy) || exit 1; done

# Tools. A tool is rebuilt when its pinned version may have changed; go's build cache makes that cheap when it has not.
$(PROTOC_GEN_GO): scripts/go.mod scripts/go.sum
	$(INSTALL) google.golang.org/protobuf/cmd/protoc-gen-go
	@touch $@

$(PROTOC_GEN_GO_GRPC): scripts/go.mod scripts/go.sum
	$(INSTALL) google.golang.org/grpc/cmd/protoc-gen-go-grpc
	@touch $@

$(GOLANGCI_LINT): scripts/go.mod scripts/go.sum
	$(INSTALL) -p 2 github.com/golangci/golangci-lint/v2/cmd/golangci-lint
	@touch $@

# npm install, not npm ci: ci insists on an entry for every platform's package, also where a registry does not carry them
# all. --no-save leaves the lock as it is, and its integrity hashes still hold. --ignore-scripts: the binary lies in the
# platform's own package, no install step is needed to run it.
$(BUF): scripts/package.json scripts/package-lock.json
	npm --prefix scripts install --no-save --ignore-scripts --no-audit --no-fund
	@touch $@
