"""Brain images that callers give: opened, checked, and their values read within bounds."""

import math
import zlib
from os import PathLike
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from nibabel.affines import apply_affine
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError

from sklearn_mnm.exceptions import DataFormatError, InvalidInputError

# What nibabel raises for files that are damaged, end early, or claim a size that no file has.
_FAILURES = (
    ImageFileError,
    HeaderDataError,
    OSError,
    EOFError,
    ValueError,
    TypeError,
    KeyError,
    OverflowError,
    MemoryError,
    zlib.error,
)
# A thousand maps at 2 mm; a header of 348 bytes may claim more than any memory holds.
_MOST_VALUES = 2**30
# Times that gzip can make a file smaller.
_GZIP_MOST = 1100
# Sums over regions stay finite in single precision.
_LARGEST_VALUE = 1e30
# Codes of NIfTI headers (nifti1.h): what space an affine leads to.
_SCANNER, _TALAIRACH, _MNI152 = 1, 3, 4
# Cosine of the angle between an axis of the image and one of the space.
_STRAIGHT = 0.999
# Share of the brain that a map must cover without a word of it.
_COVERED = 0.7


def is_image(value: Any) -> bool:
    """Whether `value` stands for one image: a path, or an image of nibabel."""
    return isinstance(value, str | PathLike | nibabel.spatialimages.SpatialImage)


def open_image(image: Any, name: str = "image") -> Any:
    """Open an image; its values are read when they are needed, by :func:`image_values`.

    Parameters
    ----------
    image : Nifti1Image or another image of nibabel, or path
    name : str
        Of the argument, for images that are no files.

    Returns
    -------
    image : nibabel image
        3D, or 4D for several maps, of real numbers, with an affine that can be inverted.

    Raises
    ------
    DataFormatError
        If a file is missing or damaged, or the image is none of a brain.
    InvalidInputError
        If `image` is no image at all.
    """
    if not is_image(image):
        raise InvalidInputError(
            f"{name}: expected an image of nibabel or the path of a NIfTI file, got "
            f"{type(image).__name__}."
        )
    is_file = isinstance(image, str | PathLike)
    source = str(image) if is_file else name
    opened: Any = image
    if is_file:
        try:
            opened = nibabel.load(Path(image).expanduser())
        except _FAILURES as error:
            raise DataFormatError(
                f"{source}: cannot be read as an image ({_told(error)}). Give a NIfTI file, .nii "
                "or .nii.gz, that is whole and may be read."
            ) from error
    shape = tuple(int(size) for size in opened.shape)
    if len(shape) not in (3, 4) or min(shape) <= 0:
        raise DataFormatError(
            f"{source}: has the shape {shape}; a map has 3 dimensions, several maps have 4. Take "
            "one out of longer series with nilearn.image.index_img."
        )
    if math.prod(shape) > _MOST_VALUES:
        raise DataFormatError(
            f"{source}: its header claims the shape {shape}, more than {_MOST_VALUES} values. "
            "Give fewer maps at once, or a coarser grid; the header may be damaged."
        )
    if is_file and not _may_hold(opened):
        raise DataFormatError(
            f"{source}: its header claims the shape {shape}, more than the file holds. It is cut "
            "off or damaged; fetch or write it again."
        )
    kind = opened.get_data_dtype().kind
    if kind not in "buif":
        raise DataFormatError(
            f"{source}: holds {opened.get_data_dtype()}, no real numbers. Give a statistical map."
        )
    linear = opened.affine[:3, :3]
    if not np.isfinite(opened.affine).all() or np.linalg.matrix_rank(linear) < 3:
        raise DataFormatError(
            f"{source}: its affine {np.round(linear, 3).tolist()} leads nowhere: voxels need a "
            "size in all three directions. Set it in the header, e.g. from the image it comes from."
        )
    return opened


def _may_hold(image: Any) -> bool:
    """Whether a file is as large as its header says: memory is taken before anything is read."""
    path = Path(image.file_map["image"].filename or "")
    times = {".gz": _GZIP_MOST, ".bz2": math.inf, ".zst": math.inf}.get(path.suffix, 1)
    claimed = math.prod(map(int, image.shape)) * image.get_data_dtype().itemsize
    return not path.is_file() or claimed <= times * path.stat().st_size


def image_values(image: Any, name: str = "image") -> np.ndarray:
    """Read the values of an image that :func:`open_image` gave.

    Parameters
    ----------
    image : nibabel image
    name : str
        Of the argument, for images that are no files.

    Returns
    -------
    values : ndarray of 3 or 4 dimensions
        Finite; what is not counts as 0.

    Raises
    ------
    DataFormatError
        If the file ends early or is damaged, or a value is beyond 1e30.
    """
    source = image.get_filename() or name
    try:
        values = np.asanyarray(image.dataobj)
    except _FAILURES as error:
        raise DataFormatError(
            f"{source}: its values cannot be read ({_told(error)}). The file is cut off or "
            "damaged; fetch or write it again."
        ) from error
    if values.dtype.kind != "f":
        return np.asarray(values)
    finite = np.isfinite(values)
    if not finite.all():
        values = np.where(finite, values, 0)
    largest = max(abs(float(values.max())), abs(float(values.min())))
    if largest > _LARGEST_VALUE:
        raise DataFormatError(
            f"{source}: holds values up to {largest:.3g}, which no statistic has. Look at it; the "
            "scale in its header (scl_slope) may be damaged."
        )
    return np.asarray(values)


def doubts_of_space(image: Any, mask_img: Any) -> list[str]:
    """Say why a map may not lie in MNI152 space, or may be the wrong way round.

    Parameters
    ----------
    image : nibabel image
        As it came, with the header of its file.
    mask_img : nibabel.nifti1.Nifti1Image
        Binary mask of the brain, in MNI152 space.

    Returns
    -------
    doubts : list of str
        Empty if there are none. Talairach space and rotated axes are told from the header, a map
        in another place by how much of the brain it covers.
    """
    doubts = []
    forms = [(code, affine) for code, affine in _forms(image) if code > 0 and affine is not None]
    code = forms[0][0] if forms else None
    if code == _TALAIRACH:
        doubts.append(
            "its header says Talairach space (code 3); normalise it to MNI152, or correct the code"
        )
    axes = image.affine[:3, :3] / np.linalg.norm(image.affine[:3, :3], axis=0)
    if code != _MNI152 and np.abs(axes).max(axis=0).min() < _STRAIGHT:
        doubts.append(
            "its axes are turned against those of MNI152, as in the space of a scanner"
            f"{' (code 1)' if code == _SCANNER else ''}; normalise it to MNI152"
        )
    sides = {bool(np.linalg.det(affine[:3, :3]) > 0) for _, affine in forms}
    if len(sides) > 1:
        doubts.append(
            "the sform and the qform of its header disagree on which side is left; correct one"
        )
    if not forms and hasattr(image.header, "get_base_affine"):
        doubts.append(
            "its header tells no orientation, so left and right are a guess; set its sform"
        )
    covered = _share_covered(image, mask_img)
    if covered < _COVERED:
        doubts.append(
            f"it covers {covered:.0%} of the brain, and what is outside counts as 0; normalise it "
            "to MNI152 if it is not"
        )
    return doubts


def _forms(image: Any) -> list[tuple[int, np.ndarray | None]]:
    """Codes and affines of sform and qform, the one in use first."""
    if not hasattr(image.header, "get_sform"):
        return []
    forms = []
    for name in ("sform", "qform"):
        try:
            affine, code = getattr(image.header, f"get_{name}")(coded=True)
        except (HeaderDataError, ValueError, np.linalg.LinAlgError):
            continue
        forms.append((int(code), affine))
    return forms


def _share_covered(image: Any, mask_img: Any) -> float:
    inside = np.argwhere(np.asarray(mask_img.dataobj) != 0)
    to_voxel = np.linalg.inv(image.affine) @ mask_img.affine
    voxels = apply_affine(to_voxel, inside)
    return float(((voxels >= -0.5) & (voxels <= np.subtract(image.shape[:3], 0.5))).all(1).mean())


def _told(error: BaseException) -> str:
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__
