"""Maps to look at."""

from typing import Any, NamedTuple

import nibabel
import numpy as np

from sklearn_mnm.report.figures import described, highest_in_words


class Shown(NamedTuple):
    """A map to look at.

    Attributes
    ----------
    image : nibabel.nifti1.Nifti1Image
        3D, MNI152.
    threshold : float
        Values of at least this are shown.
    unit : str
    """

    image: Any
    threshold: float
    unit: str

    @property
    def words(self) -> str:
        """Say what is seen."""
        return f"{self.unit}: {described(self.image, self.threshold)}"

    @property
    def highest_words(self) -> tuple[str, str]:
        """Say how high it is, and where: beside what is shown of it, and where nothing is."""
        return highest_in_words(self.image, self.threshold)


def above(image: Any, threshold: float | None, share: float, unit: str) -> Shown:
    """Show what is at least a threshold, or a share of the highest value."""
    values = np.maximum(np.asarray(image.dataobj, dtype=np.float32), 0)
    if threshold is None:
        threshold = max(share * float(values.max()), 1e-6)
    return Shown(nibabel.Nifti1Image(values, image.affine), threshold, unit)
