# Everything starts here. `make` alone lists what there is.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
CODE   := src tests tools bench examples

# Without bytecode that is kept, a fifth of `make check` would be spent on compiling the tests anew.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev lock check format test explore demo crash bench generate clean

help: ## lists the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(VENV)/run.stamp ## makes .venv with the `wakeful` command in it

setup-dev: $(VENV)/dev.stamp ## the same with everything that tests need

$(VENV)/run.stamp: requirements/run.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Wakeful needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/run.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	$(BIN)/python -m compileall -q src/wakeful
	@touch $@

$(VENV)/dev.stamp: requirements/dev.lock $(VENV)/run.stamp
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.lock
	@touch $@

UV_COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url \
              --no-emit-find-links --no-header --generate-hashes

lock: setup-dev ## resolves the dependencies anew and writes requirements/*.lock
	$(UV_COMPILE) --upgrade pyproject.toml --extra postgres --extra demo --extra zstd -o requirements/run.lock
	$(UV_COMPILE) --upgrade pyproject.toml --all-extras -c requirements/run.lock -o requirements/dev.lock

format: setup-dev ## formats the code
	$(BIN)/ruff format $(CODE)
	$(BIN)/ruff check --fix-only --quiet $(CODE)

check: setup-dev ## format, lint, types, architecture and the tests that run no function and no PostgreSQL
	$(BIN)/ruff format --check --quiet $(CODE)
	$(BIN)/ruff check --quiet $(CODE)
	$(BIN)/mypy
	$(BIN)/pytest -q -n 2 -m "not slow" --hypothesis-profile=quick

test: setup-dev ## every test; the few that fail beside others are tried once more alone, and named
	$(BIN)/python -m tools.every_test

explore: setup-dev ## the property tests that need no processes, on examples that nobody has tried, for as long as it takes
	$(BIN)/pytest -n 2 -m "not slow" --hypothesis-profile=explore tests/fabric tests/store tests/wire tests/services

generate: setup-dev ## writes what is generated from the models: types and the coverage table
	$(BIN)/python -m tools.generate_shapes
	$(BIN)/python -m tools.coverage

demo: setup ## the story: a picture is uploaded, functions wake, the user is told (KEEP=1 leaves the node running)
	@$(BIN)/python examples/photographs/demo.py $(if $(KEEP),--keep)

.bench/stamp: requirements/peers.lock
	$(PYTHON) -m venv .bench
	.bench/bin/python -m pip install --quiet --disable-pip-version-check -r requirements/peers.lock
	@touch $@

.bench/npm/stamp: requirements/peers.json
	mkdir -p .bench/npm && cp requirements/peers.json .bench/npm/package.json
	npm install --silent --no-audit --no-fund --prefix .bench/npm || echo "no npm: the bench goes on without serverless-offline and dynalite"
	@touch $@

.bench/maven/stamp: requirements/peers.xml
	mkdir -p .bench/maven
	mvn -q -B -f requirements/peers.xml dependency:copy-dependencies -DoutputDirectory=$(CURDIR)/.bench/maven || echo "no Maven: the bench goes on without DynamoDB Local"
	@touch $@

bench: setup-dev .bench/stamp .bench/npm/stamp .bench/maven/stamp ## Wakeful beside its peers and beside a floor, in one run (SECTIONS="warm dev" for some of it)
	$(BIN)/python -m bench $(SECTIONS)

clean: ## removes what make made
	rm -rf $(VENV) .bench .mypy_cache .ruff_cache .hypothesis

crash: setup-dev ## kills the node fifty times under load, and beside every checkpoint of a workflow, and counts
	CRASHES=50 $(BIN)/pytest -q -s tests/crash tests/durable/test_crashes.py
