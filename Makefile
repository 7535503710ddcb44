# Everything a person or a CI does with this repository. `make train` on a fresh machine is enough to begin.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
SETUP := $(VENV)/.setup-done
# torch first and pinned: resolved together with the rest it may become gigabytes of CUDA builds. Another build, or an
# index of CPU builds: make setup TORCH="torch==2.13.0 --index-url ..."
TORCH ?= torch==2.13.0
PIP_FLAGS ?= -qq --disable-pip-version-check
# More options for `ludus train`, e.g. make train ARGS="--preset quick"
ARGS ?=
# Test files run side by side: most of them wait for processes, so three keep two cores busy. JOBS=0: one after the other
JOBS ?= 3
PYTEST := $(BIN)/pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder

.PHONY: help setup tools train test test-all lint bench proto docs clean

help:  ## what there is to make
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 12

setup: $(SETUP)  ## virtual environment with everything, made again when pyproject.toml changes

$(SETUP): pyproject.toml
	@test -x $(BIN)/python || { echo "making $(VENV)"; $(PYTHON) -m venv $(VENV); }
	@echo "installing torch and the rest into $(VENV): a minute or two"
	@$(BIN)/pip install $(PIP_FLAGS) $(TORCH)
	@$(BIN)/pip install $(PIP_FLAGS) -e ".[local,dev]"
	@touch $@

tools: $(SETUP)  ## the pinned nats-server binary
	@$(BIN)/python -m ludus.kernel.nats_server install

train: setup tools  ## train a dogfighter on two cores: a few minutes
	@$(BIN)/ludus train dogfight $(ARGS)

# What failed while others had the cores is run once more alone: many tests wait for real processes against a clock. What
# fails twice fails.
test: setup tools  ## everything that ends within 15 minutes on two cores
	$(PYTEST) -m "not slow" || { \
	  test $$? -eq 1 && echo "== once more, alone: what failed above" && \
	  $(BIN)/pytest -m "not slow" --last-failed --last-failed-no-failures none; }

test-all: setup tools  ## and what takes longer
	$(PYTEST)

lint: setup  ## ruff, mypy, the floors of the house
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: setup tools  ## all benchmarks, short
	@for script in $(filter-out benchmarks/rows.py,$(wildcard benchmarks/*.py)); do echo "== $$script"; $(BIN)/python $$script --quick || exit 1; done

proto: setup  ## generate services/api/v1 from protos/ again
	$(BIN)/python -m grpc_tools.protoc -I protos --python_out=. --pyi_out=. --grpc_python_out=. protos/ludus/api/v1/*.proto

docs: setup  ## generate docs/cli.md again
	$(BIN)/python -m ludus.app.reference > docs/cli.md

clean:  ## remove what was built or cached; runs and the virtual environment stay
	rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find services tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
