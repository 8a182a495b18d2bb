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

# The packages whose tests take longest begin first, so that none is left to run alone at the end.
SLOW := ./cmd/mailer ./internal/delivery ./crashtest ./internal/web/public

.PHONY: test
test: postgres ## run all tests, with the race detector where there is a C compiler
	@$(if $(RACE),:,echo "no C compiler found: running without the race detector")
	MAILER_TEST_REQUIRE_DB=1 $(GO) test $(RACE) -timeout 15m $(SLOW) ./...

.PHONY: check
check: postgres ## what must pass before a change goes in: form, static checks, rules of the house, tests
	@unformatted=$$(gofmt -l .); test -z "$$unformatted" || { echo "not gofmt'ed:"; echo "$$unformatted"; exit 1; }
	$(GO) vet ./...
	$(GO) tool staticcheck ./...
	$(GO) mod tidy -diff
	@GO="$(GO)" scripts/vulnerabilities
	$(GO) test -run '^TestSEC29' ./cmd/mailer
	$(GO) test -run '^TestImport' ./cmd/mailer
	MAILER_TEST_REQUIRE_DB=1 $(GO) test -run '^TestSchema' ./migrations
	$(MAKE) test

.PHONY: fuzz
fuzz: ## run each fuzz target for FUZZTIME (30s)
	GO="$(GO)" scripts/fuzz $(FUZZTIME)

.PHONY: bench
bench: postgres build ## measure speed and memory on this machine, see docs/benchmarks.md (BENCH="-only 1,2,3 -repeat 3")
	$(GO) build -trimpath -buildvcs=$(VCS) -o bin/bench ./bench
	bin/bench $(BENCH)

.PHONY: microbench
microbench: postgres ## run the benchmarks of single functions
	MAILER_TEST_REQUIRE_DB=1 $(GO) test -run '^$$' -bench . -benchmem ./...

KILLS ?= 200

.PHONY: crashtest
crashtest: postgres ## kill senders, relay and Postgres KILLS (200) times and count every mail, see docs/reliability.md (SEED=1 CRASHTEST="-readers 9000")
	$(GO) build -trimpath -buildvcs=$(VCS) -o bin/crashtest ./crashtest
	bin/crashtest -kills $(KILLS) $(if $(SEED),-seed $(SEED)) $(CRASHTEST)

.PHONY: schema
schema: postgres ## write migrations/schema.sql anew, after a change of the migrations
	MAILER_TEST_REQUIRE_DB=1 $(GO) test -count 1 -run '^TestSchema' ./migrations -update

.PHONY: licences
licences: ## write docs/third-party.md anew, after a change of what we use of others
	$(GO) test -count 1 -run '^TestSEC29' ./cmd/mailer -update-licences

.PHONY: axe
axe: ## fetch axe-core with npm into .tools; the tests of pages in Chromium are skipped without it
	@scripts/need-axe

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
