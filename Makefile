# Make is the only way in. Each target builds the virtual environment that it needs from locked,
# hashed requirements; nothing here contacts a cloud.
PYTHON ?= python3
TOOL := .venv
DEV := .venv-dev
# A shell's own AWS settings never reach a test or the demo.
CLEAN_ENV := env -u AWS_PROFILE -u AWS_ENDPOINT_URL -u AWS_CA_BUNDLE

.DEFAULT_GOAL := help
.PHONY: help demo check test format lint types imports unit lock schemas install clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(TOOL)/.ready ## Run the whole pipeline on the embedded AWS and tell its story (under a minute)
	@$(CLEAN_ENV) $(TOOL)/bin/ami-tracker demo

check: format lint types imports unit ## The fast half: format, lint, types, import rules, unit tests

test: format lint types imports ## Everything: the checks, then every test with branch coverage
	$(CLEAN_ENV) $(DEV)/bin/pytest -n auto --cov --cov-report=term tests

format: $(DEV)/.ready ## Fail if a file is not formatted
	$(DEV)/bin/ruff format --check --quiet .

lint: $(DEV)/.ready
	$(DEV)/bin/ruff check --quiet .

types: $(DEV)/.ready
	$(DEV)/bin/mypy

imports: $(DEV)/.ready
	$(DEV)/bin/lint-imports

unit: $(DEV)/.ready
	$(CLEAN_ENV) $(DEV)/bin/pytest -q -n auto tests/unit

lock: $(DEV)/.ready ## Resolve requirements/*.in into hashed, host-free lock files (UPGRADE=--upgrade for newer ones)
	cd requirements && for name in functions console dev; do \
	  ../$(DEV)/bin/uv pip compile --quiet $(UPGRADE) --universal --python-version 3.11 --generate-hashes \
	    --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" \
	    --output-file $$name.txt $$name.in || exit 1; done

schemas: $(DEV)/.ready ## Write the JSON Schemas of the YAML files again from their models
	$(DEV)/bin/ami-tracker schemas

install: $(TOOL)/.ready ## Make .venv with the command .venv/bin/ami-tracker

clean: ## Remove what the other targets made
	rm -rf $(TOOL) $(DEV) build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .coverage*

define virtualenv # $(1) folder, $(2) lock file
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed; name one so: make PYTHON=python3.13 ...")'
	$(PYTHON) -m venv --clear $(1)
	$(1)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement $(2)
	$(1)/bin/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
	@touch $@
endef

$(DEV)/.ready: requirements/dev.txt
	$(call virtualenv,$(DEV),$<)

$(TOOL)/.ready: requirements/console.txt
	$(call virtualenv,$(TOOL),$<)
