#!/bin/sh
# nilearn 0.13.1: drawing a map searches the whole process for garbage, several times.
#
# One expects that the time of a picture depends on the picture. Whatever reads the values of an image
# with safe_get_data, as view_img and plot_stat_map do, calls gc.collect each time. A full collection
# looks at all objects of the process, so that a map takes the longer the more a program holds: with
# two million lists in memory, as of a model or a corpus, a view takes several times as long. Servers
# and notebooks meet this. gc.freeze before drawing keeps the collector from what exists by then.
# Nilearn 0.14.1 does not call it any more.
#
# Needs python3 with venv, and pip. Ends with 0 while nilearn behaves so, with 1 once it does not.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
cd "$folder"
"$folder/venv/bin/python" -m pip install --quiet nilearn==0.13.1 matplotlib==3.10.9 numpy==2.4.6
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import gc
import sys
import time

import matplotlib
import nibabel
import nilearn
import numpy as np
from nilearn.plotting import plot_stat_map, view_img

matplotlib.use("Agg")
values = np.zeros((40, 48, 40), np.float32)
values[20, 20, 20] = 5
image = nibabel.Nifti1Image(values, np.diag([4.0, 4.0, 4.0, 1.0]))
full = []
gc.callbacks.append(lambda phase, told: full.append(phase == "stop" and told["generation"] == 2))


def measured(draw):
    """Full collections and processor seconds of a call, the second time."""
    draw()
    full.clear()
    start = time.process_time()
    draw()
    return sum(full), time.process_time() - start


def view():
    """Draw the page, without a background."""
    view_img(image, threshold=1, bg_img=False)


def plot():
    """Draw the figure, without a background."""
    plot_stat_map(image, threshold=1, bg_img=None, draw_cross=False).close()


print("nilearn", nilearn.__version__)
alone = measured(view)
figure = measured(plot)
held = [[number] for number in range(2_000_000)]
among = measured(view)
gc.freeze()
frozen = measured(view)
print(f"full collections: view_img {alone[0]}, plot_stat_map {figure[0]}")
print(f"view_img, processor s: {alone[1]:.2f}, among {len(held):,} lists {among[1]:.2f}, "
      f"after gc.freeze {frozen[1]:.2f}")
several = alone[0] >= 3 and figure[0] >= 2
sys.exit(0 if several and among[1] > 2 * alone[1] and frozen[1] < among[1] / 2 else 1)
PYTHON
