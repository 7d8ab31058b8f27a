# The targets of the project; `make` alone lists them.

PYTHON ?= python3
SERVICES := orchestrator worker aggregator api
QUEUES := benchmarks/queues/requirements
SBOM := .venv/sbom
IMAGES := $(SERVICES:%=%/requirements.txt) worker/requirements-dask.txt
PINS := requirements.lock $(IMAGES) $(QUEUES).txt
BIN := .venv/bin
# What `run` and `up` need: Dask only if it maps.
STACK := .venv/.run $(if $(filter dask,$(AUTOCONNECT_ENGINE)),.venv/.dask)
# Pins hold for every Python from 3.11 on, with one version of a package if one works for all of them.
COMPILE := UV_CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/uv pip compile --quiet --universal --python-version 3.11 \
	--fork-strategy fewest

.DEFAULT_GOAL := help
.PHONY: help run up test test-redis-versions fuzz fuzz-api openapi examples chaos check lint bench bench-quick lock upgrade lock-check sbom generate clean

help: ## Print this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-19s %s\n", $$1, $$2 }' Makefile

run: $(STACK) ## Run one job on this machine and print the metrics (SOURCE=path: another file)
	@exec $(BIN)/autoconnect run $${SOURCE:+"$$SOURCE"}

up: $(STACK) ## Run the whole stack on this machine until Ctrl-C (PORT=8000, WORKERS=3, SOURCE=path: a file in data/)
	@AUTOCONNECT_SOURCE="$${SOURCE:-$$AUTOCONNECT_SOURCE}" exec $(BIN)/autoconnect up $${PORT:+--port "$$PORT"} $${WORKERS:+--workers "$$WORKERS"}

test: .venv/.test ## Run all tests, several at a time (ARGS=...: arguments for pytest, one test at a time)
	@exec $(BIN)/pytest $(or $(ARGS),-n auto)

test-redis-versions: .venv/.test ## Run the integration tests on Redis 6.2 to 8 and on Valkey, more than 8 minutes for each (ARGS=...)
	@exec $(BIN)/python -m tests.servers --test $(ARGS)

fuzz: .venv/.test ## Try a million mutated inputs on the core (INPUTS=n: n inputs, SEED=n: repeat a run)
	@exec $(BIN)/python -m tests.fuzz $${INPUTS:+--inputs "$$INPUTS"} $${SEED:+--seed "$$SEED"}

fuzz-api: .venv/.test ## Call every operation of a running API with good and bad data (EXAMPLES=n: up to n examples, SEED=n: repeat a run)
	@exec $(BIN)/python -m tests.fuzz.openapi $${EXAMPLES:+--examples "$$EXAMPLES"} $${SEED:+--seed "$$SEED"}

openapi: .venv/.test ## Write docs/openapi.json, the description of the API
	@exec $(BIN)/python -m api.description

examples: .venv/.test ## Record the examples of the description again, from real answers; then run `make openapi`
	@exec $(BIN)/python -m tests.examples

chaos: .venv/.test ## Run jobs on real processes for two minutes while faults strike them (SEED=n: repeat a schedule, KILLS=n: until n processes are killed)
	@exec $(BIN)/python -m tests.chaos $${SEED:+--seed "$$SEED"} $${KILLS:+--kills "$$KILLS"}

check: lint lock-check ## Run what CI runs: lint, lock-check, then the tests
	@$(MAKE) --no-print-directory test

lint: .venv/.test ## Check style, types and import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/.bench .venv/.queues ## Compare with other engines and write docs/performance.md and docs/capacity.md, about 35 minutes (BENCH_ARGS=...)
	@exec $(BIN)/python -m benchmarks $(BENCH_ARGS)

bench-quick: .venv/.bench .venv/.queues ## Compare on small files, and write nothing
	@exec $(BIN)/python -m benchmarks --quick $(BENCH_ARGS)

lock: $(BIN)/uv ## Update the pins from pyproject.toml, keeping those that still fit
	$(call compile,.)

upgrade: $(BIN)/uv ## Update the pins to the newest releases
	$(call compile,.,--upgrade)

lock-check: $(BIN)/uv ## Check that the pins are those that `make lock` writes
	@rm -rf .venv/lock && mkdir -p $(SERVICES:%=.venv/lock/%) .venv/lock/benchmarks/queues
	@for file in $(PINS); do cp $$file .venv/lock/$$file; done
	$(call compile,.venv/lock)
	@for file in $(PINS); do cmp -s $$file .venv/lock/$$file || \
		{ echo "$$file does not match pyproject.toml: run 'make lock' and commit what it changes." >&2; exit 1; }; done

sbom: .venv/.test ## List the packages in each image, as CycloneDX, in .venv/sbom (SBOM=folder: elsewhere)
	@mkdir -p $(SBOM)
	@for file in $(IMAGES); do name=$$(echo $${file%.txt} | sed 's|/requirements||'); \
		$(BIN)/cyclonedx-py requirements --output-reproducible --validate \
		--output-file $(SBOM)/$$name.cdx.json $$file || exit 1; done

generate: .venv/.run ## Write data/transactions_autoconnect.csv again (always the same rows)
	@$(BIN)/autoconnect generate --rows 10000 --seed 2023 --out .venv/sample.csv
	@mv .venv/sample.csv data/transactions_autoconnect.csv

clean: ## Remove .venv and all caches (the data of `make up` in .autoconnect stays)
	rm -rf .venv *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +

# Write all pins into the folder $(1): first the lock, then those of each service, which follow it. An image accepts only
# packages with these hashes, which are those of all platforms.
define compile
@$(COMPILE) pyproject.toml $(2) --all-extras --output-file $(1)/requirements.lock
@for service in $(SERVICES); do \
	$(COMPILE) pyproject.toml --no-annotate --generate-hashes --extra $$service --constraints $(1)/requirements.lock \
		--output-file $(1)/$$service/requirements.txt || exit 1; done
@$(COMPILE) pyproject.toml --no-annotate --generate-hashes --extra worker --extra dask \
	--constraints $(1)/requirements.lock --output-file $(1)/worker/requirements-dask.txt
@$(COMPILE) $(QUEUES).in $(2) --no-annotate --output-file $(1)/$(QUEUES).txt
endef

# .venv/.whole is missing while something is installed: after an installation that was cut short, .venv is made anew.
WHOLE := $(filter-out $(wildcard .venv/.whole),.venv/.whole)

# These stamps record what .venv holds, so that nothing is installed twice.
.venv/.run: pyproject.toml requirements.lock $(WHOLE)
	$(call install,.[all])

.venv/.dask: .venv/.run
	$(call install,.[all$(comma)dask])

.venv/.test: pyproject.toml requirements.lock $(WHOLE)
	$(call install,.[all$(comma)dev])
	@touch .venv/.run

.venv/.bench: pyproject.toml requirements.lock $(WHOLE)
	$(call install,.[all$(comma)bench])
	@touch .venv/.run

# In a .venv of their own: these queues need older versions of packages that we use.
.venv/.queues: $(QUEUES).txt $(WHOLE)
	@echo "Installing other queues into .venv/queues ..."
	@$(BIN)/python -m venv --clear .venv/queues
	@.venv/queues/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

# Installed alone, so that the pins can be updated even if the current ones can no longer be installed.
$(BIN)/uv: $(WHOLE)
	$(call pip,uv)

# Runs a module as `-m` does, but Ctrl-C ends it without a traceback; the arguments follow.
MODULE := -c 'import runpy, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); del sys.argv[0]; \
	sys.path.insert(0, ""); runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)'

define pip
@rm -f .venv/.whole
@$(BIN)/python $(MODULE) pip install --quiet --disable-pip-version-check -c requirements.lock $(1)
@touch .venv/.whole
endef

define install
@echo "Installing into .venv ..."
$(call pip,-e '$(1)')
@$(BIN)/python $(MODULE) worker.warm
@touch $@
endef
comma := ,

.venv/.whole:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "AutoConnect needs Python 3.11 or newer, and $(PYTHON) is not: name one with 'make PYTHON=...'." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "$(PYTHON) has no module venv with pip: on Debian or Ubuntu, install the package python3-venv." >&2; exit 1; }
	@$(PYTHON) $(MODULE) venv --clear .venv
	@touch $@
