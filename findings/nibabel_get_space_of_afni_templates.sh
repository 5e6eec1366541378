#!/bin/sh
# nibabel: AFNIHeader.get_space() raises KeyError for the names of AFNI's own template spaces.
#
# AFNI writes the space of a dataset into TEMPLATE_SPACE. Of its names nibabel knows ORIG, TLRC and
# MNI; TT_N27 and MNI_ANAT, which stand in AFNI's list of spaces (AFNI_atlas_spaces.niml, to which the
# docstring of get_space points), end in a KeyError. Without the attribute the space is ''.
#
# Needs python3 with venv, and pip. Ends with 0 while nibabel behaves so, with 1 once it does not.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet nibabel==5.4.2 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import sys

import nibabel
import numpy as np

print("nibabel", nibabel.__version__)
HEAD = """
type = integer-attribute
name = BRICK_TYPES
count = 1
 3

type = float-attribute
name = BRICK_FLOAT_FACS
count = 1
 0.0

type = integer-attribute
name = DATASET_RANK
count = 8
 3 1 0 0 0 0 0 0

type = integer-attribute
name = DATASET_DIMENSIONS
count = 5
 2 2 2 0 0

type = integer-attribute
name = ORIENT_SPECIFIC
count = 3
 0 3 4

type = float-attribute
name = DELTA
count = 3
 2.0 2.0 2.0

type = float-attribute
name = IJK_TO_DICOM_REAL
count = 12
 2.0 0 0 0 0 2.0 0 0 0 0 2.0 0

type = string-attribute
name = BYTEORDER_STRING
count = 10
'LSB_FIRST~
"""
found = {}
for space in ("TLRC", "MNI", "TT_N27", "MNI_ANAT", None):
    text = HEAD
    if space is not None:
        text += f"\ntype = string-attribute\nname = TEMPLATE_SPACE\ncount = {len(space) + 1}\n'{space}~\n"
    open("a+tlrc.HEAD", "w").write(text)
    open("a+tlrc.BRIK", "wb").write(np.ones(8, "<f4").tobytes())
    header = nibabel.load("a+tlrc.HEAD").header
    try:
        found[space] = repr(header.get_space())
    except KeyError as error:
        found[space] = f"KeyError: {error}"
    print(f"TEMPLATE_SPACE {space}: get_space() -> {found[space]}")
expected = {
    "TLRC": "'TLRC'",
    "MNI": "'MNI'",
    "TT_N27": "KeyError: 'TT_N27'",
    "MNI_ANAT": "KeyError: 'MNI_ANAT'",
    None: "''",
}
sys.exit(found != expected)
PYTHON
