# Everything starts here. `make` alone lists what there is.
PYTHON ?= python3
STAGE ?= dev
ARCHITECTURE ?= x86_64
VENV := .venv
BIN := $(VENV)/bin
# In the virtual environment, so that they go when it goes.
SETUP := $(VENV)/setup.stamp
BENCH_SETUP := $(VENV)/bench-setup.stamp
OSLS := node_modules/.bin/osls

BENCHMARKS := bench-fingerprint bench-pipeline bench-accuracy bench-matching bench-sound bench-index \
	bench-imports bench-vectors bench-throughput bench-agreement bench-descriptor \
	bench-sandbox bench-derive

# A virtual environment is stale, and made again, when its Python no longer runs, is another version
# than PYTHON was set to, or installed the packages for a checkout in another folder.
VERSION := import sys; print("%d.%d" % sys.version_info[:2])
HAS := $(shell $(BIN)/python -c '$(VERSION)' 2>/dev/null)
ASKED := $(if $(filter file,$(origin PYTHON)),,$(shell $(PYTHON) -c '$(VERSION)' 2>/dev/null))
PLACE := $(shell cat $(SETUP) 2>/dev/null)
ifneq ($(wildcard $(VENV)),)
ifeq ($(HAS),)
STALE := its Python no longer runs
else ifneq ($(and $(ASKED),$(filter-out $(ASKED),$(HAS))),)
STALE := it has Python $(HAS), and $(PYTHON) is $(ASKED)
else ifneq ($(and $(PLACE),$(filter-out $(CURDIR),$(PLACE))),)
STALE := it was made in $(PLACE)
endif
endif

.DEFAULT_GOAL := help
.PHONY: help setup run stop test lint format layers inference-layer package deploy remove clean bench calibrate \
	release-check smoke remove-stale $(BENCHMARKS)

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-17s %s\n", $$1, $$2}'

setup: $(SETUP) ## install Python and Node packages into this folder

remove-stale:
	@echo "Making the virtual environment again: $(STALE)"
	@rm -rf $(VENV)

$(VENV)/pyvenv.cfg: $(if $(STALE),remove-stale)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or later is needed; name one with PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(SETUP): pyproject.toml infra/packaging/constraints.txt package.json package-lock.json .npmrc $(if $(STALE),$(VENV)/pyvenv.cfg) | $(VENV)/pyvenv.cfg
	@command -v npm >/dev/null || { echo "Node.js 20 or later is needed, for packaging"; exit 1; }
	@echo "Installing; this happens once."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--constraint infra/packaging/constraints.txt --editable '.[dev]'
	@npm ci --silent --ignore-scripts
	@echo '$(CURDIR)' > $@

run: $(SETUP) ## start the local AWS, make a sample library, scan it and show what was found
	@$(BIN)/filmgate demo

stop: ## stop the local AWS; its contents are kept
	@if $(BIN)/python -c 'import filmgate.cli' 2>/dev/null; then $(BIN)/python -m filmgate.cli down; fi

test: lint ## style, types, the whole test suite and its coverage by package
	@mkdir -p .build
	@$(BIN)/python -m coverage run -m pytest
	@$(BIN)/python -m coverage json -q -o .build/coverage.json
	@$(BIN)/python -m tests.coverage_by_package .build/coverage.json

lint: $(SETUP) ## check style and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

$(BENCH_SETUP): $(SETUP)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--constraint infra/packaging/constraints.txt --editable '.[dev,bench]'
	@touch $@

bench-load: $(BENCH_SETUP) ## upload N=1000 files at once; KILL=10 kills a worker every 10 s meanwhile
	@$(BIN)/python -m tests.benchmarks.load --files $(or $(N),1000) $(if $(KILL),--kill $(KILL))

format: $(SETUP) ## format the code
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: $(BENCHMARKS) ## run every benchmark below and write tests/benchmarks/RESULTS.md
	@$(BIN)/python -m tests.benchmarks.results

bench-fingerprint: ## fingerprinting beside decoding, hashing beside imagehash and PDQ
bench-pipeline: ## a scan through the deployed stack beside the bare algorithm
bench-accuracy: ## precision and recall on the samples, and on real files where there are any
bench-matching: ## recall by transform and false positives by class, beside pHash and PDQ
bench-sound: ## how often different speech and music is called a copy
bench-index: ## candidate search at 1e5 and 1e6 hashes beside faiss, and in bands; BENCH_FLAGS=--full for 1e7
bench-throughput: ## one-minute 720p videos per hour on one core, and the cost of one; BENCH_FLAGS=--pairs for verdicts
bench-agreement: ## whether a scan and the matching benchmark agree on the same files
bench-imports: ## import time of each function's handler
bench-derive: ## what each artifact that engines share costs beside the fingerprint, and all in one pass
bench-sandbox: ## what decoding in a process of its own costs for a file
bench-descriptor: ## what a learned keypoint descriptor would gain over the DCT
bench-vectors: ## what embeddings cost: a model with random weights, and the vector scan
$(BENCHMARKS): $(BENCH_SETUP)
	@$(BIN)/python -m tests.benchmarks.$(@:bench-%=%) $(BENCH_FLAGS)

release-check: $(BENCH_SETUP) ## run the benchmarks of tests/benchmarks/baseline.json, fail if a figure is worse; BENCH_FLAGS=--no-run reads the last ones
	@$(BIN)/python -m tests.benchmarks.release_check $(BENCH_FLAGS)

calibrate: $(BENCH_SETUP) ## fit the built-in probabilities on the tuning half of bench-matching; BENCH_FLAGS=--quick
	@$(BIN)/python -m tests.benchmarks.matching $(BENCH_FLAGS)
	@$(BIN)/python -m tests.benchmarks.calibrate $(BENCH_FLAGS)
	@$(BIN)/python -m tests.benchmarks.matching $(BENCH_FLAGS)

layers: $(SETUP) ## build the Lambda layers from wheels, under .build/layers
	@$(BIN)/python -m filmgate_packaging --architecture $(ARCHITECTURE)

inference-layer: $(SETUP) ## build the optional layer for embeddings; see layers/README.md
	@$(BIN)/python -m filmgate_packaging --architecture $(ARCHITECTURE) --only inference

package: layers ## build layers and template as for AWS, under .build/package; needs no account
	@$(BIN)/python -m filmgate_local.artefact --stage $(STAGE) --architecture $(ARCHITECTURE)

deploy: layers ## deploy to AWS with the credentials of the environment: make deploy STAGE=dev
	@$(OSLS) deploy --stage $(STAGE) --param architecture=$(ARCHITECTURE) \
		--param layers=.build/layers/$(ARCHITECTURE) $(DEPLOY_FLAGS)

smoke: $(SETUP) ## upload a picture and a copy to a stage and check the result; STAGE=local for the local AWS
	@$(BIN)/python -m tests.smoke --stage $(STAGE)

remove: $(SETUP) ## remove a stage from AWS; buckets with files in them must be emptied first
	@$(OSLS) remove --stage $(STAGE)

clean: stop ## delete everything made here, the virtual environment too, but not the state of the local AWS (.filmgate)
	@rm -rf $(VENV) .build .serverless dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -not -path './$(VENV)/*' -not -path './node_modules/*' -prune -exec rm -rf {} +
