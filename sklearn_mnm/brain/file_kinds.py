"""Which files are no volumes of a brain, told by their first bytes and names, and what to do."""

import bz2
import gzip
import importlib.util
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

# Bytes in which all the signs below lie.
_START = 352
_GZIP = b"\x1f\x8b"
_BZIP2 = b"BZh"
_ZSTANDARD = b"\x28\xb5\x2f\xfd"
_HDF5 = b"\x89HDF"
#: Ends of the names of images, in lower case; what packs a file may follow.
_VOLUMES = (".nii", ".img", ".hdr", ".mgh", ".mgz", ".mnc", ".head", ".brik", ".par", ".rec")
_VALUES = (".img", ".brik", ".rec")
_SURFACES = (".gii", ".annot", ".stl", ".vtk", ".obj", ".niml.dset")
_PACKED = (".gz", ".bz2", ".zst")

_SURFACE = (
    "it holds values on the vertices of a surface, and a map is a volume, 3D. Take the volume that "
    "it was made of, or write one, as wb_command -metric-to-volume-mapping of Connectome Workbench "
    "and mri_surf2vol of FreeSurfer do. In Python, nilearn.surface.SurfaceImage(mesh, data) is "
    "taken, which names the mesh of the cortex that the values belong to"
)
_GRAYORDINATES = (
    "it holds CIFTI-2 grayordinates, vertices of the cortex and voxels below it, and a map is a "
    "volume, 3D. Take the volume that it was made of, or separate it with wb_command "
    "-cifti-separate and write the surfaces to volumes with -metric-to-volume-mapping"
)
_CONTAINERS: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", "it is a zip archive. Unpack it, and give one of the images inside"),
    (
        b"\x93NUMPY",
        "it is an array of NumPy, which does not say where voxels are. Make an image of it, "
        "nibabel.Nifti1Image(array, affine)",
    ),
    (b"NRRD", "it is in the NRRD format. Convert it to NIfTI, as 3D Slicer does on saving"),
    (
        b"MATLAB 5.0",
        "it is a file of MATLAB, such as SPM.mat. Give an image, such as spmT_0001.nii",
    ),
    (
        b"version https://git-lfs",
        "it is the pointer that Git LFS leaves for a file that is not fetched. Run git lfs pull",
    ),
    (
        b"/annex/objects",
        "it is the pointer that git-annex leaves for a file that is not fetched. Run datalad get",
    ),
    (b"<!doctype html", "it is a web page, not the image that it leads to. Download that"),
    (b"<html", "it is a web page, not the image that it leads to. Download that"),
    (b"\xff\xff\xfe\x02", f"it is a surface of FreeSurfer: {_SURFACE}"),
    (b"\xff\xff\xff", f"it is an overlay on a surface of FreeSurfer: {_SURFACE}"),
)
_OTHER_VOLUMES: tuple[tuple[bytes, str], ...] = (
    (b"\0\0\0\1", "it is an image of FreeSurfer, MGH. Convert it to NIfTI with mri_convert"),
    (b"CDF", "it is an image of MINC. Convert it to NIfTI with mnc2nii"),
    (_HDF5, "it is in the format HDF5, as images of MINC 2 are. Convert it with mnc2nii"),
)
_SUFFIXES: tuple[tuple[tuple[str, ...], str], ...] = (
    (_SURFACES, _SURFACE),
    (
        (".trk", ".tck", ".trx"),
        "it holds streamlines. Give a volume, such as their density (nibabel, tckmap of MRtrix)",
    ),
    (
        (".csv", ".tsv", ".txt", ".xlsx", ".xls", ".json"),
        "it is a table or text. Coordinates are read by sklearn_mnm.datasets.load_studies, texts "
        "are given as text",
    ),
    ((".mif",), "it is an image of MRtrix. Convert it to NIfTI with mrconvert"),
)


def looks_like_image(name: str) -> bool:
    """Whether a name ends like that of an image, of volumes or surfaces, packed or not.

    Parameters
    ----------
    name : str
    """
    name = name.lower()
    name = next((name.removesuffix(end) for end in _PACKED if name.endswith(end)), name)
    return name.endswith(_VOLUMES + _SURFACES)


def no_volume(start: bytes, name: str = "") -> str | None:
    """Say why a file is no volume and what to do, as far as this can be told.

    Parameters
    ----------
    start : bytes
        Of the file, 352 or more of them, unpacked.
    name : str
        Of the file.

    Returns
    -------
    reason : str or None
        Begins with "it", ends without a full stop. None if nothing speaks against a volume.
    """
    low = start[:_START].lower()
    for sign, reason in _CONTAINERS:
        if low.lstrip().startswith(sign.lower()):
            return reason
    if start[128:132] == b"DICM":
        return "it is a slice in the DICOM format. Convert its series to NIfTI with dcm2niix"
    if b"<gifti" in low or (b"<?xml" in low and name.lower().endswith(".gii")):
        return f"it is a GIFTI file: {_SURFACE}"
    if _holds_grayordinates(start):
        return _GRAYORDINATES
    if start.startswith(_HDF5) and importlib.util.find_spec("h5py") is None:
        return (
            "it is in the format HDF5, as images of MINC 2 are, which needs the package h5py. "
            "Install it, or convert the image with mnc2nii"
        )
    return next((reason for ends, reason in _SUFFIXES if name.lower().endswith(ends)), None)


def other_volume(start: bytes, name: str = "") -> str | None:
    """Say which format other than NIfTI a volume is in, and what converts it.

    Parameters
    ----------
    start : bytes
        Of the file, unpacked.
    name : str
        Of the file.

    Returns
    -------
    reason : str or None
        Begins with "it", ends without a full stop. None if it is not known.
    """
    if name.lower().endswith((".brik", ".head", ".brik.gz")):
        return "it is part of a dataset of AFNI. Convert it to NIfTI with 3dAFNItoNIFTI"
    return next((reason for sign, reason in _OTHER_VOLUMES if start.startswith(sign)), None)


def _holds_grayordinates(start: bytes) -> bool:
    """Whether a header of NIfTI-2 names an intent of CIFTI, 3000 to 3099."""
    order = {b"\x1c\x02\x00\x00": "little", b"\x00\x00\x02\x1c": "big"}.get(start[:4])
    return order is not None and 3000 <= int.from_bytes(start[504:508], order) < 3100  # type: ignore[arg-type]


def fault_of_file(path: Path) -> str | None:
    """Say why a file cannot be an image of a brain, before anything reads it.

    Parameters
    ----------
    path : pathlib.Path

    Returns
    -------
    fault : str or None
        What it is and what to do, without a full stop; None if it may be read.
    """
    text = str(path)
    if "://" in text or text.startswith(("http:/", "https:/", "s3:/")):
        return "is an address. Download the image, and give its path"
    if path.is_symlink() and not path.exists():
        return (
            "is a link to a file that is not there, as DataLad leaves for what is not fetched. "
            "Fetch it, for example with datalad get"
        )
    if path.is_dir():
        return (
            "is a folder. Give a file in it, or the images of "
            "sklearn_mnm.datasets.load_images(folder)"
        )
    if not path.exists():
        if any(letter in path.name for letter in "*?["):
            return "is a pattern, not a file. Give a list of paths, sorted(glob.glob(pattern))"
        return (
            "cannot be read as an image, as there is no such file. Give a NIfTI file that is there"
        )
    try:
        start, packed = _start_of_file(path)
    except (OSError, EOFError, zlib.error, ValueError):
        return None  # what reads it whole says more
    name = path.name.lower()
    if not start:
        return "is empty. Give a NIfTI file that is whole"
    if packed is None and name.endswith((".gz", ".mgz", ".bz2")):
        reason = no_volume(start, path.name)
        right = path.name[:-4] + ".mgh" if name.endswith(".mgz") else path.name.rpartition(".")[0]
        return reason or f"is not compressed, though its name says so. Rename it to {right}"
    if packed is not None and not name.endswith((*_PACKED, ".mgz")):
        return f"is compressed, though its name does not say so. Rename it to {path.name}{packed}"
    bare = next((name.removesuffix(end) for end in _PACKED if name.endswith(end)), name)
    # Those begin with values, whose bytes may be any.
    return None if bare.endswith(_VALUES) else no_volume(start, path.name)


def _start_of_file(path: Path) -> tuple[bytes, str | None]:
    """First bytes, unpacked, and the end of the name that tells how they were packed."""
    with path.open("rb") as file:
        start = file.read(512)
    openers: dict[bytes, tuple[Callable[..., Any], str]] = {
        _GZIP: (gzip.open, ".gz"),
        _BZIP2: (bz2.open, ".bz2"),
    }
    for sign, (opener, packed) in openers.items():
        if start.startswith(sign):
            with opener(path, "rb") as file:
                return file.read(512), packed
    # The packages that unpack it are no part of every installation; nibabel says so.
    return start, ".zst" if start.startswith(_ZSTANDARD) else None


def most_values_per_byte(path: Path) -> float:
    """Return how many bytes of an image one byte of its file may stand for.

    Parameters
    ----------
    path : pathlib.Path
        Of the file that holds the values.
    """
    with path.open("rb") as file:
        start = file.read(4)
    if start.startswith(_GZIP):
        return 1100.0
    return float("inf") if start.startswith((_BZIP2, _ZSTANDARD, _HDF5)) else 1.0
