# `make` lists what there is. The environment is .venv, made with pip from the locked requirements.
#
#   PYTHON=python3.12        another Python (3.11 or later) for .venv
#   DEMO_ARGS="--no-serve"   for `aimwell demo`
#   PYTEST_ARGS="-x -k lift" for pytest, in test, test-fast and test-long
#   WORKERS=2                how many tests run at a time
#   BENCH="rules --quick"    which benchmarks, and whether on small data
#   LOCK_ARGS=--upgrade      take the newest versions

WORKERS ?= 2
export PYTHON

# Each worker has one core. Two pools of threads on the same two cores wait for each other more than they work.
ONE_THREAD := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
# pytest rewrites the asserts of some hundred modules, and need not do so anew in each worker.
PYTEST := env -u PYTHONDONTWRITEBYTECODE .venv/bin/python -m pytest
# For the hundreds of processes that tests begin, also where Python is told to write no compiled modules.
COMPILE := .venv/bin/python -m compileall -q src
# A file's tests stay in one worker, so what they share is made once. conftest.py says which files begin.
IN_PARALLEL := -n $(WORKERS) --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test test-fast test-long check format bench lock install

help: ## List everything that make can do here
	@echo "Aimwell: who should get which promotion, and what it earned."
	@echo
	@sed -n 's/^\([a-z][a-z-]*\):.*## /\1	/p' $(firstword $(MAKEFILE_LIST)) \
	  | while IFS='	' read -r name text; do printf '  make %-10s %s\n' "$$name" "$$text"; done
	@echo
	@sed -n 's/^#   //p' $(firstword $(MAKEFILE_LIST)) | sed 's/^/  /'

demo: ## Install, run the whole loop on a simulated shop, and open its report
	@scripts/environment runtime
	@.venv/bin/aimwell demo $(DEMO_ARGS)

test: ## Install what tests need, run every check and every test (what CI runs)
	@scripts/environment test
	@scripts/install-test-needs
	@scripts/check
	@$(COMPILE)
	@$(ONE_THREAD) $(PYTEST) $(IN_PARALLEL) $(PYTEST_ARGS)

test-fast: ## Run the quick tests alone, on SQLite only
	@scripts/environment test
	@AIMWELL_TEST_SQLITE_ONLY=1 $(ONE_THREAD) $(PYTEST) $(IN_PARALLEL) -m "not long and not slow" $(PYTEST_ARGS)

test-long: ## Run the long proofs: hours; hundreds of kills, thousands of replications, big data
	@scripts/environment test
	@scripts/install-test-needs long
	@AIMWELL_TEST_SEED=$${AIMWELL_TEST_SEED:-$$(date +%s)}; export AIMWELL_TEST_SEED; \
	$(PYTEST) -m long -v --timeout 14400 --durations 20 \
	  --hypothesis-profile long --hypothesis-seed $$AIMWELL_TEST_SEED $(PYTEST_ARGS)

check: ## Check format, lint, types and the layers of the house
	@scripts/environment test
	@scripts/check

format: ## Put the code into the house's format and mend what lint can mend
	@scripts/environment test
	@.venv/bin/ruff check --fix --quiet . ; .venv/bin/ruff format .

bench: ## Run the benchmarks, each figure with its yardstick
	@scripts/environment test
	@.venv/bin/python scripts/run_benchmarks.py $(BENCH)

lock: ## Write the locked requirements anew from pyproject.toml
	@scripts/lock $(LOCK_ARGS)

install: ## Make .venv with what Aimwell needs to run
	@scripts/environment runtime
	@echo "Aimwell is installed. Try: .venv/bin/aimwell --help"
