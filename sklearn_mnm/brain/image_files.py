"""Brain images that callers give: opened, checked, and their values read within bounds."""

import math
import zlib
from importlib.resources import as_file, files
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError

from sklearn_mnm.brain.file_kinds import fault_of_file, most_values_per_byte
from sklearn_mnm.brain.surfaces import volume_of_surface
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
# Sums over regions stay finite in single precision.
_LARGEST_VALUE = 1e30
# Codes of NIfTI (nifti1.h) for what has several values a voxel: vectors, matrices, points.
_VECTORS = range(1003, 1010)
# How many times longer than wide voxels may be; beyond, an affine cannot be inverted.
_FLATTEST = 1e8
# Sizes of voxels in mm, wide enough for headers in micrometres or metres; and how far off they are.
_SMALLEST_VOXEL, _LARGEST_VOXEL, _FARTHEST = 1e-6, 1e6, 1e9
_SURFACE_OBJECTS = ("GiftiImage", "SurfaceImage", "PolyData", "PolyMesh")


def is_image(value: Any) -> bool:
    """Whether `value` stands for one image: a path, or an image of nibabel or nilearn."""
    return isinstance(
        value, str | PathLike | nibabel.filebasedimages.FileBasedImage
    ) or _is_surface(value)


def _is_surface(value: Any) -> bool:
    return type(value).__name__ in _SURFACE_OBJECTS


def image_list(maps: Any) -> Any:
    """Give images in a container of another kind as a list, and all else as it is.

    Parameters
    ----------
    maps : Any
        Arrays and Series of paths, as splits of scikit-learn give them, tuples, and collections
        with a list ``images``, such as an ``ImageCollection``, are known.

    Returns
    -------
    maps : Any
    """
    if is_image(maps):
        return maps
    if isinstance(getattr(maps, "images", None), list):
        return maps.images
    if isinstance(maps, tuple):
        values = list(maps)
    elif hasattr(maps, "__array__") and _n_dimensions(maps) <= 1:
        values = np.asarray(maps).ravel().tolist()
    else:
        return maps
    return values if values and all(is_image(value) for value in values) else maps


def _n_dimensions(values: Any) -> int:
    """Count the dimensions of what can be made an array; it need not tell them."""
    found: int = values.ndim if hasattr(values, "ndim") else np.asarray(values).ndim
    return found


def open_image(image: Any, name: str = "image") -> Any:
    """Open an image; its values are read when they are needed, by :func:`image_values`.

    Parameters
    ----------
    image : Nifti1Image or another image of nibabel, SurfaceImage of nilearn, or path
        Surfaces become volumes by :func:`~sklearn_mnm.brain.surfaces.volume_of_surface`.
    name : str
        Of the argument, for images that are no files.

    Returns
    -------
    image : nibabel image
        3D, or 4D for several maps, of real numbers, with an affine that can be inverted. Axes of
        length 1 beyond the third are left out; maps lie along the last axis.

    Raises
    ------
    DataFormatError
        If a file is missing or damaged, or the image is none of a volume.
    InvalidInputError
        If `image` is no image at all.
    """
    if not is_image(image):
        raise InvalidInputError(
            f"{name}: expected an image of nibabel or the path of a NIfTI file, got "
            f"{type(image).__name__}."
        )
    is_file = isinstance(image, str | PathLike)
    source = fspath(image) if is_file else name
    opened = _read_header(Path(image).expanduser(), source) if is_file else image
    if type(image).__name__ == "SurfaceImage":
        opened = volume_of_surface(image, name)
    if not isinstance(opened, nibabel.spatialimages.SpatialImage):
        raise DataFormatError(
            f"{source}: is a {type(opened).__name__}, of surfaces or grayordinates, and a map is a "
            "volume, 3D. Take the volume that it was made of, or give "
            "nilearn.surface.SurfaceImage(mesh, data) with the mesh of the cortex in MNI152 space."
        )
    opened = _map_last(opened, source)
    shape = tuple(int(size) for size in opened.shape)
    kind = opened.get_data_dtype().kind
    if kind not in "buif":
        raise DataFormatError(
            f"{source}: holds {opened.get_data_dtype()}, no real numbers. Give a statistical map."
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
    if opened.affine is None:
        raise DataFormatError(
            f"{source}: has no affine, so nothing is known of where its voxels are. Make the image "
            "with one, nibabel.Nifti1Image(values, affine)."
        )
    linear = opened.affine[:3, :3]
    if not _leads_somewhere(opened.affine):
        raise DataFormatError(
            f"{source}: its affine {np.round(linear, 3).tolist()} leads nowhere: voxels need a "
            "size in mm in all three directions. Set it in the header, for example from the image "
            "that it was made of."
        )
    return opened


def _leads_somewhere(affine: np.ndarray) -> bool:
    """Whether an affine can be inverted, with voxels of some size at some place."""
    if not np.isfinite(affine).all() or np.abs(affine[:3, 3]).max() > _FARTHEST:
        return False
    sizes = np.linalg.norm(affine[:3, :3], axis=0)
    if not ((sizes >= _SMALLEST_VOXEL) & (sizes <= _LARGEST_VOXEL)).all():
        return False
    return bool(np.linalg.cond(affine[:3, :3]) < _FLATTEST)


def _read_header(path: Path, source: str) -> Any:
    try:
        fault = fault_of_file(path)
    except OSError as error:
        fault = f"cannot be read as an image ({_told(error)}). Give a NIfTI file that may be read"
    if fault is not None:
        raise DataFormatError(f"{source}: {fault}.")
    try:
        return nibabel.load(path)
    except Exception as error:  # each format has errors of its own
        raise DataFormatError(
            f"{source}: cannot be read as an image ({_told(error)}). Give a NIfTI file, .nii or "
            ".nii.gz, that is whole and may be read."
        ) from error


def _map_last(image: Any, source: str) -> Any:
    """Drop axes of length 1 beyond the third, and bring that of the maps to the end."""
    shape = tuple(int(size) for size in image.shape)
    if isinstance(image.header, nibabel.minc1.MincHeader) and len(shape) == 4:
        # MINC has time first, wherever its other axes lie.
        values = np.moveaxis(image_values(image, source), 0, -1)
        return nibabel.Nifti1Image(values, image.affine, file_map=image.file_map)
    is_vectors = intent_code(image) in _VECTORS
    longer = [size for size in shape[3:] if size != 1]
    if len(shape) < 3 or min(shape) <= 0:
        raise DataFormatError(
            f"{source}: has the shape {shape}; a map has 3 dimensions, several maps have 4. Give "
            "a volume; nibabel.Nifti1Image(values, affine) makes one of an array."
        )
    if len(longer) > 1 or (is_vectors and longer):
        raise DataFormatError(
            f"{source}: has the shape {shape}; a map has 3 dimensions, several maps have 4. "
            + (
                "Its header says that it holds vectors, such as a deformation field. Give a "
                "statistical map."
                if is_vectors
                else "Take one out, nibabel.Nifti1Image(image.dataobj[..., 0, 0], image.affine)."
            )
        )
    if sorted(shape[:3])[1] == 1:
        raise DataFormatError(
            f"{source}: has the shape {shape}, a row of values and no volume, as overlays of "
            "surfaces have that FreeSurfer writes. Write it to a volume with mri_surf2vol, or give "
            "the volume that it was made of."
        )
    if len(shape) <= 4:
        return image
    shape = (*shape[:3], *longer)
    values = image.dataobj.reshape(shape)
    return image.__class__(values, image.affine, image.header, image.extra, image.file_map)


def own_image(name: str) -> nibabel.nifti1.Nifti1Image:
    """Read an image that comes with the package.

    Parameters
    ----------
    name : str
        Of the file in ``atlases``.

    Returns
    -------
    image : nibabel.nifti1.Nifti1Image
    """
    with as_file(files("sklearn_mnm.brain") / "atlases" / name) as path:
        # Read before the file may go, where the package is an archive.
        read: Any = nibabel.load(path)
        return nibabel.Nifti1Image(np.asarray(read.dataobj), read.affine, read.header)


def intent_code(image: Any) -> int:
    """Return what a NIfTI header says that the values are (nifti1.h), 0 if it does not say.

    Parameters
    ----------
    image : nibabel image
    """
    is_nifti = isinstance(image.header, nibabel.Nifti1Header)
    return int(image.header["intent_code"]) if is_nifti else 0


def _may_hold(image: Any) -> bool:
    """Whether a file is as large as its header says: memory is taken before anything is read."""
    path = Path(image.file_map["image"].filename or "")
    claimed = math.prod(map(int, image.shape)) * image.get_data_dtype().itemsize
    return not path.is_file() or claimed <= most_values_per_byte(path) * path.stat().st_size


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
        If the file ends early or is damaged, a value is beyond 1e30, or none is finite.
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
    largest = max(abs(float(values.max())), abs(float(values.min())))
    if not largest <= _LARGEST_VALUE:  # or some are not finite
        if not np.isfinite(values).any():
            raise DataFormatError(
                f"{source}: all of its {values.size:,} values are NaN or infinite. The step that "
                "made it may have failed; make it again."
            )
        values = np.where(np.isfinite(values), values, 0)
        largest = max(abs(float(values.max())), abs(float(values.min())))
    if largest > _LARGEST_VALUE:
        raise DataFormatError(
            f"{source}: holds values up to {largest:.3g}, which no statistic has. Look at it; the "
            "scale in its header (scl_slope) may be damaged."
        )
    return np.asarray(values)


def _told(error: BaseException) -> str:
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__
