# make demo    the tool at work on real data, in .demo/
# make test    everything set up, all tests and checks
# make lint    ruff, mypy, import-linter
# make bench   side by side with git-lfs, DVC and git-annex; results in benchmarks/results/
# make docs    the command reference and the manual pages, from the parsers
# make wheel   dist/
# make clean   everything made here except .demo/

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
JOBS ?= 3
READY = $(VENV)/ready
# once more without the compiled core: what links, stores and reads the index (tests/contract compares both by itself)
PURE_TESTS = -m 'not slow' tests/git/test_matrix.py tests/git/test_add.py

# Neighbours run in one process, and share what their module and their servers took to set up.
SPREAD = -n $(JOBS) --dist worksteal
# Several processes race in many tests. One that fails is run once more, and reported ("rerun"): look at it all the same.
AGAIN = --reruns 1 -r fEsR

# made side by side
ENVIRONMENTS = install azurite giftless dvc

.PHONY: demo test packages setup lint bench docs wheel clean $(ENVIRONMENTS)
.DELETE_ON_ERROR:

demo:
	@PYTHON="$(PYTHON)" sh docs/demo.sh

test: packages lint
	$(BIN)/pytest $(SPREAD) $(AGAIN) tests
	GIT_DATA_PURE=1 $(BIN)/pytest $(SPREAD) $(AGAIN) $(PURE_TESTS)

packages:
	@sh .ci/packages "$(PYTHON)"

setup: $(READY)

$(READY): pyproject.toml setup.py git_data/_native/core.c git_data/_native/core.h git_data/_native/build.py tests/servers/giftless.txt | packages
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "git-data needs Python 3.10 or newer: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	@$(MAKE) --no-print-directory -j 4 $(ENVIRONMENTS)
	touch $@

# compat: a path and no import hook, which each of the many commands of the tests would load
install:
	$(BIN)/pip install --quiet --config-settings editable_mode=compat --editable '.[test,lint]'

# Azurite, the Azure Blob Storage that the tests use, comes from npm; without npm they say that it is missing
azurite:
	! command -v npm >/dev/null || { \
	npm install --silent --no-audit --no-fund --prefix $(VENV)/azurite azurite && \
	ln -sf ../azurite/node_modules/.bin/azurite-blob $(BIN)/azurite-blob; }

# giftless (an LFS server) and DVC want libraries in versions of their own, and have environments of their own
giftless:
	$(PYTHON) -m venv $(VENV)/giftless
	$(VENV)/giftless/bin/pip install --quiet -r tests/servers/giftless.txt

dvc:
	$(PYTHON) -m venv $(VENV)/dvc
	$(VENV)/dvc/bin/pip install --quiet dvc

lint: setup
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: setup
	$(BIN)/python benchmarks/run.py

docs: setup
	$(BIN)/python docs/generate.py

wheel: setup
	rm -rf build dist
	$(BIN)/pip wheel --quiet --no-deps --wheel-dir dist .

clean:
	rm -rf build dist $(VENV) *.egg-info git_data/_core.* .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
