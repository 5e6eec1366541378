"""Maps of p values, converted to z on request."""

from typing import Any

import nibabel
import numpy as np
from scipy.ndimage import generate_binary_structure, label
from scipy.special import ndtri

from sklearn_mnm.brain.image_files import image_values, open_image
from sklearn_mnm.exceptions import InvalidInputError


def z_from_p(image: Any, *, sign_img: Any = None) -> nibabel.nifti1.Nifti1Image:
    """Make a map of z of one of p values, in which strong effects are large.

    Decoding takes large values for strong, and of p the small ones are strong.

    Parameters
    ----------
    image : Nifti1Image or path
        p values, 3D or 4D, one-sided unless `sign_img` is given. Zeros that reach the edge of
        the image are outside the brain, and z is 0 there, as it is where p is 1; other zeros were
        rounded, and count as the smallest p above 0.
    sign_img : Nifti1Image, path or None, default=None
        On the same grid, of which the sign is taken, such as a map of effects: `image` then holds
        two-sided p values.

    Returns
    -------
    z : nibabel.nifti1.Nifti1Image
        The value that a standard normal variable exceeds with probability p, float32; with
        `sign_img`, the one of p / 2 with that sign.

    Raises
    ------
    DataFormatError
        If a file is missing or damaged.
    InvalidInputError
        If a value is not between 0 and 1, or the grids differ.
    """
    image = open_image(image)
    p = np.asarray(image_values(image), dtype=np.float64)
    if p.min() < 0 or p.max() > 1:
        raise InvalidInputError(
            f"image holds values from {p.min():g} to {p.max():g}, and p values lie between 0 and "
            "1. Give it as it is if it is a map of z or t; 1 - p and -log10 p are to be turned "
            "back first."
        )
    outside = _zeros_at_edge(p)
    p = np.where(p > 0, p, p[p > 0].min(initial=1))
    z = np.where(outside | (p == 1), 0, -ndtri(p if sign_img is None else p / 2))
    if sign_img is not None:
        sign_img = open_image(sign_img, "sign_img")
        if sign_img.shape != image.shape or not np.allclose(sign_img.affine, image.affine):
            raise InvalidInputError(
                f"sign_img is on another grid, shape {sign_img.shape}, than image, shape "
                f"{image.shape}. Give both as one analysis wrote them."
            )
        z = z * np.sign(image_values(sign_img, "sign_img"))
    # With a header of its own: that of p says what p is.
    return nibabel.Nifti1Image(z.astype(np.float32), image.affine)


def _zeros_at_edge(p: np.ndarray) -> np.ndarray:
    """Where values are 0 up to the edge of the image."""
    connected = generate_binary_structure(3, 1)
    if p.ndim == 4:  # neighbours are of the same map
        connected = np.stack([0 * connected, connected, 0 * connected], axis=-1)
    parts, _ = label(p == 0, structure=connected)
    at_edge = [np.take(parts, end, axis).ravel() for axis in range(3) for end in (0, -1)]
    return np.isin(parts, np.setdiff1d(np.concatenate(at_edge), 0))
