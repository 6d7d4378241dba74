# `make climb` trains the first ladder and writes its report; `make test` runs the tests that take a few seconds
# at most, `make test-slow` the others, `make test-browser` those that need Chromium. All set up .venv when needed.
# `make docs` builds the documentation in English and Spanish into site/, with a link and a spelling check.
# `make check` runs ruff and mypy; `make wheel` builds the wheel and climbs with it in an empty environment.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: climb test test-slow test-browser check docs wheel clean
.DEFAULT_GOAL := climb

climb: .venv/installed
	@$(BIN)/escalera climb digits --jobs auto

PYTEST = $(BIN)/python -m pytest -n logical --maxprocesses 4 --dist worksteal

test: .venv/installed-for-tests
	@$(PYTEST) -m "not slow"

test-slow: .venv/installed-for-tests
	@$(PYTEST) -m slow

test-browser: .venv/installed-for-tests
	@$(PYTEST) -m browser

check: .venv/installed-for-tests
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

docs: .venv/installed-for-docs
	@$(BIN)/python docs/site/spelling.py
	@$(BIN)/python docs/site/build.py site

wheel: .venv/installed-for-tests
	@$(BIN)/python .ci/wheel.py

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Escalera needs Python 3.11 or newer; found: $$($(PYTHON) --version 2>&1). Try: make PYTHON=python3.11"; exit 1; }
	@$(PYTHON) -m venv .venv \
		|| { rm -rf .venv; echo "Could not make .venv. On Debian: apt install python3-venv"; exit 1; }

.venv/installed: pyproject.toml | .venv/bin/python
	@echo "Installing Escalera and PyTorch into .venv: a few minutes and about 5 GB, once."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[train]'
	@touch $@

.venv/installed-for-tests: .venv/installed pyproject.toml
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

.venv/installed-for-docs: .venv/installed pyproject.toml
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[docs]'
	@touch $@

clean:
	rm -rf .venv
