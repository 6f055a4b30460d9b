# Targets for people; each installs what it needs, and a second installation costs nothing.
SHELL := bash
PYTHON ?= python3
SECONDS ?=
STACK ?= embedded
DATABASE ?= mysql
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: help install constraints demo lint types test test-long bench format clean

help:  ## What can be made here
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

install: $(INSTALLED)  ## Make .venv with everything in it

$(INSTALLED): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-uv.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r constraints.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

constraints: install  ## Pin the newest versions again
	$(BIN)/uv pip compile --upgrade --generate-hashes --universal --python-version 3.11 --group dev --no-header --no-annotate --no-emit-index-url --quiet pyproject.toml -o constraints.txt
	grep -A 1000 '^uv==' constraints.txt | awk 'NR==1 || /^ / {print; next} {exit}' > requirements-uv.txt

