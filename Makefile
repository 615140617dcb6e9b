# The entry point of all tasks. Each target creates its virtual environment from locked, hashed
# requirements. Only `make plan` and `make deploy` call AWS.
PYTHON ?= python3
TOOL := .venv
DEV := .venv-dev
# Runtime and architecture of the functions, and the Terraform root of `make plan` and `make deploy`.
RUNTIME ?= python3.13
ARCHITECTURE ?= arm64
ROOT ?= infra/terraform/examples/basic
# With `yes`, `make deploy` applies the saved plan without asking for confirmation.
APPROVE ?=
# Tools with separate environments; the last two need the Python of the functions.
CHECKOV := .venv-checkov
AWSCLI := .venv-awscli
MINISTACK := .venv-ministack
LAMBDA := .venv-runtime
# Node.js from the package index of pip, which .ci/run installs if the system has none that fits.
NODEJS := .venv-nodejs
# The npm projects that tests use.
NPM := $(patsubst requirements/node/%/package.json,.node-%,$(wildcard requirements/node/*/package.json))
DEPLOY := $(TOOL)/bin/python -m infra.deploy
# Settings of another Python in the user's shell would change the module search path. infra/pip.py
# filters the settings of pip.
unexport PYTHONHOME PYTHONPATH PYTHONSAFEPATH PYTHONUSERBASE VIRTUAL_ENV
# Byte code is written even if the shell forbids it: the tests start many processes.
unexport PYTHONDONTWRITEBYTECODE
# Tests and the demo do not use the AWS settings of the shell.
CLEAN_ENV := env -u AWS_PROFILE -u AWS_ENDPOINT_URL -u AWS_CA_BUNDLE

# Two checks run at once, since mypy uses one processor.
ifneq ($(filter check test,$(MAKECMDGOALS)),)
MAKEFLAGS += --jobs=2
endif

.DEFAULT_GOAL := help
.PHONY: help demo check test format lint types imports words unit bench bench-quick bench-figures package plan deploy lock schemas tables screenshots report-figures install clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(TOOL)/.ready ## Run the service on the embedded AWS, explain each step (under a minute), write build/demo-report.html
	@$(CLEAN_ENV) $(TOOL)/bin/ami-tracker demo --out build

check: format lint types imports words unit ## Fast checks: format, lint, types, import rules, words, unit tests

test: format lint types imports words $(CHECKOV)/.ready $(AWSCLI)/.ready $(MINISTACK)/.ready $(LAMBDA)/.ready $(NPM:%=%/.ready) ## All checks, and all tests with branch coverage
	$(CLEAN_ENV) $(DEV)/bin/pytest -n auto --cov --cov-report=term tests

format: $(DEV)/.ready ## Fail if a file is not formatted
	$(DEV)/bin/ruff format --check --quiet .

lint: $(DEV)/.ready
	$(DEV)/bin/ruff check --quiet .
	$(DEV)/bin/codespell

types: $(DEV)/.ready
	$(DEV)/bin/mypy

imports: $(DEV)/.ready
	$(DEV)/bin/lint-imports

words: $(DEV)/.ready ## Count words that do not belong in technical English (.ci/words.txt)
	$(DEV)/bin/python -m infra.words

unit: $(DEV)/.ready ## Unit tests without the slow ones, with a fifth of the random examples of `make test`
	$(CLEAN_ENV) $(DEV)/bin/pytest -q -n auto --hypothesis-profile=quick -m "not slow" tests/unit

bench: $(DEV)/.ready ## Measure calls, CPU, memory and cost against a local stub of AWS, into build/bench.json (20 minutes)
	$(CLEAN_ENV) $(DEV)/bin/python -m benchmarks

bench-quick: $(DEV)/.ready ## Count the calls of 1,000 lookups, and compare their CPU time with the naive way (a minute)
	$(CLEAN_ENV) $(DEV)/bin/python -m benchmarks --quick

bench-figures: $(DEV)/.ready ## Write the results of the last `make bench` into the documents
	$(DEV)/bin/python -m benchmarks.documents build/bench.json

package: $(TOOL)/.ready ## Build the functions' zips into build/packages (RUNTIME=python3.13 ARCHITECTURE=arm64)
	$(TOOL)/bin/python -m infra.package --runtime $(RUNTIME) --architecture $(ARCHITECTURE) $(PACKAGE_OPTIONS)

plan: package ## Save a plan of the deployment and show what it changes (ROOT=infra/terraform/examples/basic)
	@$(DEPLOY) plan --root "$(ROOT)" --runtime $(RUNTIME) --architecture $(ARCHITECTURE)

deploy: $(TOOL)/.ready ## Apply the plan that `make plan` saved, after a confirmation (or APPROVE=yes)
	@$(DEPLOY) apply --root "$(ROOT)" --runtime $(RUNTIME) --architecture $(ARCHITECTURE) --approve "$(APPROVE)"

lock: $(DEV)/.ready ## Resolve all requirements into hashed lock files without hosts (UPGRADE=--upgrade for newer versions)
	cd requirements && for name in functions publisher console dev checkov awscli ministack runtime nodejs; do \
	  ../$(DEV)/bin/uv pip compile --quiet $(UPGRADE) --universal --python-version 3.11 --generate-hashes --no-strip-extras \
	    --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" \
	    --output-file $$name.txt $$name.in || exit 1; done
	for name in $(NPM:.node-%=%); do $(PYTHON) -m infra.npm lock requirements/node/$$name $(UPGRADE) || exit 1; done

schemas: $(DEV)/.ready ## Generate the JSON Schemas of the YAML files from their models
	$(DEV)/bin/ami-tracker schemas

tables: $(DEV)/.ready ## Generate the tables in Terraform's READMEs from the code
	$(DEV)/bin/python -m infra.terraform_docs

build/demo-report.html:
	@$(MAKE) demo >/dev/null

screenshots: $(DEV)/.ready build/demo-report.html ## Make pictures of build/demo-report.html in build/screenshots (needs Chromium)
	$(DEV)/bin/python -m infra.browser.screenshots build/demo-report.html build/screenshots

report-figures: $(DEV)/.ready ## Measure the report page of 200 images in 34 regions (needs Chromium)
	@mkdir -p build
	cd tests && PYTHONPATH=.. ../$(DEV)/bin/python -m support.large_report ../build/large-report.html
	$(DEV)/bin/python -m infra.browser.measure build/large-report.html

install: $(TOOL)/.ready ## Create .venv with the command .venv/bin/ami-tracker

clean: ## Remove the files that the other targets created
	rm -rf $(TOOL) $(DEV) $(CHECKOV) $(AWSCLI) $(MINISTACK) $(LAMBDA) $(NODEJS) $(NPM) build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .coverage*

define virtualenv # $(1) folder, $(2) lock file, $(3) --project to add this repository's packages
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is required; set it with: make PYTHON=python3.13 ...")'
	@$(PYTHON) -m infra.virtualenv $(1) $(2) $(3)
	@touch $@
endef

$(DEV)/.ready: requirements/dev.txt
	$(call virtualenv,$(DEV),$<,--project)

$(TOOL)/.ready: requirements/console.txt
	$(call virtualenv,$(TOOL),$<,--project)

$(CHECKOV)/.ready: requirements/checkov.txt
	$(call virtualenv,$(CHECKOV),$<)

$(AWSCLI)/.ready: requirements/awscli.txt
	$(call virtualenv,$(AWSCLI),$<)

$(NODEJS)/.ready: requirements/nodejs.txt
	$(call virtualenv,$(NODEJS),$<)

# Without a usable Node.js, nothing is created, and the tests that need these packages are skipped.
.node-%/.ready: requirements/node/%/package.json requirements/node/%/package-lock.json
	@$(PYTHON) -m infra.npm install $(<D) $(@D)

# Without that Python, these environments are not created, and the tests that need them are skipped.
$(MINISTACK)/.ready $(LAMBDA)/.ready: .venv-%/.ready: requirements/%.txt
	@if python=$$($(PYTHON) -m infra.package.interpreter $(RUNTIME:python%=%)); then \
	  $$python -m infra.virtualenv $(@D) $< && touch $@; fi
