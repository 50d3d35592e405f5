# make run    start the whole site on this machine
# make test   run every test (ARGS="-k gallery" passes options to pytest)
#             whole sites and browsers have the machine to themselves, the rest share its processors
# make check  lint, types, layers, deployment checks
# make bench  measure what has an aim (BENCH=click measures one thing)
# make pictures  what must hold of every swap and edit, on the faces that are here
# make faults    tests that kill processes, then a site whose processes are killed at random
# make load      several people at once on a running site: requests a CPU second, and no fault
# make fuzz      broken pictures, recipes, addresses, forms and cards: an answer to each
# make pictures, faults, load, fuzz last five minutes each, or SECONDS=60; ARGS="--seed 7" repeats
# make mutants  change one small thing at a time, see whether a test notices (docs/mutants.md)
# make lock   write the three locks anew (needs uv)
# make clean  remove everything that was installed or made here, but no data
PYTHON ?= python3
VENV := .venv/bin/python

.DEFAULT_GOAL := help
TARGETS := pictures faults load fuzz

.PHONY: help run test check bench $(TARGETS) mutants lock clean

help:
	@sed -n 's/^# make/make/p' Makefile

run:
	@$(PYTHON) scripts/bootstrap.py
	@FACEWEB_DEBUG="$${FACEWEB_DEBUG:-true}" exec $(VENV) manage.py up

test:
	@$(PYTHON) scripts/bootstrap.py --dev
	@FACEWEB_DEBUG=true $(VENV) manage.py models fetch || true
ifdef ARGS
	@$(VENV) -m pytest $(ARGS)
else
	@$(VENV) -m pytest -n auto --dist loadfile -m "not browser and not stack"
	@$(VENV) -m pytest -m "browser or stack"
endif

check:
	@$(PYTHON) scripts/bootstrap.py --dev
	@$(VENV) scripts/check.py

BENCH ?= swap_classic upload gallery click
bench:
	@$(PYTHON) scripts/bootstrap.py --dev
	@for one in $(BENCH); do echo "== $$one"; $(VENV) -m bench.$$one $(ARGS) || exit 1; done

# `make test` runs the tests marked `faults` as well; where it has just done so, CI says so.
SECONDS ?= 300
$(TARGETS):
	@$(PYTHON) scripts/bootstrap.py --dev
ifndef CI
	@if [ $@ = faults ]; then $(VENV) -m pytest -m faults; fi
endif
	@$(VENV) -m bench.$@ --seconds $(SECONDS) $(ARGS)

mutants:
	@$(PYTHON) scripts/bootstrap.py --dev
	@$(VENV) scripts/mutants.py $(ARGS)

# The three locks share one resolution of pyproject.toml; only the onnxruntime differs for a GPU.
# No address of a registry is written. UPGRADE=--upgrade moves to newer versions.
UV ?= uv
COMPILE = $(UV) pip compile pyproject.toml --quiet --universal --python-version 3.11 \
	--generate-hashes --no-annotate --no-header --no-emit-index-url --no-emit-find-links $(UPGRADE)

lock:
	@$(COMPILE) --extra cpu -o requirements.lock
	@$(COMPILE) --extra cpu --group dev -o requirements-dev.lock
	@$(COMPILE) --extra gpu -o requirements-gpu.lock

clean:
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache test-results
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
