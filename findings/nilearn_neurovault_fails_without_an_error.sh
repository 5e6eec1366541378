#!/bin/sh
# nilearn: fetch_neurovault_ids raises nothing when NeuroVault cannot be reached, and verbose=0 does not
# silence it.
#
# Where no image can be downloaded, the Bunch that comes back has no images: code that takes
# images[0] fails with an IndexError, and code that loops over them does nothing. No warning is given.
# With verbose=0 the traceback of the failed connection is printed, which no program can catch.
#
# A proxy that nobody runs stands for a network that is down. Needs python3 with venv, and pip. Ends
# with 0 while nilearn behaves so, with 1 once it does not.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet nilearn==0.14.1
cd "$folder"
export https_proxy=http://127.0.0.1:9 HTTPS_PROXY=http://127.0.0.1:9 no_proxy= NO_PROXY=
"$folder/venv/bin/python" - <<'PYTHON'
import contextlib
import io
import sys
import warnings

import nilearn
from nilearn.datasets import fetch_neurovault_ids

print("nilearn", nilearn.__version__)
printed = io.StringIO()
with (
    warnings.catch_warnings(record=True) as caught,
    contextlib.redirect_stdout(printed),
    contextlib.redirect_stderr(printed),
):
    warnings.simplefilter("always")
    found = fetch_neurovault_ids(image_ids=[10426], data_dir="data", verbose=0, timeout=5)
lines = printed.getvalue().splitlines()
told = sorted({type(warning.message).__name__ for warning in caught})
print(f"images: {len(found.images)}; nothing was raised; kinds of warnings: {told}")
print(f"lines printed with verbose=0: {len(lines)}; with a traceback: {'Traceback' in printed.getvalue()}")
sys.exit((len(found.images), told, "Traceback" in printed.getvalue()) != (0, [], True))
PYTHON
