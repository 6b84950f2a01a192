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
	bench-imports bench-vectors bench-throughput bench-agreement bench-descriptor

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
.PHONY: help setup run stop test lint format layers inference-layer package deploy remove clean bench calibrate release-check remove-stale $(BENCHMARKS)

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-17s %s\n", $$1, $$2}'

setup: $(SETUP) ## Python and Node packages, into this folder only

remove-stale:
	@echo "Making the virtual environment again: $(STALE)"
	@rm -rf $(VENV)

$(VENV)/pyvenv.cfg: $(if $(STALE),remove-stale)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or later is needed; name one with PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(SETUP): pyproject.toml infra/packaging/constraints.txt package.json package-lock.json .npmrc $(if $(STALE),$(VENV)/pyvenv.cfg) | $(VENV)/pyvenv.cfg
	@command -v npm >/dev/null || { echo "Node.js 20 or later is needed, for packaging"; exit 1; }
	@echo "Installing; this is done once."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--constraint infra/packaging/constraints.txt --editable '.[dev]'
	@npm ci --silent --ignore-scripts
	@echo '$(CURDIR)' > $@

run: $(SETUP) ## start the local AWS, make a sample library, scan it, show what was found
	@$(BIN)/filmgate demo

stop: ## stop the local AWS; what it holds stays
	@if $(BIN)/python -c 'import filmgate.cli' 2>/dev/null; then $(BIN)/python -m filmgate.cli down; fi

test: lint ## style, types, the whole suite, and its coverage by package
	@mkdir -p .build
	@$(BIN)/python -m coverage run -m pytest
	@$(BIN)/python -m coverage json -q -o .build/coverage.json
	@$(BIN)/python -m tests.coverage_by_package .build/coverage.json

lint: $(SETUP) ## style and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

$(BENCH_SETUP): $(SETUP)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--constraint infra/packaging/constraints.txt --editable '.[dev,bench]'
	@touch $@

bench-load: $(BENCH_SETUP) ## N=1000 uploads at once; KILL=10 kills a worker every 10 s meanwhile
	@$(BIN)/python -m tests.benchmarks.load --files $(or $(N),1000) $(if $(KILL),--kill $(KILL))

format: $(SETUP) ## put the code into its form
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: $(BENCHMARKS) ## every benchmark below, and tests/benchmarks/RESULTS.md of them
	@$(BIN)/python -m tests.benchmarks.results

bench-fingerprint: ## fingerprinting against decoding, hashing against imagehash and PDQ
bench-pipeline: ## a scan through the deployed stack against the bare algorithm
bench-accuracy: ## precision and recall, on the samples and on real files where there are any
bench-matching: ## recall by transform and false positives by class, beside pHash and PDQ
bench-sound: ## how often other speech and music is called a copy
bench-index: ## candidate search at 1e5 and 1e6 hashes beside faiss, and in bands; BENCH_FLAGS=--full for 1e7
bench-throughput: ## one-minute 720p videos on one core, an hour, and what one costs; BENCH_FLAGS=--pairs for verdicts
bench-agreement: ## whether a scan says of files what the matching benchmark says
bench-imports: ## import time of each function's handler
bench-descriptor: ## what a learned descriptor of keypoints would gain over the DCT
bench-vectors: ## what embeddings cost: a model of random weights, and the scan of vectors
$(BENCHMARKS): $(BENCH_SETUP)
	@$(BIN)/python -m tests.benchmarks.$(@:bench-%=%) $(BENCH_FLAGS)

release-check: $(BENCH_SETUP) ## run the benchmarks of tests/benchmarks/baseline.json, fail if a figure is worse; BENCH_FLAGS=--no-run reads the last ones
	@$(BIN)/python -m tests.benchmarks.release_check $(BENCH_FLAGS)

calibrate: $(BENCH_SETUP) ## fit the probabilities that ship, on the tuning half of bench-matching; BENCH_FLAGS=--quick
	@$(BIN)/python -m tests.benchmarks.matching $(BENCH_FLAGS)
	@$(BIN)/python -m tests.benchmarks.calibrate $(BENCH_FLAGS)
	@$(BIN)/python -m tests.benchmarks.matching $(BENCH_FLAGS)

layers: $(SETUP) ## the Lambda layers, from wheels, under .build/layers
	@$(BIN)/python -m filmgate_packaging --architecture $(ARCHITECTURE)

inference-layer: $(SETUP) ## the optional layer for embeddings, see layers/README.md
	@$(BIN)/python -m filmgate_packaging --architecture $(ARCHITECTURE) --only inference

package: layers ## layers and template as for AWS, under .build/package; needs no account
	@$(BIN)/python -m filmgate_local.artefact --stage $(STAGE) --architecture $(ARCHITECTURE)

deploy: layers ## to AWS, with the credentials of the environment: make deploy STAGE=dev
	@$(OSLS) deploy --stage $(STAGE) --param architecture=$(ARCHITECTURE) \
		--param layers=.build/layers/$(ARCHITECTURE) $(DEPLOY_FLAGS)

remove: $(SETUP) ## take a stage down on AWS; buckets with files in them must be emptied first
	@$(OSLS) remove --stage $(STAGE)

clean: stop ## delete everything made here, the virtual environment too, except the local AWS's state (.filmgate)
	@rm -rf $(VENV) .build .serverless dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -not -path './$(VENV)/*' -not -path './node_modules/*' -prune -exec rm -rf {} +
