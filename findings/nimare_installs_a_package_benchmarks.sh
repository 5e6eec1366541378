#!/bin/sh
# NiMARE 0.22.1: the wheel installs a package "benchmarks" beside the package "nimare".
#
# One expects that pip install nimare brings one name to import. The folder of NiMARE's own benchmarks
# is part of the wheel, too, and lies at the top of site-packages. In a project that has a folder of
# this name without __init__.py, import benchmarks brings NiMARE's, as a regular package goes before a
# folder, wherever in sys.path the two are; python -m benchmarks from elsewhere finds it as well.
#
# Needs python3 with venv, and pip. Ends with 0 while NiMARE behaves so, with 1 once it does not.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --no-deps nimare==0.22.1
mkdir -p "$folder/project/benchmarks"
echo "OURS = True" > "$folder/project/benchmarks/ours.py"
cd "$folder/project"
"$folder/venv/bin/python" - <<'PYTHON'
import importlib.metadata
import sys
from pathlib import Path

import benchmarks

told = importlib.metadata.distribution("nimare")
top = sorted({path.parts[0] for path in told.files if path.suffix == ".py"})
print("nimare", told.version, "installs", top)
found = Path(benchmarks.__file__ or "").parent
print("first in sys.path:", sys.path[0] or "the folder of the project")
print("import benchmarks finds that of site-packages:", "site-packages" in found.parts)
sys.exit(0 if "benchmarks" in top and "site-packages" in found.parts else 1)
PYTHON
