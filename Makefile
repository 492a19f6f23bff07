# Nothing here that a person could not type. `make help` lists it.
PORT ?= 8000
DATA ?= var/demo
SFTP_PORT ?=
DIMSE_PORT ?=
PYTHON ?= python3
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help demo test test-fast check bench bench-peer screenshots

help: ## This list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

demo: ## Set up, fill with example data, serve (PORT=8000 DATA=var/demo SFTP_PORT= DIMSE_PORT=)
	$(PYTHON) scripts/setup.py app
	$(BIN)/sinfonietta demo --data $(DATA) --port $(PORT) $(if $(SFTP_PORT),--sftp-port $(SFTP_PORT)) $(if $(DIMSE_PORT),--dimse-port $(DIMSE_PORT))

test: ## Set up what tests need (Debian packages too), run all of them, on SQLite and on PostgreSQL
	$(PYTHON) scripts/setup.py tests
	$(BIN)/pytest -n 2
	SINFONIETTA_TEST_DATABASE=postgresql $(BIN)/pytest tests/integration tests/access -n 2

test-fast: ## The tests of one thing at a time, in under a minute; they need no program from outside Python
	$(PYTHON) scripts/setup.py tests --without-services
	$(BIN)/pytest -n 2 tests/unit -m "not service and not slow"

check: export SINFONIETTA_DATA := var/check
check: ## Lint, types, import contracts, migrations, docs
	$(PYTHON) scripts/setup.py tests --without-services
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/django-admin makemigrations --check --dry-run --settings sinfonietta.config.settings
	$(BIN)/python scripts/check_docs.py
	$(BIN)/python scripts/write_reference.py --check

bench: ## The project's benchmark: a table, and JSON in var/bench
	$(PYTHON) scripts/setup.py tests
	$(BIN)/python -m benchmarks

bench-peer: ## DICOMweb and C-STORE beside Orthanc, in one run
	$(PYTHON) scripts/setup.py tests
	$(BIN)/python -m benchmarks.peer
	$(BIN)/python -m benchmarks.dimse

screenshots: ## Pictures of the main pages for the docs
	$(PYTHON) scripts/setup.py tests
	$(BIN)/python scripts/screenshots.py
