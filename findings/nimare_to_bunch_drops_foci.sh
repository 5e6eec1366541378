#!/bin/sh
# NiMARE: Studyset.to_bunch leaves out foci beyond its image grid without a warning or a count.
#
# The rows of the bunch hold peaks as counts of voxels of the 2 mm MNI152 grid. A focus outside of the
# grid, such as one in Talairach or voxel units, or with a digit too many, is not among them. No warning
# is given, and the provenance, which lists left-out analyses, tells of no focus. An analysis that has
# such foci only is listed in dropped_ids like one without coordinates.
#
# Needs python3 with venv, and pip. Ends with 0 while NiMARE behaves so, with 1 once it does not.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet nimare==0.22.1
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import sys
import warnings

import nimare
from nimare.nimads import Studyset

print("NiMARE", nimare.__version__)
inside, outside = ({"coordinates": [0.0, 0.0, z], "space": "MNI"} for z in (20.0, 120.0))
analyses = [
    {"id": "mixed", "name": "", "points": [inside, outside], "images": []},
    {"id": "beyond", "name": "", "points": [outside], "images": []},
]
study = {"id": "s", "name": "", "metadata": {}, "analyses": analyses}
studyset = Studyset({"id": "x", "name": "", "studies": [study], "annotations": []})
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    bunch = studyset.to_bunch()
n_foci = int(bunch.data.sum())
dropped = list(map(str, bunch.provenance["dropped_ids"]))
of_foci = [name for name in bunch.provenance if "foci" in name or "point" in name]
told = [str(warning.message) for warning in caught]
print(f"3 foci given, {n_foci} in the bunch; dropped_ids {dropped}; warnings {told}")
print(f"entries of the provenance on foci: {of_foci}")
expected = (1, ["s-beyond"], [], [])
sys.exit((n_foci, dropped, of_foci, told) != expected)
PYTHON
