# The vocabulary of this project: `make help` lists it. The first verb anyone runs makes the environment by itself,
# from Python and the package registries alone; a stamp in each environment says that it is current.

PYTHON ?= python3
STAGE ?= dev

BIN := $(CURDIR)/.venv/bin
CDK := $(CURDIR)/node_modules/.bin/cdk
PYTEST := $(BIN)/python -m pytest
COMPILE = $(BIN)/uv pip compile --quiet $(UPGRADE) --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --custom-compile-command "make lock"

CORNERS := tests/contract/test_corners.py
FUZZ := tests/e2e/test_contract.py

VENV := .venv/.stamp
NODE := node_modules/.stamp
CLOUD := .local/cloud-venv/.stamp

# The environment's Python and Node come first, so that `#!/usr/bin/env node` never finds an older one.
export PATH := $(BIN):$(PATH)
unexport PYTHONPATH VIRTUAL_ENV

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo up down seed test lint types imports unit infra e2e openapi bench chaos reconcile synth deploy rotate-keys fmt lock clean aws-stage

help: ## List these verbs
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo "  STAGE is $(STAGE) unless you say STAGE=prod. UPGRADE=--upgrade lets lock take newer versions."

# --- run it here -----------------------------------------------------------------------------------------

demo: $(VENV) $(NODE) $(CLOUD) ## Start the local cloud and watch a tenant register, pay, send 1,000 texts and see them end
	@$(BIN)/python -m sandbox demo

up: $(VENV) $(NODE) $(CLOUD) ## Start the local cloud, deploy and seed it, and leave it running
	@$(BIN)/python -m sandbox up

down: $(VENV) ## End the local cloud that `up` or `demo` started, and nothing else
	@$(BIN)/python -m sandbox down

# --- prove it --------------------------------------------------------------------------------------------

test: lint types imports unit infra e2e ## Run everything that a change must pass, cheapest first

lint: $(VENV) ## Check style and format
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(VENV) ## Check types, strictly
	@$(BIN)/mypy

imports: $(VENV) ## Check that imports only go down
	@$(BIN)/lint-imports --no-logo

unit: $(VENV) $(NODE) ## Test rules, storage, doors, simulators and the API contract
	@$(PYTEST) tests -m "not e2e" --ignore=tests/infra --ignore=tests/e2e --ignore=$(CORNERS) --numprocesses=auto
	@# schemathesis makes its tests while they run, which processes cannot share
	@$(PYTEST) $(CORNERS)

infra: $(VENV) $(NODE) ## Test the stacks, synthesize each AWS stage and lint its templates
	@$(PYTEST) tests/infra --numprocesses=auto --dist=loadfile
	@$(MAKE) --no-print-directory synth STAGE=dev
	@$(MAKE) --no-print-directory synth STAGE=prod
	@# W3005: the CDK names dependencies that CloudFormation would have found by itself
	@$(BIN)/cfn-lint --ignore-checks W3005 -- cdk.out/dev/*.template.json cdk.out/prod/*.template.json

e2e: $(VENV) $(NODE) $(CLOUD) ## Test over HTTP against the stack deployed to a local cloud of its own
	@# Most of it is waiting for a pipeline: a local cloud for each half of the files, and one for schemathesis beside
	@# them, whose tests cannot be shared out
	@$(PYTEST) $(FUZZ) -m e2e >.local/fuzz.log 2>&1 & fuzz=$$!; trap "kill $$fuzz" INT TERM; \
	$(PYTEST) tests/e2e -m e2e --numprocesses=2 --dist=loadfile --ignore=$(FUZZ); rest=$$?; \
	wait $$fuzz; fuzz=$$?; cat .local/fuzz.log; exit $$((fuzz + rest))

bench: $(VENV) $(NODE) ## Count what each request costs: AWS calls, capacity units, dollars, import time, bundle size
	@$(BIN)/python -m bench

chaos: $(VENV) $(NODE) ## Send 5,000 texts while everything fails, dies and comes twice; SEED=7 tells one story again, STORIES=20 more, TABLE=1 in rows
	@$(BIN)/python -m tests.chaos $(if $(SEED),--seed $(SEED)) $(if $(STORIES),--stories $(STORIES)) \
		$(if $(RECIPIENTS),--recipients $(RECIPIENTS)) $(if $(TABLE),--table)

openapi: $(VENV) ## Write docs/api/openapi.json and docs/permissions.md from the routes
	@$(BIN)/python -m tools.openapi
	@$(BIN)/python -m tools.permissions

reconcile: $(VENV) ## Recompute every wallet of the local cloud, and compare its days with the providers; STAGE=dev asks another stage
	@$(BIN)/python -m tools.reconcile --stage $(if $(filter command line environment,$(origin STAGE)),$(STAGE),local)

# --- ship it ---------------------------------------------------------------------------------------------

synth: $(VENV) $(NODE) ## Synthesize the stacks of STAGE into cdk.out/STAGE
	@$(CDK) synth --quiet --context stage=$(STAGE) --output cdk.out/$(STAGE)

deploy: aws-stage $(VENV) $(NODE) ## Deploy STAGE to AWS with your own credentials (once before: npx cdk bootstrap)
	@$(CDK) deploy --all --context stage=$(STAGE) --output cdk.out/$(STAGE)

seed: $(VENV) ## Put packages, sender IDs and the first tenant into STAGE; passwords are shown once
	@$(BIN)/python -m tools.seed --stage $(STAGE)

rotate-keys: aws-stage $(VENV) ## Rotate STAGE's signing keys, which logs nobody out; run it again if it was interrupted
	@$(BIN)/python -m tools.rotate_keys --stage $(STAGE)

aws-stage:
	@test "$(STAGE)" != local || { echo "The local stage is deployed by 'make up': name an AWS stage, as in make deploy STAGE=dev." >&2; exit 1; }

# --- keep it ---------------------------------------------------------------------------------------------

fmt: $(VENV) ## Format the code and repair what ruff can repair
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

lock: $(BIN)/uv ## Pin every dependency anew, with hashes, from the .in files and pyproject
	@$(COMPILE) layers/common/pyproject.toml -o layers/common/requirements.txt >/dev/null
	@$(COMPILE) functions/auth/requirements.in -o functions/auth/requirements.txt >/dev/null
	@$(COMPILE) functions/webhooks/requirements.in -c layers/common/requirements.txt \
		-o functions/webhooks/requirements.txt >/dev/null
	@$(COMPILE) functions/sms/requirements.in -c layers/common/requirements.txt \
		-o functions/sms/requirements.txt >/dev/null
	@$(COMPILE) functions/billing/printing/requirements.in -c layers/common/requirements.txt \
		-o functions/billing/printing/requirements.txt >/dev/null
	@$(COMPILE) requirements/cloud.in -o requirements/cloud.txt >/dev/null
	@$(COMPILE) requirements/dev.in layers/common/pyproject.toml functions/auth/requirements.in \
		functions/webhooks/requirements.in functions/sms/requirements.in functions/billing/printing/requirements.in \
		-c layers/common/requirements.txt -c functions/auth/requirements.txt \
		-c functions/webhooks/requirements.txt -c functions/sms/requirements.txt \
		-c functions/billing/printing/requirements.txt -o requirements/dev.txt >/dev/null
	@$(MAKE) --no-print-directory $(VENV)
	@$(BIN)/npm install --package-lock-only --omit-lockfile-registry-resolved --no-audit --no-fund --loglevel=error

clean: ## Remove caches and synthesized stacks; environments and the local cloud stay
	@rm -rf cdk.out .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache .schemathesis
	@find . \( -name .venv -o -name .local -o -name node_modules \) -prune -o -name __pycache__ -type d -exec rm -rf {} +

# --- environments ----------------------------------------------------------------------------------------

$(BIN)/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "Python 3.11 or newer is needed and '$(PYTHON)' is not one: install it, or say where it is with make PYTHON=/path/to/python3." >&2; exit 1; }
	@echo "Making the Python environment in .venv ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || { \
		echo "'$(PYTHON) -m venv' failed: install Python's venv module (on Debian and Ubuntu: python3-venv)." >&2; exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip >/dev/null
	@awk '/^uv==/ { found = 1 } found { print } found && !/\\$$/ { exit }' requirements/dev.txt >.venv/uv.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r .venv/uv.txt

$(VENV): requirements/dev.txt layers/common/pyproject.toml | $(BIN)/uv
	@echo "Installing the Python packages of requirements/dev.txt ..."
	@$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes requirements/dev.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable layers/common
	@touch $@

$(CLOUD): requirements/cloud.txt | $(VENV)
	@echo "Installing the emulator in .local/cloud-venv ..."
	@$(BIN)/uv venv --quiet --allow-existing --python $(BIN)/python .local/cloud-venv
	@$(BIN)/uv pip sync --quiet --python .local/cloud-venv/bin/python --require-hashes requirements/cloud.txt
	@touch $@

$(NODE): package-lock.json | $(VENV)
	@echo "Installing the CDK command line in node_modules ..."
	@$(BIN)/npm ci --no-audit --no-fund --loglevel=error >/dev/null
	@touch $@
