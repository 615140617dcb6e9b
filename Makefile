# Make is the only way in. Each target builds the virtual environment that it needs from locked,
# hashed requirements; nothing here contacts a cloud.
PYTHON ?= python3
TOOL := .venv
DEV := .venv-dev
# What the functions run on, and the Terraform root that `make plan` and `make deploy` use.
RUNTIME ?= python3.13
ARCHITECTURE ?= arm64
ROOT ?= infra/terraform/examples/basic
# Tools with an environment of their own; the last two need the Python of the functions.
CHECKOV := .venv-checkov
AWSCLI := .venv-awscli
MINISTACK := .venv-ministack
LAMBDA := .venv-runtime
# Settings of another Python in a user's shell would change which modules ours finds. Those of pip
# are dealt with by infra/pip.py.
unexport PYTHONHOME PYTHONPATH PYTHONSAFEPATH PYTHONUSERBASE VIRTUAL_ENV
# A shell's own AWS settings never reach a test or the demo.
CLEAN_ENV := env -u AWS_PROFILE -u AWS_ENDPOINT_URL -u AWS_CA_BUNDLE

.DEFAULT_GOAL := help
.PHONY: help demo check test format lint types imports words unit package plan deploy lock schemas tables install clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(TOOL)/.ready ## Run the whole pipeline on the embedded AWS and tell its story (under a minute)
	@$(CLEAN_ENV) $(TOOL)/bin/ami-tracker demo

check: format lint types imports words unit ## The fast half: format, lint, types, import rules, words, unit tests

test: format lint types imports words $(CHECKOV)/.ready $(AWSCLI)/.ready $(MINISTACK)/.ready $(LAMBDA)/.ready ## Everything: the checks, then every test with branch coverage
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

unit: $(DEV)/.ready
	$(CLEAN_ENV) $(DEV)/bin/pytest -q -n auto tests/unit

package: $(TOOL)/.ready ## Build the functions' zips into build/packages (RUNTIME=python3.13 ARCHITECTURE=arm64)
	$(TOOL)/bin/python -m infra.package --runtime $(RUNTIME) --architecture $(ARCHITECTURE) $(PACKAGE_OPTIONS)

plan: package ## Show what a deployment would change (ROOT=infra/terraform/examples/basic)
	terraform -chdir=$(ROOT) init -input=false
	terraform -chdir=$(ROOT) plan -var runtime=$(RUNTIME) -var architecture=$(ARCHITECTURE)

deploy: package ## Package and deploy; Terraform asks before it changes anything
	terraform -chdir=$(ROOT) init -input=false
	terraform -chdir=$(ROOT) apply -var runtime=$(RUNTIME) -var architecture=$(ARCHITECTURE)

lock: $(DEV)/.ready ## Resolve requirements/*.in into hashed, host-free lock files (UPGRADE=--upgrade for newer ones)
	cd requirements && for name in functions console dev checkov awscli ministack runtime; do \
	  ../$(DEV)/bin/uv pip compile --quiet $(UPGRADE) --universal --python-version 3.11 --generate-hashes --no-strip-extras \
	    --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" \
	    --output-file $$name.txt $$name.in || exit 1; done

schemas: $(DEV)/.ready ## Write the JSON Schemas of the YAML files again from their models
	$(DEV)/bin/ami-tracker schemas

tables: $(DEV)/.ready ## Write the tables in Terraform's READMEs again from the code
	$(DEV)/bin/python -m infra.terraform_docs

install: $(TOOL)/.ready ## Make .venv with the command .venv/bin/ami-tracker

clean: ## Remove what the other targets made
	rm -rf $(TOOL) $(DEV) $(CHECKOV) $(AWSCLI) $(MINISTACK) $(LAMBDA) build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .coverage*

define virtualenv # $(1) folder, $(2) lock file, $(3) --project where it holds our own packages too
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed; name one so: make PYTHON=python3.13 ...")'
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

# Without that Python nothing is made here, and the tests that need it say so.
$(MINISTACK)/.ready $(LAMBDA)/.ready: .venv-%/.ready: requirements/%.txt
	@if python=$$($(PYTHON) -m infra.package.interpreter $(RUNTIME:python%=%)); then \
	  $$python -m infra.virtualenv $(@D) $< && touch $@; fi
