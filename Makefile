# What people and CI run. Each target does its own set-up; `make help` lists them.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
BIN := .venv/bin

.PHONY: help setup lock check build test test-all e2e conformance bench bench-operator demo cluster cosign node generate goldens

help: ## List the targets
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20

setup: .venv/.ready ## Make .venv from requirements.lock

.venv/.ready: requirements.lock pyproject.toml tools/setup.sh
	@tools/setup.sh

lock: setup ## Write requirements.lock anew from pyproject.toml
	tools/lock.sh

check: setup ## Lint, types, import rules, generated files, the chart
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/basedpyright
	$(BIN)/lint-imports
	$(BIN)/python tools/generate.py --check
	$(BIN)/python -m e2e.helm lint --strict --quiet charts/revet

build: setup ## Build the control plane's programs and ours in Go (kept in .cache/)
	$(BIN)/python -m e2e.cluster build

test: check build ## check, then every test, on a real API server
	$(BIN)/pytest

test-all: check build ## The tests on each Python from 3.11 to 3.13 that is here
	$(BIN)/python tools/test_all.py

e2e: build ## Only the tests on a real API server
	$(BIN)/pytest e2e

conformance: build ## All upstream fixtures, 100,000 random pods against its evaluator, its live suite, the attacks on images
	$(BIN)/python -m e2e.conformance

bench: build ## Measure; ends with 1 if a figure misses its bar
	$(BIN)/python -m bench

bench-operator: build ## Measure the operator with 100 and 1,000 namespaces: half an hour
	$(BIN)/python -m bench.scale

demo: build ## The story on a real API server; KEEP=1 leaves it all up
	$(BIN)/python -m e2e.demo $(if $(KEEP),--keep)

cluster: build ## Leave a control plane running and print its KUBECONFIG
	$(BIN)/python -m e2e.cluster up

cosign: setup ## Build cosign, 10 minutes of CPU; without it, tests with it are skipped
	$(BIN)/python -m e2e.cosign.build

node: build ## Build a node's programs, 5 minutes of CPU; without them (or root), tests on a node are skipped
	$(BIN)/python -m e2e.node.build

generate: setup ## Write the generated files anew
	$(BIN)/python tools/generate.py

goldens: setup ## Write the tests' expected outputs anew; look at the diff
	REVET_WRITE_GOLDENS=1 $(BIN)/pytest -q tests/core
