# make demo      fit a small model on real studies; writes demo_output/
# make test      the test suite, with the examples in docstrings, a process for each core
# make lab       what takes longer: work that is killed, mutants, whole benchmarks, more random input
# make test-old  the same with the oldest versions of the dependencies, in .venv-old
# make test-new  what depends on nilearn, with the newest of everything, in .venv-new
# make bench     times of the main calls; again after a change, with COMPARE=1, beside those before
# make lint      formatting, style, types, direction of imports, length of modules
# make audit     known vulnerabilities of what is installed; needs the network
# make docs      the manual, with its figures and examples, in docs/_build/html
# make links     whether what the manual links to is there; needs the network
# make clean     remove the environments and everything made by the above
#
# Each makes .venv on first use and installs again only when pyproject.toml or this file changed.
# PYTHON chooses the interpreter, TORCH what pip installs as torch, with any options of pip.

PYTHON ?= python3
TORCH ?= torch==2.13.0

VENV := .venv
# Versions that pip may install, if not the newest.
CONSTRAINTS :=
# Tests that nilearn decides.
NEW_TESTS := tests/app/test_answers.py tests/app/test_patience.py tests/app/test_uploads.py \
	tests/app/test_viewer.py \
	tests/report tests/plotting tests/brain/test_image_space.py tests/brain/test_image_files.py \
	tests/brain/test_regions.py tests/brain/test_resampling.py
IN_VENV := $(VENV)/bin/python
# Twice quiet: errors only.
INSTALL := $(IN_VENV) -m pip install -qq --disable-pip-version-check \
	$(addprefix --constraint ,$(CONSTRAINTS))
# A core that is done takes tests from the end of another's list, so that neighbours, which share
# what is fitted for them, stay together. Each process takes about 2 GB.
PARALLEL := --numprocesses=logical --maxprocesses=8 --dist=worksteal

.PHONY: demo test test-old test-new lab bench lint audit docs links clean
# Two installations into one environment at a time would break it.
.NOTPARALLEL:

demo: $(VENV)/.installed-demo
	$(IN_VENV) examples/demo.py

# The suite brings the language model that it needs: nothing is looked up on the network.
test: $(VENV)/.installed-dev
	HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1 $(IN_VENV) -m pytest $(PARALLEL)

# One test after the other: some measure time and memory.
lab: $(VENV)/.installed-lab
	HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1 MNM_TIMES=10 $(IN_VENV) -m pytest \
		tests/fuzz tests/test_numbers.py tests/lab

# Without the tools of make lint, which ask for newer versions.
test-old:
	$(MAKE) .venv-old/.installed-test VENV=.venv-old CONSTRAINTS=.ci/oldest.txt
	HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1 .venv-old/bin/python -m pytest $(PARALLEL)

# NiMARE holds nilearn back; without it the newest is installed, and tests that need NiMARE are
# skipped.
test-new:
	$(MAKE) .venv-new/.installed-new VENV=.venv-new
	HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1 .venv-new/bin/python -m pytest -m "not slow" $(NEW_TESTS)

# Processor time, as other work on the machine does not count.
bench: $(VENV)/.installed-dev
	OMP_NUM_THREADS=1 $(IN_VENV) -m pytest -q benchmarks/speed/test_speed.py --benchmark-autosave \
		--benchmark-timer=time.process_time --benchmark-columns=min,median,stddev,rounds \
		--benchmark-sort=name $(if $(COMPARE),--benchmark-compare)

lint: $(VENV)/.installed-dev
	$(IN_VENV) -m ruff format --check .
	$(IN_VENV) -m ruff check .
	$(IN_VENV) -m mypy
	$(VENV)/bin/lint-imports --no-logo
	$(IN_VENV) .ci/house.py

audit: $(VENV)/.installed-dev
	$(INSTALL) pip-audit
	$(IN_VENV) -m pip_audit --skip-editable

# Examples and figures are made anew where their scripts changed, or after make clean. Their
# matrices are small: threads that wait for each other would cost more time.
docs: $(VENV)/.installed-docs
	OMP_NUM_THREADS=1 $(IN_VENV) -m sphinx -W --keep-going -b html docs docs/_build/html

links: $(VENV)/.installed-docs
	$(IN_VENV) -m sphinx -D plot_gallery=0 -b linkcheck docs docs/_build/links

# Torch goes first, so that the build chosen here is the one that the package then finds.
$(VENV)/.installed-%: pyproject.toml Makefile $(CONSTRAINTS) | $(VENV)/pyvenv.cfg
	@echo "Installing into $(VENV) (some minutes the first time) ..."
	@$(INSTALL) $(TORCH)
	@$(INSTALL) --editable '.[$*]'
	@touch $@

$(VENV)/pyvenv.cfg:
	$(PYTHON) -m venv $(VENV)

clean:
	rm -rf docs/_build docs/auto_examples docs/api/generated
	rm -rf $(VENV) .venv-old .venv-new demo_output build dist .benchmarks .pytest_cache .hypothesis .mypy_cache .ruff_cache
	find sklearn_mnm tests examples benchmarks docs -name __pycache__ -type d -prune -exec rm -rf {} +
