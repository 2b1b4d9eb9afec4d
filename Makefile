# make demo, make test: each sets up all that it needs from nothing. uv is used when it is there.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
GEN := .venv-gen
DEMO_ARGS ?=
# STORE=chdb keeps the archive in the ClickHouse engine, inside the server's process.
STORE ?=
BENCH_ARGS ?=

.PHONY: demo test check bench bench-drift bench-tui bench-memory pictures setup proto proto-check format lint types imports proto-lint docs docs-check clean

$(VENV)/.ready: pyproject.toml tools/setup.sh
	@PYTHON="$(PYTHON)" sh tools/setup.sh $(VENV)
	@touch $@

setup: $(VENV)/.ready

$(VENV)/.ready-chdb: $(VENV)/.ready
	@PYTHON="$(PYTHON)" sh tools/setup.sh $(VENV) chdb
	@touch $@

demo: setup $(if $(filter chdb,$(STORE)),$(VENV)/.ready-chdb)  ## the whole loop on a running server: in the control room at a terminal, else as lines
	@$(if $(filter chdb,$(STORE)),CTA_STORE_ARCHIVE=chdb://) $(BIN)/cta demo $(DEMO_ARGS)

test: setup  ## all tests
	@$(BIN)/pytest

check: format lint types imports proto-lint proto-check docs-check test  ## everything that CI checks

format: setup
	@$(BIN)/ruff format --check .

lint: setup
	@$(BIN)/ruff check .

# Pyright would ask the network for a newer release of itself; so told, it does not.
types: setup
	@$(BIN)/mypy
	@PYRIGHT_PYTHON_IGNORE_WARNINGS=1 $(BIN)/pyright

imports: setup
	@$(BIN)/lint-imports

proto-lint: setup
	@$(BIN)/buf lint
	@$(BIN)/buf format -d --exit-code

$(GEN)/.ready: tools/generate.txt
	@$(PYTHON) -m venv $(GEN)
	@$(GEN)/bin/python -m pip install -q -r tools/generate.txt
	@touch $@

proto: $(GEN)/.ready  ## generated/ anew from proto/
	@PATH="$(CURDIR)/$(GEN)/bin:$$PATH" $(GEN)/bin/python tools/generate.py

proto-check: $(GEN)/.ready
	@PATH="$(CURDIR)/$(GEN)/bin:$$PATH" $(GEN)/bin/python tools/generate.py --check

docs: setup  ## the generated parts of docs/ anew from the code
	@for tool in tools/*docs.py; do $(BIN)/python $$tool || exit 1; done

docs-check: setup
	@for tool in tools/*docs.py; do $(BIN)/python $$tool --check || exit 1; done

bench: setup $(VENV)/.ready-chdb  ## the loop's and the gate's figures, as ratios within one run, and the search of 100,000 signatures
	@$(BIN)/python -m benchmarks
	@$(BIN)/python -m benchmarks.memory --parts search

bench-drift: setup  ## the open set of drift cases, where it is there, and the generated ones
	@$(BIN)/python -m benchmarks.drift

bench-memory: setup $(VENV)/.ready-chdb  ## recognition, likeness search and archive, on SQLite and on the ClickHouse engine
	@$(BIN)/python -m benchmarks.memory $(BENCH_ARGS)

bench-tui: setup  ## the control room's answer to a key, processor and memory at 10,000 events a second
	@$(BIN)/python -m benchmarks.tui $(BENCH_ARGS)

pictures: setup  ## docs/pictures anew, out of the running control room
	@$(BIN)/python tools/pictures.py
	@$(BIN)/python tools/web_picture.py || true

clean:
	rm -rf $(VENV) $(GEN) dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
