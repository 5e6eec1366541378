"""Images of maps on the voxels of a mask: the one gate through which they come."""

import warnings
from typing import Any, NamedTuple

import numpy as np

from sklearn_mnm.brain.image_files import image_values, open_image
from sklearn_mnm.brain.image_kinds import check_map, doubts_of_kind
from sklearn_mnm.brain.image_space import doubts_of_space, placed
from sklearn_mnm.brain.resampling import averages_on_mask
from sklearn_mnm.exceptions import DataWarning, InvalidInputError

# A map is not thresholded if it has values of both signs in most of the brain, and some of them are
# near 0: this percentile of their sizes is below this share of the median.
_LEAST_SHARE, _PERCENTILE, _NEAR_ZERO = 0.35, 5, 0.25


class ReadImage(NamedTuple):
    """An image that came through the gate.

    Attributes
    ----------
    image : nibabel image
        3D or 4D, with an affine.
    values : ndarray of 3 or 4 dimensions
        Finite.
    on_mask : ndarray of shape (n_maps, n_voxels), float32
        Averages over the voxels of the mask; see
        :func:`~sklearn_mnm.brain.resampling.averages_on_mask`.
    doubts : list of str
        Of its space and kind; empty if there are none.
    """

    image: Any
    values: np.ndarray
    on_mask: np.ndarray
    doubts: list[str]


class MapsOnMask(NamedTuple):
    """Maps on the voxels of a mask.

    Attributes
    ----------
    voxels : ndarray of shape (n_maps, n_voxels), float32
    covered : ndarray of shape (n_maps, n_voxels), bool
        Where something is known; see :func:`covered_voxels`.
    """

    voxels: np.ndarray
    covered: np.ndarray


def read_map(image: Any, mask_img: Any, name: str = "image") -> ReadImage:
    """Read one image on the voxels of a mask, and say what is doubtful about it.

    Parameters
    ----------
    image : Nifti1Image or another image of nibabel, or path
        3D or 4D, on any grid.
    mask_img : nibabel.nifti1.Nifti1Image
        Binary mask in MNI152 space.
    name : str
        Of the argument, or of the file, where the image does not know it.

    Returns
    -------
    read : ReadImage

    Raises
    ------
    DataFormatError
        If a file is missing or damaged, or the image is no volume, or says that it is no map of a
        statistic.
    """
    image = open_image(image, name)
    name = image.get_filename() or name
    check_map(image, name)
    image, guess = placed(image)
    values = image_values(image, name)
    on_mask = averages_on_mask(values, image.affine, mask_img)
    doubts = [] if guess is None else [guess]
    doubts += doubts_of_space(image, mask_img, name)
    return ReadImage(image, values, on_mask, doubts + doubts_of_kind(image, values, on_mask, name))


def covered_voxels(values: np.ndarray, on_mask: np.ndarray) -> np.ndarray:
    """Tell where a map was measured.

    Outside of the field of view, as below the cortex in a map of the cortex, maps are 0. So are
    thresholded maps where nothing was found, and those of peaks where nothing was reported: only of
    maps with values of both signs, some near 0, in more than a third of the brain, a 0 says that
    nothing is known.

    Parameters
    ----------
    values : ndarray of 3 or 4 dimensions
        Of an image, maps last.
    on_mask : ndarray of shape (n_maps, n_voxels)
        The same on the voxels of the mask.

    Returns
    -------
    covered : ndarray of shape (n_maps, n_voxels), bool
    """
    covered = np.ones(on_mask.shape, dtype=bool)
    for row, map_ in enumerate(on_mask):
        is_measured = map_ != 0
        if (
            is_measured.all()
            or is_measured.mean() < _LEAST_SHARE
            or not map_.min() < 0 < map_.max()
        ):
            continue
        one = values if values.ndim == 3 else values[..., row]
        sizes = np.abs(one[one != 0])
        low, middle = np.percentile(sizes, [_PERCENTILE, 50])
        if low < _NEAR_ZERO * middle:
            covered[row] = is_measured
    return covered


def maps_on_mask(images: Any, mask_img: Any, name: str = "images") -> MapsOnMask:
    """Read images on the voxels of a mask.

    Parameters
    ----------
    images : Nifti1Image, path, or list of these
        3D or 4D, on any grid and with any affine; averaged over the voxels of the mask, so that
        integrals are kept. Values that are not finite count as 0.
    mask_img : nibabel.nifti1.Nifti1Image
        Binary mask.
    name : str
        Of the argument, for messages.

    Returns
    -------
    maps : MapsOnMask

    Raises
    ------
    DataFormatError
        If a file is missing or damaged, or an image is no volume, or says that it is no map of a
        statistic.
    InvalidInputError
        If there is no image.

    Warns
    -----
    DataWarning
        Once, with count: images that may not be in MNI152 space, or whose left and right are in
        doubt, or that may hold something else than a statistic.
    """
    given = list(images) if isinstance(images, list | tuple) else [images]
    if not given:
        raise InvalidInputError(f"{name} is empty; give at least one image.")
    rows, covered, doubtful = [], [], []
    for number, image in enumerate(given):
        called = name if len(given) == 1 else f"{name}[{number}]"
        read = read_map(image, mask_img, called)
        rows.append(read.on_mask)
        covered.append(covered_voxels(read.values, read.on_mask))
        if read.doubts:
            called = read.image.get_filename() or called
            doubtful.append(f"{called}: {'; '.join(read.doubts)}")
    if doubtful:
        warnings.warn(
            f"{len(doubtful)} of {len(given)} images may not be what they should, maps in MNI152 "
            f"space, the first {doubtful[0]}.",
            DataWarning,
            stacklevel=2,
        )
    return MapsOnMask(np.concatenate(rows), np.concatenate(covered))
