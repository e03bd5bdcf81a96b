# The verbs of this project. Two of them are all that a new user needs: `make demo` and `make test`.
# Needs Python 3.11 or newer and nothing else; everything is installed into .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# The newest Python that works here; pyenv keeps its own where PATH does not see them.
NEWEST := $(shell for v in 3.14 3.13 3.12; do for p in python$$v $(HOME)/.pyenv/versions/$$v.*/bin/python; do \
	"$$p" -c 'import ensurepip' >/dev/null 2>&1 && { echo "$$p"; exit; }; done; done)
FUZZ_SECONDS ?= 60
# Of what is installed for tests a part is imported, and compiled then: half of the time of an installation is saved.
INSTALL_FOR_TESTS := -m pip install --quiet --disable-pip-version-check --no-compile --editable
# For steps that start real processes on machines that others use, too: a test that fails is run once more, and named in
# the summary (RERUN) with what went wrong. One that fails twice is red; one that is named is a defect to be found.
AGAIN := --reruns 1 --rerun-show-tracebacks -raR
# The tests start many processes: each would compile every module again.
unexport PYTHONDONTWRITEBYTECODE
# Rendering and transcoding come after the bytes were read; they are the same on every backend.
SERVICE_TESTS := $(wildcard tests/conformance/test_s1[1-5]_*.py tests/conformance/test_extension_*.py \
	$(patsubst %,tests/conformance/test_s10_%.py,4_bulkdata 4_frames 4_metadata 4_retrieve_instances 5_store 6_search))

.PHONY: help demo test check lint unit conformance scaleout servers newest fuzz bench docs gallery format clean

help:
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' Makefile | expand -t 20

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Filmjacket needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: $(BIN)/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(STAMP): $(BIN)/python pyproject.toml
	$(BIN)/python $(INSTALL_FOR_TESTS) '.[test,lint,docs]'
	@touch $(STAMP) $(VENV)/.demo

demo: $(VENV)/.demo ## set up, load sample studies, start the server, print what to try
	$(BIN)/filmjacket demo --data demo-data

check: $(STAMP) ## lint, types, import contracts, unit tests: before every commit
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target lint unit

lint: $(STAMP) ## format, lint, types, import contracts
	$(BIN)/ruff format --check src tests perf fuzz deploy docs
	$(BIN)/ruff check src tests perf fuzz deploy docs
	$(BIN)/basedpyright
	$(BIN)/lint-imports

unit: $(STAMP) ## unit tests and what the docs promise
	$(BIN)/pytest -q -n auto -m "not slow" tests/unit tests/docs

test: check conformance scaleout servers newest fuzz ## everything that CI runs

conformance: $(STAMP) ## tests by section of the standard, property, differential
	$(BIN)/pytest -q -n auto $(AGAIN) -m slow tests/unit
	$(BIN)/pytest -q -n auto $(AGAIN) tests/property tests/conformance tests/differential

# One case of each test: every case takes half an hour (--every-case).
scaleout: $(STAMP) ## the tests of the services again, on PostgreSQL and S3
	$(BIN)/pytest -q -n auto $(AGAIN) --backend scaleout $(SERVICE_TESTS)

servers: $(STAMP) ## real servers: third-party clients, guarantees, faults of the engines
	$(BIN)/pytest -q -n auto $(AGAIN) --dist loadfile tests/interop tests/guarantees tests/engines

newest: $(STAMP) ## unit tests on the newest Python that is installed: all that are quick, and the commands
ifeq ($(NEWEST),)
	@echo "newest: only $(PYTHON) is installed, nothing more to test"
else
	@test -x $(VENV)-newest/bin/python || $(NEWEST) -m venv $(VENV)-newest
	$(VENV)-newest/bin/python $(INSTALL_FOR_TESTS) '.[test]'
	$(VENV)-newest/bin/python -m pytest -q -n auto -m "not slow" tests/unit
	$(VENV)-newest/bin/python -m pytest -q -n auto $(AGAIN) -m slow tests/unit/cli
endif

fuzz: $(STAMP) ## malformed input against the parsers for FUZZ_SECONDS in all
	$(BIN)/python fuzz/run.py --seconds $(FUZZ_SECONDS)

bench: $(STAMP) ## header and transfer figures (docs/explanation/performance.md)
	$(BIN)/python perf/bench_header.py

docs: $(STAMP) ## generated reference pages, then the site
	$(BIN)/python docs/generate.py
	$(BIN)/zensical build --clean

gallery: $(STAMP) ## docs/images/gallery.jpg: what public files look like (docs/explanation/gallery.md)
	$(BIN)/python docs/gallery.py

format: $(STAMP) ## rewrite sources in the house style
	$(BIN)/ruff format src tests perf fuzz deploy docs
	$(BIN)/ruff check --fix src tests perf fuzz deploy docs

clean: ## remove everything that was made
	rm -rf $(VENV) $(VENV)-newest demo-data site build dist .pytest_cache .ruff_cache .hypothesis
