# make run: set up what is missing, then start the program.   make test: the same for the tests.
PYTHON ?= python3
BIN := .venv/bin
# One more than there are cores: tests of whole processes wait much of their time. Each takes up to 2 GB.
WORKERS ?= $(shell $(PYTHON) -c 'import os; print(min(4, len(os.sched_getaffinity(0)) + 1))' 2>/dev/null || echo 2)
FAST := tests --ignore=tests/end_to_end --ignore=tests/tui --ignore=tests/engine/runs --ignore=tests/engine/evaluation --ignore=tests/engine/inspection
MADE := .venv/.made
MARK := .venv/.installed
PEERS := .bench-peers/.venv
PEERS_MARK := .bench-peers/.installed
SITE := import sysconfig; print(sysconfig.get_path("purelib"))
TEST_MARK := .venv/.installed-test

.PHONY: dev fast docs run test lint format bench bench-peers allowlist mutants clean

run: $(MARK)
	@$(BIN)/fmnist-tui $(ARGS)

# The app while its style sheets are edited: a saved .tcss shows at once.
dev: $(MARK)
	@FMNIST_TUI_WATCH_CSS=1 $(BIN)/fmnist-tui $(ARGS)

test: $(TEST_MARK)
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(ARGS)

# The quick tests, under a minute together; the seconds stand in pytest's last line.
fast: $(TEST_MARK)
	$(BIN)/python -m pytest -q -n $(WORKERS) -m "not slow" $(FAST) $(ARGS)

lint: $(TEST_MARK)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tools.docs --check

# What the documentation has from the code: docs/cli.md, docs/keys.md, docs/settings.md.
docs: $(TEST_MARK)
	@$(BIN)/python -m tools.docs

format: $(TEST_MARK)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(TEST_MARK)
	$(BIN)/python -m benchmarks.startup
	$(BIN)/python -m benchmarks.train_speed
	$(BIN)/python -m benchmarks.browse
	$(BIN)/python -m benchmarks.inside
	$(BIN)/python -m benchmarks.inspect
	$(BIN)/python -m benchmarks.lab
	$(BIN)/python -m benchmarks.ui_tax
	$(BIN)/python -m benchmarks.checkpoint_cost
	$(BIN)/python -m benchmarks.inspection_cost
	$(BIN)/python -m benchmarks.settings_cost
	$(BIN)/python -m benchmarks.kept_memory
	$(BIN)/python -m benchmarks.threads
	$(BIN)/python -m benchmarks.overlay
	$(BIN)/python -m benchmarks.survival
	$(BIN)/python -m benchmarks.scale
	$(BIN)/python -m benchmarks.time_to_accuracy

# An epoch beside Lightning, Ignite, fastai, Keras and skorch: make bench-peers ARGS="--only keras --threads 1"
bench-peers: $(PEERS_MARK)
	@$(PEERS)/bin/python -m benchmarks.peers $(ARGS)

# Which small wrong changes to a module its tests do not see: make mutants MODULE=engine/runs/state.py
mutants: $(TEST_MARK)
	@$(BIN)/python -m tools.mutants $(MODULE) $(if $(TESTS),--tests $(TESTS)) $(ARGS)

# Compares the table of allow-lists with several versions of torch, each in an environment of its own (7 GB, removed).
allowlist: | $(MADE)
	@$(BIN)/python -m tools.allowlist $(ARGS)

# Its own mark: an environment that was interrupted half-made is made again.
$(MADE):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "fmnist-tui needs Python 3.11 or newer; name one: make PYTHON=python3.12 run"; exit 2; }
	$(PYTHON) -m venv .venv
	@touch $@

# pip shows its progress. Interrupted, the next make goes on with what pip has downloaded.
$(MARK): pyproject.toml | $(MADE)
	@echo "Installing what the program needs into .venv (PyTorch: about 3 GB to download, 5 GB on disk) ..."
	$(BIN)/python -m pip install --editable .
	@touch $@

$(TEST_MARK): pyproject.toml | $(MADE)
	@echo "Installing what the tests need into .venv (PyTorch: about 3 GB to download, 5 GB on disk) ..."
	$(BIN)/python -m pip install --editable '.[test]'
	@touch $@ $(MARK)

# An environment of their own, which sees the packages of .venv: the same PyTorch, once on the disk.
$(PEERS_MARK): benchmarks/peers.txt $(MARK)
	@echo "Installing what benchmarks.peers compares with into .bench-peers (600 MB on disk) ..."
	$(BIN)/python -m venv --clear $(PEERS)
	@$(BIN)/python -c '$(SITE)' > "$$($(PEERS)/bin/python -c '$(SITE)')/fmnist_tui_environment.pth"
	@$(BIN)/python -m pip freeze --local | grep -iE '^(torch|torchvision|numpy|pillow)==' > .bench-peers/constraints.txt
	$(PEERS)/bin/python -m pip install --constraint .bench-peers/constraints.txt --requirement benchmarks/peers.txt
	@touch $@

clean:
	rm -rf .venv .bench-peers build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
