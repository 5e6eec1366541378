#!/bin/sh
# NiMARE: a map from MetaResult.get_map is written with 8 bits, and p values below 0.002 become 0.
#
# The values in memory are float32; the header of the image is that of the mask, whose type is uint8.
# nibabel.save writes the type of the header, scaled: 256 values are left, and the strongest p values
# of a meta-analysis are 0 in the file. MetaResult.save_maps writes float32.
#
# Needs python3 with venv, and pip. Ends with 0 while NiMARE behaves so, with 1 once it does not.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet nimare==0.22.1 nilearn==0.13.1 nibabel==5.4.2 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import sys

import nibabel
import nimare
import numpy as np
from nimare.dataset import Dataset
from nimare.meta.cbma.ale import ALE

print("NiMARE", nimare.__version__)
random = np.random.default_rng(0)
studies = {}
for number in range(12):
    x, y, z = random.normal([-40, -20, 50], 4, size=(6, 3)).T.tolist()
    contrast = {
        "coords": {"space": "MNI", "x": x, "y": y, "z": z},
        "metadata": {"sample_sizes": [20]},
    }
    studies[f"study {number}"] = {"contrasts": {"1": contrast}}
p_img = ALE(null_method="approximate").fit(Dataset(studies)).get_map("p")
values = np.asarray(p_img.dataobj)
nibabel.save(p_img, "p.nii.gz")
stored = nibabel.load("p.nii.gz").get_fdata()
print("in memory:", values.dtype, "lowest p above 0:", values[values > 0].min())
print("header and file:", p_img.get_data_dtype(), "lowest p above 0:", stored[stored > 0].min())
lost = int(((values > 0) & (stored == 0)).sum())
print(lost, "voxels with p above 0 are 0 in the file")
sys.exit(not (p_img.get_data_dtype() == np.uint8 and values.dtype == np.float32 and lost > 100))
PYTHON
