# Targets for people; each installs what it needs, and a second installation costs nothing.
SHELL := bash
PYTHON ?= python3
STACK ?= embedded
EVENTS ?= 10000
SEED ?= 1
DATABASE ?= $(or $(LIUYAN_TEST_DATABASE),mysql)
# Tests wait for servers as much as they compute, so two cores are busy with three files at a time.
PROCESSES ?= 3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
# Progress bars where somebody watches, silence in a log.
QUIET := $(shell test -t 2 || echo --quiet)
# Without cached bytecode each process compiles PyTorch and all tests again; some containers forbid the cache.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help install constraints env-example demo servers lint types check test test-long faults mutations bench bench-admin bench-attacks pictures format clean

help:  ## What can be made here
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

install: $(INSTALLED)  ## Make .venv with everything in it

$(INSTALLED): pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo "make: $(PYTHON) must be Python 3.11 or newer with venv: on Debian run \`apt-get install python3-venv\`," \
		"or name another one: \`make PYTHON=python3.13 ...\`" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing into $(VENV) (PyTorch is large: 5 GB the first time) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-uv.txt
	@$(BIN)/uv pip install $(QUIET) --python $(BIN)/python --require-hashes -r constraints.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

constraints: install  ## Pin the newest versions again
	$(BIN)/uv pip compile --upgrade --generate-hashes --universal --python-version 3.11 --group dev --group research --extra training --no-header --no-annotate --no-emit-index-url --quiet pyproject.toml -o constraints.txt
	grep -A 1000 '^uv==' constraints.txt | awk 'NR==1 || /^ / {print; next} {exit}' > requirements-uv.txt

env-example: install  ## Write .env.example from the settings
	$(BIN)/python -m liuyan.settings_example > .env.example

demo: install  ## See it work; SECONDS=20 ends by itself, STACK=real uses Apache Kafka and MySQL
	@$(BIN)/liuyan demo --stack $(STACK) $(if $(SECONDS),--seconds $(SECONDS))

servers: install  ## Get Apache Kafka, MySQL, MariaDB and Chromium for the tests, once
	@LIUYAN_TEST_DATABASE=$(DATABASE) $(BIN)/python -m local_stack

check: lint types  ## Lint, types and the tests that start no server and train nothing, in under a minute
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --fast --quiet --numprocesses 2 --dist worksteal

test: lint types servers  ## Lint, types and tests on genuine servers; DATABASE=mariadb for the other database
	LIUYAN_TEST_DATABASE=$(DATABASE) $(BIN)/python -m pytest -m "not long" --numprocesses $(PROCESSES) --dist loadfile --no-loadscope-reorder

test-long: servers  ## The tests that take longer than the suite's budget
	LIUYAN_TEST_DATABASE=$(DATABASE) $(BIN)/python -m pytest -m long

faults: servers  ## Break everything under a load and compare every table; EVENTS=200000 SEED=1
	@$(BIN)/python -m tests.faults --events $(EVENTS) --seed $(SEED)

mutations: servers  ## Show that the faults catch defects: each one turns a run red
	@$(BIN)/python -m tests.faults.mutations

bench: servers  ## Measure the consumer against what the model alone can do
	@$(BIN)/python -m benchmarks

bench-admin: servers  ## Measure what the admin app asks of MySQL, at 100,000 and at a million comments
	@$(BIN)/python -m benchmarks.admin

pictures: servers  ## Take the README's screenshots again
	$(BIN)/python -m pytest --quiet tests/admin/test_pictures.py
	cp build/screenshots/readme-review.png docs/images/review.png
	cp build/screenshots/readme-analytics.png docs/images/analytics.png

bench-attacks: install  ## Measure what other requests feel while the API is attacked
	@$(BIN)/python -m benchmarks.attacks

lint: install  ## Style and mistakes that a linter finds
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: install  ## Static types
	$(BIN)/mypy

format: install  ## Write the code as the linter wants it
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:  ## Remove the environment and what tools left; downloads in ~/.cache/liuyan stay
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis dist build
