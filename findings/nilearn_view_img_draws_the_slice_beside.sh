#!/bin/sh
# nilearn 0.13: the page of view_img draws the slices beside those whose coordinates it names.
#
# One expects that the slices cross where cut_coords says. The page gives brainsprite the number of
# the voxel less 1. Brainsprite draws the slice of this number, but reads its coordinates as those of
# the next one, so that the label is right and the picture is one voxel off along each axis: a map
# with a single voxel is not seen at the coordinates of that voxel. Nilearn 0.14.1 gives the number of
# the voxel, and an affine that is moved by a voxel.
#
# Needs python3 with venv, and pip. Ends with 0 while nilearn behaves so, with 1 once it does not.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet nilearn==0.13.1 matplotlib==3.10.9 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import base64
import io
import json
import re
import sys

import matplotlib.image
import nibabel
import nilearn
import numpy as np
from nilearn.plotting import view_img

print("nilearn", nilearn.__version__)
SIZE, VOXEL = (20, 24, 22), (7, 9, 11)
AFFINE = np.diag([4.0, 4.0, 4.0, 1.0])
values = np.zeros(SIZE, np.float32)
values[VOXEL] = 5
place = (AFFINE @ [*VOXEL, 1])[:3]
page = view_img(
    nibabel.Nifti1Image(values, AFFINE), threshold=1, bg_img=False, cut_coords=place
).html

number = json.loads(re.search(r'"numSlice": ({[^}]*})', page)[1])
affine = np.array(json.loads(re.search(r'"affine": (\[\[.*?\]\])', page)[1]))
drawn = [int(number[axis]) for axis in "XYZ"]
# As brainsprite computes the label: from the next slice.
named = (affine @ [*(slice_ + 1 for slice_ in drawn), 1])[:3]
# The overlay holds the sagittal slices as tiles, row by row, each with z from top to bottom.
encoded = re.search(r'id="overlayImg[^"]*"[^>]*?base64,([^"]*)"', page)[1]
sprite = matplotlib.image.imread(io.BytesIO(base64.b64decode(encoded)), format="png")
width, height = SIZE[1], SIZE[2]
columns = sprite.shape[1] // width


def painted(slice_):
    """Whether anything of a sagittal slice is painted."""
    row, column = divmod(slice_, columns)
    tile = sprite[row * height : (row + 1) * height, column * width : (column + 1) * width]
    return bool(tile[..., 3].any())


print("voxel with a value:", VOXEL, "at", place.tolist())
print("slices drawn:", drawn, "coordinates named:", named.tolist())
print("value seen in the sagittal slice that is drawn:", painted(drawn[0]))
print("value seen in the next one:", painted(drawn[0] + 1))
beside = drawn == [row - 1 for row in VOXEL] and np.allclose(named, place)
sys.exit(0 if beside and not painted(drawn[0]) and painted(VOXEL[0]) else 1)
PYTHON
