# What there is to do; `make` alone prints it.

PYTHON ?= python3
SERVICES := orchestrator worker aggregator api
QUEUES := benchmarks/queues/requirements
PINS := requirements.lock $(SERVICES:%=%/requirements.txt) $(QUEUES).txt
BIN := .venv/bin
# Pins for every Python from 3.11 on, one version of each package as long as there is one for all.
COMPILE := UV_CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/uv pip compile --quiet --universal --python-version 3.11 \
	--fork-strategy fewest

.DEFAULT_GOAL := help
.PHONY: help run up test fuzz fuzz-api chaos check lint bench bench-quick lock upgrade lock-check generate clean

help: ## Print this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

run: .venv/.run ## Run one job on this machine and print the metrics (SOURCE=path: of another file)
	@exec $(BIN)/autoconnect run $${SOURCE:+"$$SOURCE"}

up: .venv/.run ## Run the whole stack on this machine until Ctrl-C (PORT=8000, WORKERS=3, SOURCE=name: a file of data/)
	@AUTOCONNECT_SOURCE="$${SOURCE:-$$AUTOCONNECT_SOURCE}" exec $(BIN)/autoconnect up $${PORT:+--port "$$PORT"} $${WORKERS:+--workers "$$WORKERS"}

test: .venv/.test ## Run the tests (ARGS=...: what pytest shall be told)
	@exec $(BIN)/pytest $(ARGS)

fuzz: .venv/.test ## Try a million spoiled inputs on the core (INPUTS=n: so many, SEED=n: the same again)
	@exec $(BIN)/python -m tests.fuzz $${INPUTS:+--inputs "$$INPUTS"} $${SEED:+--seed "$$SEED"}

fuzz-api: .venv/.test ## Call every operation of a running API with good and bad data (EXAMPLES=n: up to so many, SEED=n: the same again)
	@exec $(BIN)/python -m tests.fuzz.openapi $${EXAMPLES:+--examples "$$EXAMPLES"} $${SEED:+--seed "$$SEED"}

chaos: .venv/.test ## Let faults strike real processes for two minutes (SEED=n: the same again, KILLS=n: until so many are killed)
	@exec $(BIN)/python -m tests.chaos $${SEED:+--seed "$$SEED"} $${KILLS:+--kills "$$KILLS"}

check: lint lock-check ## Run what CI runs: lint, lock-check, then the tests
	@$(MAKE) --no-print-directory test

lint: .venv/.test ## Check style, types and import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/.bench .venv/.queues ## Measure against other engines and write docs/performance.md, in some 15 minutes (BENCH_ARGS=...)
	@exec $(BIN)/python -m benchmarks $(BENCH_ARGS)

bench-quick: .venv/.bench .venv/.queues ## Measure the same on small files, and write nothing
	@exec $(BIN)/python -m benchmarks --quick $(BENCH_ARGS)

lock: $(BIN)/uv ## Renew the pins from pyproject.toml, keeping those that still do
	$(call compile,.)

upgrade: $(BIN)/uv ## Renew the pins to the newest releases
	$(call compile,.,--upgrade)

lock-check: $(BIN)/uv ## Check that the pins are what `make lock` makes
	@rm -rf .venv/lock && mkdir -p $(SERVICES:%=.venv/lock/%) .venv/lock/benchmarks/queues
	@cp requirements.lock .venv/lock && cp $(QUEUES).txt .venv/lock/$(QUEUES).txt
	$(call compile,.venv/lock)
	@for file in $(PINS); do cmp -s $$file .venv/lock/$$file || \
		{ echo "$$file is not what pyproject.toml asks for: run 'make lock' and commit what it changes." >&2; exit 1; }; done

generate: .venv/.run ## Write data/transactions_autoconnect.csv anew (always the same rows)
	$(BIN)/autoconnect generate --rows 10000 --seed 2023 --out data/transactions_autoconnect.csv

clean: ## Remove .venv and all caches (the data of `make up` in .autoconnect stays)
	rm -rf .venv *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +

# Writes all pins into the folder $(1): first the lock, and from it those of each service.
define compile
@$(COMPILE) pyproject.toml $(2) --all-extras --output-file $(1)/requirements.lock
@for service in $(SERVICES); do \
	$(COMPILE) pyproject.toml --no-annotate --extra $$service --constraints $(1)/requirements.lock --output-file $(1)/$$service/requirements.txt || exit 1; done
@$(COMPILE) $(QUEUES).in $(2) --no-annotate --output-file $(1)/$(QUEUES).txt
endef

# The stamps say what .venv holds, so that nothing is installed twice.
.venv/.run: pyproject.toml requirements.lock | $(BIN)/python
	$(call install,.[all])

.venv/.test: pyproject.toml requirements.lock | $(BIN)/python
	$(call install,.[all$(comma)dev])
	@touch .venv/.run

.venv/.bench: pyproject.toml requirements.lock | $(BIN)/python
	$(call install,.[all$(comma)bench])
	@touch .venv/.run

# Apart from all else: these hold packages back that we have newer.
.venv/.queues: $(QUEUES).txt | $(BIN)/python
	@echo "Installing other queues into .venv/queues ..."
	@$(BIN)/python -m venv .venv/queues
	@.venv/queues/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

# Alone, so that pins can be renewed when those there are cannot be installed any more.
$(BIN)/uv: | $(BIN)/python
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c requirements.lock uv

define install
@echo "Installing into .venv ..."
@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c requirements.lock -e '$(1)'
@$(BIN)/python -m worker.warm
@touch $@
endef
comma := ,

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "AutoConnect needs Python 3.11 or newer, and $(PYTHON) is not: say which one by 'make PYTHON=...'." >&2; exit 1; }
	@$(PYTHON) -m venv .venv
