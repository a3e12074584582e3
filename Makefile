# `make help` lists the commands. Nothing but Python 3.11+, git and make is needed: the first use of a command
# builds .venv from the locked, hashed requirements; a stamp named after the lock makes every later use start at once.

.DEFAULT_GOAL := help
.PHONY: help run test format bench lock openapi clean

# The newest tested Python that has what a virtual environment and the ledger need. `make PYTHON=...` overrides it.
PYTHON ?= $(shell for python in python3.13 python3.12 python3.11 python3; do \
  $$python -c 'import ensurepip, sqlite3, ssl, sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 \
  && command -v $$python && break; done)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
UV_VERSION := 0.13.9
COVERAGE_PERCENT := 90

# A stamp is named after what it stands for: this directory and the content of the locks.
stamp = $(VENV)/.$(1)-$(shell { echo "$(CURDIR)"; cat requirements.lock $(2) 2>/dev/null; } | git hash-object --stdin)
RUNTIME := $(call stamp,runtime)
DEV := $(call stamp,dev,requirements-dev.lock)
BENCH := $(call stamp,bench,requirements-bench.lock)

step = echo "== $(1)"; $(2) || { echo "make $@: the step '$(1)' failed" >&2; exit 1; }

help:
	@echo "make run      set up, start sandbox and gateway on loopback, show them at work, serve until Ctrl-C"
	@echo "              (PORT=8080 SANDBOX_PORT=9080 choose other ports; DEMO_ONCE=1 ends after the calls)"
	@echo "make test     set up, then format, lint, types, and tests with branch coverage (ARGS=... goes to pytest)"
	@echo "make format   format the code and mend what the linter can mend"
	@echo "make openapi  write openapi/gateway.yaml as the code serves it"
	@echo "make bench    measure against the goals, 4 minutes (ARGS=--quick: 2 minutes)"
	@echo "make lock     resolve requirements*.in anew into requirements*.lock"
	@echo "make clean    remove the environment, caches and the demo's ledger"

run: $(RUNTIME)
	@$(BIN)/python -m examples.demo $(ARGS)

test: $(DEV)
	@$(call step,format,$(BIN)/ruff format --check .)
	@$(call step,lint,$(BIN)/ruff check .)
	@$(call step,types,$(BIN)/mypy)
	@$(call step,tests,$(BIN)/python -m pytest --cov --cov-report=term --cov-fail-under=$(COVERAGE_PERCENT) $(ARGS))

format: $(DEV)
	@$(BIN)/ruff check --fix --exit-zero .
	@$(BIN)/ruff format .

openapi: $(RUNTIME)
	@$(BIN)/gateway openapi --output openapi/gateway.yaml

bench: $(BENCH)
	@$(BIN)/python -m bench $(ARGS)

$(RUNTIME):
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer, with venv and sqlite3, was not found; name one: make PYTHON=/path/to/python3" >&2; exit 1; }
	@echo "Setting up $(VENV) with $(PYTHON)"
	@"$(PYTHON)" -m venv --clear $(VENV)
	@$(PIP) install --require-hashes -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(DEV): $(RUNTIME)
	@echo "Adding the development tools to $(VENV)"
	@$(PIP) install --require-hashes -r requirements-dev.lock
	@touch $@

$(BENCH): $(RUNTIME)
	@echo "Adding what the benchmarks compare with to $(VENV)"
	@$(PIP) install --require-hashes -r requirements-bench.lock
	@touch $@

# Universal: one lock for every platform and Python version. It holds hashes, and no address of an index.
compile = .cache/lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
  --no-emit-index-url --no-emit-find-links

lock:
	@test -x .cache/lock/bin/uv || { "$(PYTHON)" -m venv .cache/lock && .cache/lock/bin/python -m pip --quiet install uv==$(UV_VERSION); }
	@$(compile) pyproject.toml requirements.in --output-file requirements.lock
	@$(compile) requirements-dev.in --output-file requirements-dev.lock
	@$(compile) requirements-bench.in --output-file requirements-bench.lock

clean:
	@rm -rf $(VENV) .cache .run .coverage .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist *.egg-info
