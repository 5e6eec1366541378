"""Make the masks of the MNI152 brain that come with the package: ``python -m benchmarks masks``.

They are those of nilearn, which resamples its template for each: half a second of a short command.
"""

import argparse
import gzip

import nibabel
import numpy as np
from nilearn.datasets import load_mni152_brain_mask

from benchmarks.making.anatomical_labels import FOLDER
from sklearn_mnm.brain.atlas import OWN_MASKS


def main() -> None:
    """Write the masks beside the labels."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    for resolution, name in OWN_MASKS.items():
        mask = load_mni152_brain_mask(resolution=resolution)
        values = (np.asarray(mask.dataobj) != 0).astype(np.uint8)
        image = nibabel.Nifti1Image(values, mask.affine)
        (FOLDER / name).write_bytes(gzip.compress(image.to_bytes(), mtime=0))


if __name__ == "__main__":
    main()
