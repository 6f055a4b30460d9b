# Each target installs what it needs.
SHELL := bash
PYTHON ?= python3
STACK ?= embedded
EVENTS ?= 10000
SEED ?= 1
OVERLAP ?= 0
CLUSTER ?= 1
DATABASE ?= $(or $(LIUYAN_TEST_DATABASE),mysql)
# Tests spend much of their time waiting for servers, so three processes keep two cores busy.
PROCESSES ?= 3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
# Show progress bars only on a terminal.
QUIET := $(shell test -t 2 || echo --quiet)
# Without cached bytecode each process compiles PyTorch and all tests again; some containers forbid the cache.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help install constraints env-example configuration-doc metrics-doc dashboards dashboards-preview demo servers lint types check test test-fast test-long faults mutations bench bench-admin bench-large bench-attacks bench-peers pictures format clean

help:  ## List all targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-18s %s\n", $$1, $$2}'

install: $(INSTALLED)  ## Create .venv with all dependencies

$(INSTALLED): pyproject.toml constraints.txt hatch_build.py $(wildcard model/native/*.[ch])
	@test -x $(BIN)/python || $(PYTHON) -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo "make: $(PYTHON) must be Python 3.11 or newer with venv. On Debian run \`apt-get install python3-venv\`," \
		"or specify another Python: \`make PYTHON=python3.13 ...\`" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@command -v $(CC) > /dev/null || echo "make: there is no C compiler, so labelling will be several times slower." \
		"On Debian run \`apt-get install gcc libc6-dev\`, then \`make clean install\`" >&2
	@echo "Installing into $(VENV) (PyTorch needs 5 GB; only training uses it) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-uv.txt
	@$(BIN)/uv pip install $(QUIET) --python $(BIN)/python --require-hashes -r constraints.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

constraints: install  ## Pin the newest versions of all dependencies
	$(BIN)/uv pip compile --upgrade --generate-hashes --universal --python-version 3.11 --group dev --group research --extra training --no-header --no-annotate --no-emit-index-url --quiet pyproject.toml -o constraints.txt
	grep -A 1000 '^uv==' constraints.txt | awk 'NR==1 || /^ / {print; next} {exit}' > requirements-uv.txt
	for peer in benchmarks/peers/requirements/*.in; do \
		$(BIN)/uv pip compile --upgrade --generate-hashes --universal --python-version 3.11 --no-header --no-annotate --no-emit-index-url --quiet $$peer -o $${peer%.in}.txt || exit 1; \
	done

env-example: install  ## Generate .env.example from the settings
	$(BIN)/python -m liuyan.settings_example > .env.example

configuration-doc: install  ## Generate docs/configuration.md from the settings
	$(BIN)/python -m liuyan.settings_document > docs/configuration.md

metrics-doc: install  ## Generate docs/metrics.md from the declared metrics
	$(BIN)/python -m liuyan.metrics.document > docs/metrics.md

dashboards: install  ## Generate Grafana's dashboards and the Prometheus rules
	$(BIN)/python -m dashboards.generate

dashboards-preview: servers  ## Draw the dashboards from real servers under load to build/dashboards
	@$(BIN)/python -m dashboards.preview

demo: install  ## Run the demo; SECONDS=20 stops it, STACK=real uses Apache Kafka and MySQL, RATE=100 comments/s
	@$(BIN)/liuyan demo --stack $(STACK) $(if $(SECONDS),--seconds $(SECONDS)) $(if $(RATE),--rate $(RATE))

servers: install  ## Download Apache Kafka, MySQL, MariaDB, Prometheus and Chromium, and build Helm, for the tests
	@LIUYAN_TEST_DATABASE=$(DATABASE) $(BIN)/python -m local_stack

check: lint  ## Run linters, type checks and fast tests: no servers, no training, under a minute
	@$(MAKE) --no-print-directory --jobs 2 types test-fast

# Without a cache mypy takes twenty seconds on one core, so it runs beside the tests.
test-fast: install
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --fast --quiet --numprocesses 2 --dist worksteal

test: lint types servers  ## Run linters, type checks and tests with real servers; DATABASE=mariadb instead of MySQL
	LIUYAN_TEST_DATABASE=$(DATABASE) $(BIN)/python -m pytest -m "not long" --numprocesses $(PROCESSES) --dist loadfile --no-loadscope-reorder

test-long: servers  ## Run the tests that take long
	LIUYAN_TEST_DATABASE=$(DATABASE) $(BIN)/python -m pytest -m long

faults: servers  ## Inject faults under load and compare all tables; EVENTS=200000 SEED=1 OVERLAP=1 CLUSTER=3
	@$(BIN)/python -m tests.faults --events $(EVENTS) --seed $(SEED) --overlap $(OVERLAP) --cluster $(CLUSTER)

mutations: servers  ## Check that fault injection detects deliberate defects
	@$(BIN)/python -m tests.faults.mutations

bench: servers  ## Compare the consumer's throughput with the model's
	@$(BIN)/python -m benchmarks

bench-admin: servers  ## Measure the admin app's queries on MySQL with 100,000 and a million comments
	@$(BIN)/python -m benchmarks.admin

bench-large: servers  ## Measure pages, purge, erasure and migrations with ten million comments: half an hour, 12 GB of disk
	@$(BIN)/python -m benchmarks.large $(OPTIONS)

pictures: servers  ## Take the README's screenshots again
	$(BIN)/python -m pytest --quiet tests/admin/test_pictures.py
	cp build/screenshots/readme-review.png docs/images/review.png
	cp build/screenshots/readme-analytics.png docs/images/analytics.png

bench-peers: servers  ## Compare the consumer with other libraries; OPTIONS="--systems faststream,liuyan --rounds 1 --quick --resume"
	@$(BIN)/python -m benchmarks.peers $(OPTIONS)

bench-attacks: install  ## Measure latency while the API is under attack
	@$(BIN)/python -m benchmarks.attacks

lint: install  ## Run linter and format check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: install  ## Run static type checks
	$(BIN)/mypy

format: install  ## Format the code and fix lint errors
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:  ## Remove .venv and tool caches, but not downloads in ~/.cache/liuyan
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis dist build
