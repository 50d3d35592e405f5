# make run    start the whole site on this machine
# make test   run every test (ARGS="-k gallery" passes options to pytest)
#             whole sites and browsers have the machine to themselves, the rest share its processors
# make check  lint, types, layers, deployment checks
# make bench  measure what has an aim (BENCH=click measures one thing)
# make mutants  change one small thing at a time, see whether a test notices (docs/mutants.md)
# make lock   write the three locks anew (needs uv)
# make clean  remove everything that was installed or made here, but no data
PYTHON ?= python3
VENV := .venv/bin/python

.DEFAULT_GOAL := help
.PHONY: help run test check bench mutants lock clean

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
