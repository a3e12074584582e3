# `make help` lists the commands. Nothing but Python 3.11+, git and make is needed: the first use of a command
# builds .venv from the locked, hashed requirements; a stamp named after the lock makes every later use start at once.

.DEFAULT_GOAL := help
.PHONY: help run test test-faults fuzz soak format bench lock openapi observability clean
.PHONY: tools chart image contract release sbom audit pictures

# The newest tested Python that has what a virtual environment and the ledger need. `make PYTHON=...` overrides it.
PYTHON ?= $(shell for python in python3.13 python3.12 python3.11 python3; do \
  $$python -c 'import ensurepip, sqlite3, ssl, sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 \
  && command -v $$python && break; done)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
UV_VERSION := 0.13.9
COVERAGE_PERCENT := 90
# Most tests wait rather than work: more of them run side by side than there are processors.
WORKERS ?= 4

# A stamp is named after what it stands for: this directory and the content of the locks.
stamp = $(VENV)/.$(1)-$(shell { echo "$(CURDIR)"; cat requirements.lock $(2) 2>/dev/null; } | git hash-object --stdin)
RUNTIME := $(call stamp,runtime)
DEV := $(call stamp,dev,requirements-otel.lock requirements-dev.lock)
BENCH := $(call stamp,bench,requirements-bench.lock)
POLICY := .cache/policy/.stamp-$(shell git hash-object requirements-policy.lock)
TOOLS := .cache/tools/.stamp-$(shell git hash-object requirements-tools.lock)
CLIENTS := tests/deploy/clients
NODE := .cache/node/.stamp-$(shell git hash-object $(CLIENTS)/package-lock.json)

VERSION_NOW := $(shell sed -n 's/^__version__ = "\(.*\)"/\1/p' gateway/version.py)
REVISION ?= $(shell git rev-parse HEAD)
SBOM := dist/case-gateway-$(VERSION_NOW).cdx.json
# What the image is made of, installed without the installer and without compiled files: it is looked at, and not run.
SHIPPED := requirements.lock requirements-otel.lock
BARE := .cache/runtime/.stamp-$(shell cat $(SHIPPED) | git hash-object --stdin)
INTO_BARE := .cache/tools/bin/python -m pip --quiet --disable-pip-version-check \
  --python .cache/runtime/bin/python install --no-compile

step = echo "== $(1)"; $(2) || { echo "make $@: the step '$(1)' failed" >&2; exit 1; }

help:
	@echo "make run      set up, start sandbox and gateway on loopback, show them at work, serve until Ctrl-C"
	@echo "              (PORT=8080 SANDBOX_PORT=9080 choose other ports; DEMO_ONCE=1 ends after the calls)"
	@echo "make test     set up, then format, lint, types, and tests with branch coverage (ARGS=... goes to pytest)"
	@echo "make test-faults  every fault test, also those that make test leaves out (ARGS=... goes to pytest)"
	@echo "make fuzz     the properties of the code once more, on new random inputs (ARGS=... goes to pytest)"
	@echo "make soak     a gateway under load for 15 minutes: memory and open files stay flat (ARGS=\"--minutes 3\")"
	@echo "make format   format the code and mend what the linter can mend"
	@echo "make chart    write the chart's README and schema, and dist/case-gateway-VERSION.tgz"
	@echo "make image    build the container image with docker, podman or buildah (PYTHON_IMAGE=..., IMAGE=...)"
	@echo "make sbom     write dist/case-gateway-VERSION.cdx.json, what the image is made of (CycloneDX)"
	@echo "make audit    ask for known vulnerabilities of what is locked; fails also if nobody could be asked"
	@echo "make release  VERSION=1.2.3: the version everywhere, the changelog, a commit and a tag; nothing is pushed"
	@echo "make contract try the published contract: linter, fuzzer, clients in Python and TypeScript"
	@echo "make tools    install the tools of the slower tests, which are skipped without them"
	@echo "make openapi  write openapi/gateway.yaml and config.schema.json as the code has them"
	@echo "make observability  write docs/metrics.md, docs/logs.md and the chart's dashboards and alerts as the code makes them"
	@echo "make pictures draw docs/images from real series (needs Prometheus and Chromium, 3 minutes)"
	@echo "make bench    measure against the goals, 4 minutes (ARGS=--quick: 2 minutes)"
	@echo "make lock     resolve requirements*.in anew into requirements*.lock"
	@echo "make clean    remove the environment, caches and the demo's ledger"

run: $(RUNTIME)
	@$(BIN)/python -m examples.demo $(ARGS)

test: $(DEV)
	@$(call step,format,$(BIN)/ruff format --check .)
	@$(call step,lint,$(BIN)/ruff check .)
	@$(call step,types,$(BIN)/mypy)
	@$(call step,tests,$(BIN)/python -m pytest -n $(WORKERS) --dist loadscope --no-loadscope-reorder --cov --cov-report=term --cov-fail-under=$(COVERAGE_PERCENT) $(ARGS))

test-faults: $(DEV)
	@GATEWAY_FAULTS=1 $(BIN)/python -m pytest tests/faults tests/simulation $(ARGS)
	@cat .cache/faults/*.json

fuzz: $(DEV)
	@GATEWAY_FAULTS=1 $(BIN)/python -m pytest -m hypothesis -n $(WORKERS) --dist loadscope $(ARGS)

soak: $(DEV)
	@$(BIN)/python -m tests.faults.soak $(ARGS)

format: $(DEV)
	@$(BIN)/ruff check --fix --exit-zero .
	@$(BIN)/ruff format .

contract: $(DEV) tools
	@$(BIN)/python -m pytest tests/deploy/test_contract.py $(ARGS)

observability: $(RUNTIME)
	@$(BIN)/python -m observability

pictures: $(RUNTIME)
	@$(BIN)/python -m observability.pictures $(ARGS)

openapi: $(RUNTIME)
	@$(BIN)/gateway openapi --output openapi/gateway.yaml
	@$(BIN)/gateway check --schema > openapi/config.schema.json

chart: $(DEV)
	@$(BIN)/python -m tools.chart_schema
	@$(BIN)/python -m tools.chart_readme
	@$(BIN)/helm package helm/case-gateway --destination dist

# Any of the usual builders. PYTHON_IMAGE=...@sha256:... pins the base by digest, IMAGE=... names the result.
image:
	@builder=$$(for name in docker podman buildah; do $$name info >/dev/null 2>&1 && echo $$name && break; done); \
	test -n "$$builder" || { echo "No builder of images works here: docker, podman and buildah were tried" >&2; exit 1; }; \
	set -x; $$builder build $(if $(PYTHON_IMAGE),--build-arg PYTHON_IMAGE=$(PYTHON_IMAGE)) \
	  --build-arg VERSION=$(VERSION_NOW) --build-arg REVISION=$(REVISION) \
	  --tag $(or $(IMAGE),case-gateway:$(VERSION_NOW)) $(IMAGE_ARGS) .

# What the lock installs on this platform, with licences and what needs what; the installer itself stays out.
sbom: $(BARE)
	@$(INTO_BARE) --no-deps --no-build-isolation .
	@mkdir -p dist
	@.cache/tools/bin/cyclonedx-py environment .cache/runtime/bin/python --pyproject pyproject.toml --output-reproducible \
	  --spec-version 1.6 --output-format JSON --output-file $(SBOM)
	@"$(PYTHON)" -m tools.sbom $(SBOM) $(VERSION_NOW) $(REVISION)
	@echo "$(SBOM)"

$(BARE): $(TOOLS)
	@echo "Setting up .cache/runtime"
	@"$(PYTHON)" -m venv --clear --without-pip .cache/runtime
	@$(INTO_BARE) --require-hashes $(SHIPPED:%=-r %)
	@touch $@

# Fails on a known vulnerability, and also where nobody could be asked about one.
audit: $(TOOLS)
	@.cache/tools/bin/pip-audit $(SHIPPED:%=--requirement %) --require-hashes --disable-pip --strict \
	  --progress-spinner off --vulnerability-service osv $(AUDIT_ARGS) \
	  || { echo "make audit: a vulnerability is known, or it could not be found out; see above" >&2; exit 1; }

# Writes the version everywhere, dates the changelog, commits and tags; it pushes nothing.
release:
	@test -n "$(VERSION)" || { echo "make release VERSION=1.2.3" >&2; exit 2; }
	@"$(PYTHON)" -m tools.release $(VERSION)

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
	@$(PIP) install --require-hashes -r requirements-otel.lock
	@$(PIP) install --require-hashes -r requirements-dev.lock
	@touch $@

# What would take the first `make test` minutes longer has environments of its own; without them, its tests are skipped.
tools: $(POLICY) $(TOOLS) $(BARE) $(if $(shell command -v npm),$(NODE))
	@command -v npm >/dev/null || echo "npm is not here: the linter of OpenAPI and the client in TypeScript are left out"

own_environment = echo "Setting up $(1)" && "$(PYTHON)" -m venv --clear $(1) \
  && $(1)/bin/python -m pip --quiet --disable-pip-version-check install --require-hashes -r $(2)

$(POLICY):
	@$(call own_environment,.cache/policy,requirements-policy.lock)
	@touch $@

$(TOOLS):
	@$(call own_environment,.cache/tools,requirements-tools.lock)
	@touch $@

$(NODE):
	@echo "Setting up .cache/node"
	@mkdir -p .cache/node && cp $(CLIENTS)/package.json $(CLIENTS)/package-lock.json .cache/node
	@npm ci --prefix .cache/node --ignore-scripts --no-fund --no-audit --loglevel=error
	@touch $@

$(BENCH): $(RUNTIME)
	@echo "Adding what the benchmarks compare with to $(VENV)"
	@$(PIP) install --require-hashes -r requirements-bench.lock
	@touch $@

# Universal: one lock for every platform and Python version. It holds hashes, and no address of an index. Extras stay
# named: pip takes `coverage[toml]` for pinned by `coverage==...` only while that is the newest.
compile = .cache/lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
  --no-emit-index-url --no-emit-find-links --no-strip-extras

lock:
	@test -x .cache/lock/bin/uv || { "$(PYTHON)" -m venv .cache/lock && .cache/lock/bin/python -m pip --quiet install uv==$(UV_VERSION); }
	@$(compile) pyproject.toml requirements.in --output-file requirements.lock
	@$(compile) requirements-otel.in --output-file requirements-otel.lock
	@$(compile) requirements-dev.in --output-file requirements-dev.lock
	@$(compile) requirements-bench.in --output-file requirements-bench.lock
	@$(compile) requirements-policy.in --output-file requirements-policy.lock
	@$(compile) requirements-tools.in --output-file requirements-tools.lock

clean:
	@rm -rf $(VENV) .cache .run .coverage .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist *.egg-info
