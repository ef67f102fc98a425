# run, test, check and bench work in a fresh clone: Python 3.11 to 3.13, make and a network are all they need.
# uv is installed into the clone, and nothing is written to the home folder where it cannot be.

UV_VERSION := 0.13.8
ARGS ?=

# The first interpreter that fits; `make run PYTHON=/path/to/python3.12` chooses another one. It is followed to the program
# itself: uv takes a shim (pyenv) or an activated .venv for another Python each time, and makes .venv anew.
FITS := import os, sys; (3, 11) <= sys.version_info[:2] <= (3, 13) or sys.exit(1); \
	print(os.path.realpath(getattr(sys, "_base_executable", sys.executable)))
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c '$(FITS)' 2>/dev/null && break; done)

# A home folder that is missing, unset or read-only (containers, service accounts) must not matter.
ifneq ($(shell test -n "$$HOME" && test -d "$$HOME" && test -w "$$HOME" && echo yes),yes)
export HOME := $(CURDIR)/.uv/home
endif

# The system's Python is used; uv would download one of its own otherwise.
export UV_PYTHON_DOWNLOADS := never
export UV_PYTHON_PREFERENCE := only-system
export PIP_ROOT_USER_ACTION := ignore
UV := .uv/$(UV_VERSION)/bin/uv
SYNC := $(UV) sync --quiet --locked --python "$(PYTHON)"
BIN := .venv/bin

.PHONY: run test torture check bench install install-dev

run: install
	@exec $(BIN)/sync-platform up $(ARGS)

test: install-dev
	$(BIN)/pytest $(ARGS)

# The long versions: hundreds of kills, thousands of interleavings; about an hour.
torture: install-dev
	$(BIN)/pytest sync_platform_tests/torture/crash_matrix.py sync_platform_tests/torture/moving_simulation.py \
		sync_platform_tests/torture/push_crashes.py sync_platform_tests/torture/workflow_crashes.py $(ARGS)

check: install-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/sqlfluff lint sql
	VIRTUAL_ENV="$(CURDIR)/.venv" $(BIN)/dg check defs

# About an hour, and writes docs/benchmarks; ARGS=--quick takes two minutes and writes nothing.
bench: install-dev
	UV="$(CURDIR)/$(UV)" $(BIN)/python -m sync_platform_tests.benchmarks $(ARGS)

# What running needs; packages that only the tests need stay where they are.
install: $(UV)
	@$(SYNC) --no-dev --inexact

install-dev: $(UV)
	@$(SYNC)

# Debian's python3 comes without ensurepip: where venv fails, a pip that is there installs into a folder.
$(UV):
	@test -n "$(PYTHON)" || { echo "Python 3.11, 3.12 or 3.13 was not found. Install one, or name it:" \
		"make run PYTHON=/path/to/python3" >&2; exit 2; }
	@mkdir -p "$$HOME" && rm -rf .uv/$(UV_VERSION)
	@echo "Installing uv $(UV_VERSION) into .uv/ ..." >&2
	@"$(PYTHON)" -m venv .uv/$(UV_VERSION) >/dev/null 2>&1 \
		&& .uv/$(UV_VERSION)/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION) \
		|| { rm -rf .uv/$(UV_VERSION); "$(PYTHON)" -m pip --version >/dev/null 2>&1 \
		&& "$(PYTHON)" -m pip install --quiet --disable-pip-version-check \
			--target .uv/$(UV_VERSION) uv==$(UV_VERSION); } \
		|| { rm -rf .uv/$(UV_VERSION); echo "uv could not be installed: check the network; on Debian and" \
		"Ubuntu also run: apt-get install python3-venv" >&2; exit 2; }
