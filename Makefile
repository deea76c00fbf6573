# kontinuous. `make run` on a fresh machine needs nothing but make and Python 3.11 or newer.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEPS := $(VENV)/.complete
EXAMPLE ?= hello
ARGS ?=

.PHONY: help deps build k8s-spec run test e2e cluster-up cluster-down lint format bench clean

help: ## List the targets
	@grep -hE '^[a-z0-9_-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  %-18s %s\n", $$1, $$2}'

include images.mk

deps: $(DEPS) ## A virtual environment in .venv with everything (as root it installs what Debian packages it lacks)

$(DEPS): pyproject.toml constraints.txt
	@command -v git >/dev/null || $(MAKE) --no-print-directory apt-git
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || $(MAKE) --no-print-directory apt-python3-venv
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$(PYTHON) is too old: set PYTHON to 3.11 or newer" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip --disable-pip-version-check install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@

apt-%:
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $*; \
	else echo "$* is needed: install it (Debian, Ubuntu: sudo apt-get install $*)" >&2; exit 2; fi

build: deps ## The wheel in dist/, and what `docker build -t TAG .` copies into the coordinator's image
	$(BIN)/python -m build --quiet --wheel --outdir dist .
	$(BIN)/python -m local.site coordinator/requirements.txt build/coordinator-site

k8s-spec: ## Write deploy/ as the one file k8s-spec.yml.example (needs kubectl)
	{ cat deploy/header.txt; kubectl kustomize deploy/default; } > k8s-spec.yml.tmp
	mv k8s-spec.yml.tmp k8s-spec.yml.example

run: deps ## Run the example repository through all three stage types (EXAMPLE=hello)
	$(BIN)/kontinuous example $(EXAMPLE)

test: deps ## Unit, property, contract and end-to-end tests, on real parts (ARGS=… for pytest)
	$(BIN)/python -m pytest --ignore=tests/cluster $(ARGS)

e2e: deps ## The tests on a real Kubernetes, brought up for them (root, Debian, Go 1.25), or on that of KONTINUOUS_E2E_KUBECONFIG
	$(BIN)/python -m tests.cluster run $(BIN)/python -m pytest tests/cluster $(ARGS)

cluster-up: deps ## The Kubernetes of `make e2e`, to stay; `python -m tests.cluster env` prints how to use it
	$(BIN)/python -m tests.cluster up

cluster-down: deps ## Take that Kubernetes away with all its traces
	$(BIN)/python -m tests.cluster down

lint: deps ## ruff, mypy --strict, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: deps ## Let ruff put the code into its form
	$(BIN)/ruff format .

bench: deps ## Ratios against a baseline in the same run
	$(BIN)/python -m tests.bench

clean: ## Remove what was built here (images and the state folder stay)
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
