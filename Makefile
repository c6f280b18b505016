# make run: set up what is missing, then start the program.   make test: the same for the tests.
PYTHON ?= python3
BIN := .venv/bin
MARK := .venv/.installed
TEST_MARK := .venv/.installed-test

.PHONY: run test lint format bench allowlist clean

run: $(MARK)
	@$(BIN)/fmnist-tui $(ARGS)

test: $(TEST_MARK)
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist worksteal $(ARGS)

lint: $(TEST_MARK)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(TEST_MARK)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(TEST_MARK)
	$(BIN)/python -m benchmarks.startup
	$(BIN)/python -m benchmarks.train_speed
	$(BIN)/python -m benchmarks.browse
	$(BIN)/python -m benchmarks.inside
	$(BIN)/python -m benchmarks.inspect
	$(BIN)/python -m benchmarks.ui_tax
	$(BIN)/python -m benchmarks.checkpoint_cost
	$(BIN)/python -m benchmarks.inspection_cost
	$(BIN)/python -m benchmarks.survival

# Compares the table of allow-lists with several versions of torch, each in an environment of its own (7 GB, removed).
allowlist: | $(BIN)/python
	@$(BIN)/python -m tools.allowlist $(ARGS)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "fmnist-tui needs Python 3.11 or newer; name one: make PYTHON=python3.12 run"; exit 2; }
	$(PYTHON) -m venv .venv

$(MARK): pyproject.toml | $(BIN)/python
	@echo "Installing what the program needs into .venv (PyTorch is about 5 GB) ..."
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(TEST_MARK): pyproject.toml | $(BIN)/python
	@echo "Installing what the tests need into .venv (PyTorch is about 5 GB) ..."
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	@touch $@ $(MARK)

clean:
	rm -rf .venv build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
