# make demo   fit a small model on real studies; writes demo_output/
# make test   the test suite, with the examples in docstrings
# make lint   formatting, style, types
# make clean  remove the environment and everything made by the above
#
# Each makes .venv on first use and installs again only when pyproject.toml or this file changed.
# PYTHON chooses the interpreter, TORCH what pip installs as torch, with any options of pip.

PYTHON ?= python3
TORCH ?= torch==2.13.0

VENV := .venv
IN_VENV := $(VENV)/bin/python
# Twice quiet: errors only.
INSTALL := $(IN_VENV) -m pip install -qq --disable-pip-version-check

.PHONY: demo test lint clean
# Two installations into one environment at a time would break it.
.NOTPARALLEL:

demo: $(VENV)/.installed-demo
	$(IN_VENV) examples/demo.py

# The suite brings the language model that it needs: nothing is looked up on the network.
test: $(VENV)/.installed-test
	HF_HUB_OFFLINE=1 $(IN_VENV) -m pytest

lint: $(VENV)/.installed-test
	$(IN_VENV) -m ruff format --check .
	$(IN_VENV) -m ruff check .
	$(IN_VENV) -m mypy

# Torch goes first, so that the build chosen here is the one that the package then finds.
$(VENV)/.installed-%: pyproject.toml Makefile | $(VENV)/pyvenv.cfg
	@echo "Installing into $(VENV) (some minutes the first time) ..."
	@$(INSTALL) $(TORCH)
	@$(INSTALL) --editable '.[$*]'
	@touch $@

$(VENV)/pyvenv.cfg:
	$(PYTHON) -m venv $(VENV)

clean:
	rm -rf $(VENV) demo_output build dist .pytest_cache .hypothesis .mypy_cache .ruff_cache
	find sklearn_mnm tests examples benchmarks docs -name __pycache__ -type d -prune -exec rm -rf {} +
