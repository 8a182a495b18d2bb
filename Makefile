# `make` lists the targets. Works with GNU make 3.81 and later.

GO ?= go
FUZZTIME ?= 30s

# The race detector needs a C compiler. Without one the tests run all the same, and say so.
CC_FOUND := $(shell command -v gcc || command -v clang || command -v cc)
RACE := $(if $(CC_FOUND),-race,)

# The commit goes into --version where git can tell it (not in a tarball, nor in somebody else's clone).
VCS := $(shell git rev-parse HEAD >/dev/null 2>&1 && echo true || echo false)

.DEFAULT_GOAL := help

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## build bin/mailer
	$(GO) build -trimpath -buildvcs=$(VCS) -o bin/mailer ./cmd/mailer

.PHONY: demo
demo: postgres build ## build and start everything with a sample newsroom
	bin/mailer demo

.PHONY: test
test: postgres ## run all tests, with the race detector where there is a C compiler
	@$(if $(RACE),:,echo "no C compiler found: running without the race detector")
	MAILER_TEST_REQUIRE_DB=1 $(GO) test $(RACE) -timeout 15m ./...

.PHONY: check
check: postgres ## what must pass before a change goes in: form, static checks, rules of the house, tests
	@unformatted=$$(gofmt -l .); test -z "$$unformatted" || { echo "not gofmt'ed:"; echo "$$unformatted"; exit 1; }
	$(GO) vet ./...
	$(GO) tool staticcheck ./...
	$(GO) mod tidy -diff
	$(GO) test -run '^TestImport' ./cmd/mailer
	MAILER_TEST_REQUIRE_DB=1 $(GO) test -run '^TestSchema' ./migrations
	$(MAKE) test

.PHONY: fuzz
fuzz: ## run each fuzz target for FUZZTIME (30s)
	GO="$(GO)" scripts/fuzz $(FUZZTIME)

.PHONY: bench
bench: postgres ## run the benchmarks
	MAILER_TEST_REQUIRE_DB=1 $(GO) test -run '^$$' -bench . -benchmem ./...

.PHONY: schema
schema: postgres ## write migrations/schema.sql anew, after a change of the migrations
	MAILER_TEST_REQUIRE_DB=1 $(GO) test -count 1 -run '^TestSchema' ./migrations -update

.PHONY: screenshots
screenshots: postgres ## take pictures of each mail and page into docs/images (needs Chromium)
	MAILER_TEST_REQUIRE_DB=1 MAILER_SCREENSHOTS=$(CURDIR)/docs/images $(GO) test -count 1 -run Screenshot ./internal/screenshots

.PHONY: clean
clean: ## remove what was built (never data)
	rm -rf bin

# Postgres from the machine's own packages, installed when there is none.
.PHONY: postgres
postgres:
	@scripts/need-postgres
