#!/bin/sh
# nilearn 0.14.1: the template is called asymmetrical in the description, and is exactly symmetric.
#
# The description of the ICBM 152 template that is installed with nilearn, and shown in its manual,
# says that the template of nilearn is the asymmetrical one of 2009, release a. The image that
# load_mni152_template gives is the symmetric one, as the name of its file says: each voxel equals its
# mirror on the other side, and so does each of the mask of the brain. Who compares hemispheres, or
# registers to the template that the description names, is misled. It was so in 0.12.0 and 0.13.1.
#
# Needs python3 with venv, and pip. Ends with 0 while nilearn behaves so, with 1 once it does not.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
cd "$folder"
"$folder/venv/bin/python" -m pip install --quiet nilearn==0.14.1 numpy==2.4.6
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import sys
from pathlib import Path

import nilearn
import numpy as np
from nilearn.datasets import load_mni152_brain_mask, load_mni152_template


def difference(image):
    """Largest difference of a voxel and its mirror in the plane x = 0, and the largest value."""
    values = np.asarray(image.dataobj, dtype=np.float64)
    step, start = image.affine[0, 0], image.affine[0, 3]
    rows = np.arange(len(values))
    mirrored = np.rint((-(start + step * rows) - start) / step).astype(int)
    both = (mirrored >= 0) & (mirrored < len(values))
    return np.abs(values[both] - values[mirrored[both]]).max(), values.max()


folder = Path(nilearn.__file__).parent / "datasets"
told = (folder / "description" / "icbm152_2009.rst").read_text(encoding="utf-8")
(said,) = [line.strip() for line in told.splitlines() if "Nilearn template is" in line]
(file,) = [path.name for path in (folder / "data").iterdir() if "_t1_" in path.name]
template = difference(load_mni152_template(resolution=1))
mask = difference(load_mni152_brain_mask(resolution=1))
print("nilearn", nilearn.__version__)
print("description:", said)
print("file:", file)
print(f"template: largest difference from its mirror {template[0]:g}, largest value {template[1]:g}")
print(f"mask of the brain: largest difference from its mirror {mask[0]:g}")
sys.exit(0 if "asymmetrical" in said and "_sym_" in file and not template[0] and not mask[0] else 1)
PYTHON
