"""NIfTI files of strangers: read without trust, and refused in words that help.

Only the fixed header and as many bytes as it calls for are read, whatever else a file holds:
neither extensions nor what a small gzip file would unfold to.
"""

import math
import struct
import zlib
from typing import Any, BinaryIO, NamedTuple

import nibabel
import numpy as np
from nibabel.spatialimages import HeaderDataError

from sklearn_mnm.brain.file_kinds import no_volume, other_volume
from sklearn_mnm.brain.maps import read_map as through_gate
from sklearn_mnm.exceptions import DataFormatError, InvalidInputError

# 0.7 mm of the whole head are 21 million.
MAX_VOXELS = 32_000_000
# Headers and their extensions.
_MAX_OFFSET = 16_000_000
# By the size that the header says it has: class, place of the magic string, and that string.
_KINDS: dict[int, tuple[Any, int, bytes]] = {
    348: (nibabel.Nifti1Header, 344, b"n+1\0"),
    540: (nibabel.Nifti2Header, 4, b"n+2\0"),
}
# First bytes of a gzip file, what zlib calls that format, and bytes read of it at once.
_GZIP, _MEMBER, _PIECE = b"\x1f\x8b", 31, 2**16
_PAIRS = (b"ni1\0", b"ni2\0")


class MapRefused(DataFormatError):
    """An uploaded file cannot be used as a map.

    Parameters
    ----------
    message : str
        Says why, and what to do.
    status : int
        Of the answer, by HTTP: 400 wrong, 413 too large, 415 another kind of file.
    """

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


class NothingPositive(MapRefused):
    """A map has no positive value; its negative side may be asked for."""


class ReadMap(NamedTuple):
    """A map that was read.

    Attributes
    ----------
    image : nibabel.nifti1.Nifti1Image
        3D, float32, finite, on its own grid.
    notes : tuple of str
        What whoever looks at results should know.
    """

    image: Any
    notes: tuple[str, ...]


def read_map(
    stream: BinaryIO,
    mask_img: Any,
    max_voxels: int = MAX_VOXELS,
    name: str = "map",
    *,
    negative: bool = False,
) -> ReadMap:
    """Read a statistical map in MNI152 space from a file that may hold anything.

    Parameters
    ----------
    stream : binary file
        A NIfTI-1 or NIfTI-2 file, may be gzip-compressed.
    mask_img : nibabel.nifti1.Nifti1Image
        Of the brain, MNI152, to see whether the map lies there.
    max_voxels : int
        More are refused.
    name : str
        Of the file, which may tell its space and kind.
    negative : bool
        Whether to take the negative side of the map: its sign is changed.

    Returns
    -------
    found : ReadMap

    Raises
    ------
    MapRefused
        If it is no NIfTI file, damaged, too large, not one 3D map, or holds nothing positive, or
        negative.
    """
    try:
        header, raw = _read(stream, max_voxels, name)
    except (EOFError, zlib.error) as error:
        raise MapRefused(
            "The file is damaged: its gzip compression ends early or has errors. Copy or export "
            "it again."
        ) from error
    return _checked(_image(header, raw), mask_img, name, negative)


def _read(stream: BinaryIO, max_voxels: int, name: str) -> tuple[Any, bytes]:
    """Return the header and the bytes of all values."""
    start = stream.read(2)
    stream.seek(0)
    if not start:
        raise MapRefused("The file is empty. Choose a NIfTI file, .nii or .nii.gz.")
    file: Any = _Unpacked(stream) if start == _GZIP else stream
    header = _header(file, name)
    shape, dtype = _layout(header)
    n_voxels = math.prod(shape)
    if n_voxels > max_voxels:
        raise MapRefused(
            f"The map has {n_voxels:,} voxels, and at most {max_voxels:,} are taken. Resample it "
            "to 1 mm or coarser.",
            status=413,
        )
    raw = file.read(n_voxels * dtype.itemsize)
    if len(raw) < n_voxels * dtype.itemsize:
        raise MapRefused(
            "The file is damaged: it ends before all voxels are there. Copy or export it again."
        )
    if file is not stream:
        file.read(1)  # at the end the checksum is compared
    return header, raw


class _Unpacked:
    """What is compressed in a file, as far as it is: whatever follows is left, as nibabel does.

    Parameters
    ----------
    stream : binary file
        At the start of a gzip member.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream, self._packed = stream, b""
        self._member: Any = zlib.decompressobj(_MEMBER)

    def read(self, n_bytes: int) -> bytes:
        """Unpack so many bytes, or as many as there are; EOFError if a member is cut off."""
        parts: list[bytes] = []
        while n_bytes > 0:
            if self._member.eof:
                rest = self._member.unused_data
                rest += self._stream.read(2 - len(rest)) if len(rest) < 2 else b""
                if rest[:2] != _GZIP:
                    break
                self._member, self._packed = zlib.decompressobj(_MEMBER), rest
            self._packed = self._packed or self._stream.read(_PIECE)
            if not self._packed:
                raise EOFError
            parts.append(self._member.decompress(self._packed, n_bytes))
            self._packed = self._member.unconsumed_tail
            n_bytes -= len(parts[-1])
        return b"".join(parts)


def _header(file: Any, name: str) -> Any:
    """Read the header, and go to where the values begin."""
    block = file.read(min(_KINDS))
    size = _header_size(block)
    if size is None:
        raise _no_nifti(block, name)
    make, place, magic = _KINDS[size]
    block += file.read(size - len(block))
    if block[place : place + 4] in _PAIRS:
        raise MapRefused(
            "This is one of a pair of files, .hdr and .img. Save the map as one file, .nii or "
            ".nii.gz.",
            status=415,
        )
    if len(block) < size or block[place : place + 4] != magic:
        raise _no_nifti(block, name)
    if reason := no_volume(block, name):
        raise MapRefused(f"The file cannot be used: {reason}.", status=415)
    header = make(block, check=False)
    offset = float(header["vox_offset"])
    if not size <= offset <= _MAX_OFFSET:
        raise _damaged_header(f"values begin at byte {offset:g}")
    file.read(int(offset) - size)
    return header


def _no_nifti(start: bytes, name: str) -> MapRefused:
    reason = no_volume(start, name) or other_volume(start, name)
    told = "" if reason is None else f": {reason}"
    return MapRefused(f"This is no NIfTI file{told}. Choose one, .nii or .nii.gz.", status=415)


def _header_size(block: bytes) -> int | None:
    """Return what the first four bytes say in either order, None if no header begins so."""
    sizes = [struct.unpack(order, block[:4])[0] for order in ("<i", ">i") if len(block) >= 4]
    return next((size for size in sizes if size in _KINDS), None)


def _layout(header: Any) -> tuple[tuple[int, ...], np.dtype]:
    """Shape, of three dimensions, and type of the values."""
    n_dimensions = int(header["dim"][0])
    shape = tuple(int(length) for length in header["dim"][1 : n_dimensions + 1])
    if not 1 <= n_dimensions <= 7 or min(shape) < 0:
        raise _damaged_header(f"the shape is {shape}")
    n_maps = math.prod(shape[3:])
    if len(shape) < 3 or math.prod(shape[:3]) == 0 or n_maps == 0:
        raise MapRefused(f"The image has the shape {shape}; a map has three dimensions.")
    if n_maps > 1:
        raise MapRefused(
            f"The image has the shape {shape}, so it holds {n_maps} maps. Upload one 3D map, such "
            f"as {_one_of(shape)}."
        )
    try:
        dtype = header.get_data_dtype()
    except (HeaderDataError, KeyError) as error:
        raise _damaged_header("the type of the values is unknown") from error
    if dtype.kind not in "iuf":
        raise MapRefused(
            f"The values are of the type {dtype}, colours or complex numbers. Upload a statistical "
            "map of real numbers."
        )
    return shape[:3], dtype


def _one_of(shape: tuple[int, ...]) -> str:
    """Write how one map is taken out; nilearn takes no images of more than four dimensions."""
    if len(shape) == 4:
        return "nilearn.image.index_img(image, 0)"
    first = ", ".join(["..."] + ["0"] * (len(shape) - 3))
    return f"nibabel.Nifti1Image(image.dataobj[{first}], image.affine)"


def _image(header: Any, raw: bytes) -> Any:
    """Values, scaled but as they are, in space."""
    shape, dtype = _layout(header)
    try:
        slope, intercept = header.get_slope_inter()
        affine = np.asarray(header.get_best_affine(), dtype=np.float64)
        with np.errstate(over="ignore", invalid="ignore"):
            values = np.frombuffer(raw, dtype).reshape(shape, order="F").astype(np.float32)
            if slope is not None:
                values *= np.float32(slope)
                values += np.float32(intercept)
        # This reads the orientation again, after taking over what it knows of the header.
        return nibabel.Nifti1Image(values, affine, header)
    # The last is a ValueError from NumPy 1.25 on.
    except (HeaderDataError, ValueError, np.linalg.LinAlgError) as error:
        raise _damaged_header("its scale or orientation makes no sense") from error


def _checked(image: Any, mask_img: Any, name: str, negative: bool) -> ReadMap:
    """Refuse what is no map of something, and note what is doubtful."""
    try:
        read = through_gate(image, mask_img, name)
    except (DataFormatError, InvalidInputError) as error:
        raise MapRefused(str(error)) from error
    image, values, doubts = read.image, read.values, read.doubts
    if not values.any():
        raise MapRefused("The map is empty: all its values are 0. Look at it, and export it again.")
    if negative:
        values = -values
    if values.max() <= 0:
        if negative:
            raise MapRefused(
                "No value of the map is negative, so there is nothing to decode of that side."
            )
        raise NothingPositive("No value of the map is positive, and negative values count as 0.")
    n_not_finite = int(np.count_nonzero(~np.isfinite(image.dataobj)))
    notes = [
        f"The map may not be what it should, a statistic in MNI152 space: {doubt}."
        for doubt in doubts
    ]
    if n_not_finite:
        notes.append(f"{n_not_finite:,} voxels are NaN or infinite; they count as 0.")
    # Doubts are told: without them in the header, what reads it later need not warn of them again.
    plain = nibabel.Nifti1Image(values, image.affine)
    plain.set_sform(image.affine, code="mni")
    return ReadMap(plain, tuple(notes))


def _damaged_header(fault: str) -> MapRefused:
    return MapRefused(f"The header is damaged: {fault}. Export the map again.")
