"""Maps on the voxels of a mask: averages over volumes, so that integrals stay what they are."""

from itertools import product
from typing import Any

import numpy as np

# Part of a voxel by which a grid may be turned over its whole length and count as straight.
_TURNED = 0.02
# Points along each side of a voxel at which images on turned grids are read.
_FEWEST_POINTS, _MOST_POINTS = 4, 8


def averages_on_mask(values: np.ndarray, affine: np.ndarray, mask_img: Any) -> np.ndarray:
    """Average maps over the voxels of a mask.

    A value of an image stands for the volume of its voxel. The average over a voxel of the mask
    is the sum of all values by the share of this voxel that theirs fill, so that the integral
    over the brain is kept: it neither depends on where the centres of voxels are, nor on how much
    smaller those of the image are. Where the axes of the grids are parallel this is exact, and
    one product a direction (first-order conservative remapping, Jones 1999,
    doi:10.1175/1520-0493(1999)127<2204:FASOCR>2.0.CO;2); where they are turned, at least 64
    points a voxel are read, more of fine images. On the grid of the mask values stay as they are.

    Parameters
    ----------
    values : ndarray of shape (i, j, k) or (i, j, k, n_maps)
        Finite.
    affine : ndarray of shape (4, 4)
        From voxels of the image to mm.
    mask_img : nibabel.nifti1.Nifti1Image
        Binary mask.

    Returns
    -------
    averages : ndarray of shape (n_maps, n_voxels), float32
        On the voxels of the mask in C order; outside the image is 0.
    """
    mask = np.asarray(mask_img.dataobj) != 0
    maps = values[..., np.newaxis] if values.ndim == 3 else values
    if maps.shape[:3] == mask.shape and np.allclose(affine, mask_img.affine):
        return np.ascontiguousarray(maps[mask].T, dtype=np.float32)
    to_mask = np.linalg.inv(mask_img.affine) @ affine
    averages = np.empty((maps.shape[3], np.count_nonzero(mask)), np.float32)
    axes = _parallel_axes(to_mask, maps.shape[:3])
    for number, row in enumerate(averages):
        one = np.asarray(maps[..., number], dtype=np.float32)
        if not one.any():
            row[:] = 0
        elif axes is None:
            row[:] = _read_at_points(one, to_mask, mask)
        else:
            row[:] = _shared_volumes(one, to_mask, axes, mask.shape)[mask]
    return averages


def _parallel_axes(to_mask: np.ndarray, shape: tuple[int, ...]) -> list[int] | None:
    """Axis of the mask to which each of the image is parallel, None if the grids are turned."""
    linear = to_mask[:3, :3]
    axes = np.abs(linear).argmax(axis=0)
    aside = linear.copy()
    aside[axes, np.arange(3)] = 0
    is_straight = (np.abs(aside) * np.asarray(shape)).max() <= _TURNED
    return axes.tolist() if is_straight and len(set(axes.tolist())) == 3 else None


def _shared_volumes(
    values: np.ndarray, to_mask: np.ndarray, axes: list[int], shape: tuple[int, ...]
) -> np.ndarray:
    """Average over the voxels of a whole grid, parallel to that of the values."""
    values = np.transpose(values, np.argsort(axes))
    for axis in (2, 0, 1):
        step = to_mask[axis, int(np.argsort(axes)[axis])]
        shares = _overlaps(values.shape[axis], shape[axis], step, to_mask[axis, 3])
        if axis == 2:
            values = values @ shares.T
        elif axis == 0:
            rest = values.shape[1:]
            values = (shares @ values.reshape(len(values), -1)).reshape(len(shares), *rest)
        else:
            values = shares @ values
    return values


def _overlaps(n_from: int, n_to: int, step: float, first: float) -> np.ndarray:
    """Length of intervals of length 1 that others fill, shape (n_to, n_from)."""
    centres = first + step * np.arange(n_from)
    half = abs(step) / 2
    places = np.arange(n_to)[:, np.newaxis]
    upper = np.minimum(centres + half, places + 0.5)
    lower = np.maximum(centres - half, places - 0.5)
    return np.maximum(upper - lower, 0).astype(np.float32)


def _read_at_points(values: np.ndarray, to_mask: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Average the values at points that fill the voxels of the mask evenly."""
    from_mask = np.linalg.inv(to_mask)
    finest = np.linalg.norm(from_mask[:3, :3], axis=0).max()
    n_points = int(np.clip(np.ceil(3 * finest), _FEWEST_POINTS, _MOST_POINTS))
    # A little aside: points on the border of two voxels would else fall into any of them.
    offsets = (np.arange(n_points) + 0.5) / n_points - 0.5 + 1e-4
    padded = np.pad(values, 1)  # what is outside is read as 0
    first = from_mask[:3, 3] + 1
    centres = np.argwhere(mask) @ from_mask[:3, :3].T + first
    strides = np.array(padded.strides) // padded.itemsize
    flat = padded.ravel(order="K")
    total = np.zeros(len(centres))
    for offset in product(offsets, repeat=3):
        voxels = np.rint(centres + from_mask[:3, :3] @ np.array(offset))
        voxels = np.clip(voxels, 0, np.subtract(padded.shape, 1))
        total += flat[(voxels @ strides).astype(np.intp)]
    return total / n_points**3
