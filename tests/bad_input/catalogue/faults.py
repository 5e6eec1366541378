"""What can be wrong with maps, peaks and images, wherever they are given."""

# ruff: noqa: E501  # rows of a table stay on one line
from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from catalogue.case import Case
from catalogue.workshop import Workshop
from sklearn_mnm.exceptions import DataFormatError, DataWarning, InvalidInputError


class Fault(NamedTuple):
    """What is wrong with a value, and what comes of it wherever it is given.

    `make` takes the workshop; `rows` is how many rows of results there are; the rest is as in
    :class:`Case`.
    """

    kind: str
    given: str
    make: Callable[[Workshop], Any]
    comes: type | str
    tells: tuple[str, ...] = ()
    rows: int | None = None


def spoilt(change: Callable[[np.ndarray], Any]) -> Callable[[Workshop], Any]:
    """Make a fault of a change of good maps."""
    return lambda w: change(w.maps[:5])


def _with(value: float) -> Callable[[np.ndarray], np.ndarray]:
    return lambda maps: np.where(np.arange(maps.shape[1]) == 0, value, maps)


_REMEDY = "Give finite activations of regions|may be an array of shape"
#: Activations of regions. `{x}` stands for the name of the argument.
ARRAYS = (
    Fault("wrong shape", "a vector", spoilt(lambda m: m[0]), InvalidInputError, ("{x}: Expected 2D array", "Reshape")),
    Fault("wrong shape", "3D array", spoilt(lambda m: m[None]), InvalidInputError, ("{x}: Found array with dim 3", _REMEDY)),
    Fault("wrong shape", "11 instead of 12 regions", spoilt(lambda m: m[:, 1:]), InvalidInputError, ("{x} has 11",)),
    Fault("one region", "1 region instead of 12", spoilt(lambda m: m[:, :1]), InvalidInputError, ("{x} has 1 ",)),
    Fault("wrong dtype", "array of words", spoilt(lambda m: np.full(m.shape, "a")), InvalidInputError, ("{x}: could not convert string to float", _REMEDY)),
    Fault("wrong dtype", "complex numbers", spoilt(lambda m: m + 1j), InvalidInputError, ("{x}: Complex", _REMEDY)),
    Fault("wrong dtype", "dates", spoilt(lambda m: m.astype("M8[s]")), InvalidInputError, ("{x} has dtype .*dates", _REMEDY)),
    Fault("wrong dtype", "sparse matrix", spoilt(sparse.csr_matrix), InvalidInputError, ("{x}: Sparse", "toarray")),
    Fault("NaN", "NaN in a column", spoilt(_with(np.nan)), InvalidInputError, ("{x}: Input .*NaN", _REMEDY)),
    Fault("infinity", "infinity in a column", spoilt(_with(np.inf)), InvalidInputError, ("{x}: Input .*infinity", _REMEDY)),
    Fault("empty", "no rows", spoilt(lambda m: m[:0]), InvalidInputError, ("{x}: .*0 sample", _REMEDY)),
    Fault("empty", "no columns", spoilt(lambda m: m[:, :0]), InvalidInputError, ("{x}: .*0 feature", _REMEDY)),
    Fault("object array", "objects that are no numbers", spoilt(lambda m: np.full(m.shape, {}, object)), InvalidInputError, (r"{x}: float\(\) argument", _REMEDY)),
)  # fmt: skip

#: Maps from which nothing, or little, can be read.
EMPTY_MAPS = (
    Fault("all-zero map", "maps of zeros", spoilt(lambda m: 0 * m), InvalidInputError, ("X: all 5 maps are zero everywhere", "threshold")),
    Fault("all-zero map", "a map of zeros among others", spoilt(lambda m: m * (np.arange(5) > 0)[:, None]), DataWarning, ("X: 1 of 5 maps are zero", "row 0", "threshold")),
    Fault("constant map", "maps of ones", spoilt(np.ones_like), DataWarning, ("X: 5 of 5 maps have one value", "Give maps that differ")),
    Fault("huge values", "values of 1e300", spoilt(lambda m: m * 1e300), InvalidInputError, ("X holds values up to", "unit")),
    Fault("one sample", "one map", spoilt(lambda m: m[:1]), "one row of results", rows=1),
    Fault("duplicated studies", "the same map five times", spoilt(lambda m: m[[0] * 5]), "the same row five times", rows=5),
    Fault("negative values", "negative activations", spoilt(lambda m: -m), "finite results, as of deactivations", rows=5),
)  # fmt: skip


def bad_peaks(change: Callable[[np.ndarray], Any]) -> Callable[[Workshop], Any]:
    """Make a fault of a change of the peaks of the first study."""
    return lambda w: [change(w.peaks[0])]


#: Peaks of studies, one array for each, or a table.
PEAKS = (
    Fault("NaN", "peaks with NaN", bad_peaks(lambda p: p * np.nan), DataFormatError, ("not finite", "Remove")),
    Fault("infinity", "peaks with infinity", bad_peaks(lambda p: p + np.inf), DataFormatError, ("not finite", "Remove")),
    Fault("wrong shape", "a table without the column x", lambda w: w.table.drop(columns="x"), DataFormatError, ("x", "Name")),
    Fault("wrong dtype", "a table whose x are words", lambda w: w.table.assign(x="left"), DataFormatError, ("'x'", "numbers")),
    Fault("unaligned parts", "a table with rows of no study", lambda w: w.table.assign(id=[None, "a", "b"]), DataFormatError, ("Row 0", "Remove")),
)  # fmt: skip

#: Forms of peaks that only a transformer of peaks can tell from other maps.
PEAK_FORMS = (
    Fault("wrong shape", "arrays of two columns", bad_peaks(lambda p: p[:, :2]), InvalidInputError, ("X must be", "element 0 has shape")),
    Fault("wrong shape", "the peaks of one study without a list", lambda w: w.peaks[0], InvalidInputError, ("X must be", "pass a list")),
    Fault("wrong dtype", "complex coordinates", bad_peaks(lambda p: p + 1j), InvalidInputError, ("X must be", "element 0")),
    Fault("object array", "words for coordinates", lambda w: [[["left", "up", "back"]]], InvalidInputError, ("X must be", "element 0")),
    Fault("object array", "nothing for a study", lambda w: [None, w.peaks[0]], InvalidInputError, ("X must be", "element 0")),
)  # fmt: skip


def _image(change: Callable[[np.ndarray], Any], **options: Any) -> Callable[[Workshop], Any]:
    return lambda w: w.image(change, **options)


def _shaped(*shape: int) -> Callable[[Workshop], Any]:
    return lambda w: w.image(shape=shape)


def coded(sform: int, qform: int, turn: np.ndarray | None = None, of_qform: Any = None) -> Any:
    """Make an image whose header says what it says about its space."""

    def make(w: Workshop) -> Any:
        image = w.image()
        affine = image.affine if turn is None else turn @ image.affine
        image = type(image)(np.asarray(image.dataobj), affine)
        image.set_sform(affine, sform)
        image.set_qform(affine if of_qform is None else of_qform @ affine, qform)
        return image

    return make


def _meant(intent: str) -> Callable[[Workshop], Any]:
    """Make an image whose header says what its values are."""

    def make(w: Workshop) -> Any:
        image = w.image()
        image.header.set_intent(intent)
        return image

    return make


def _turned(degrees: float) -> np.ndarray:
    angle = np.deg2rad(degrees)
    turn = np.eye(4)
    turn[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    return turn


def moved(millimetres: float) -> np.ndarray:
    move = np.eye(4)
    move[0, 3] = millimetres
    return move


def damaged(offset: int, content: bytes, *, gzipped: bool = False) -> Callable[[Workshop], Any]:
    """Make an image file with other bytes in its header."""

    def make(w: Workshop) -> Any:
        import gzip

        stored = bytearray(w.saved_image("whole.nii").read_bytes())
        stored[offset : offset + len(content)] = content
        spoilt = bytes(stored)
        return w.file(
            "map.nii.gz" if gzipped else "map.nii", gzip.compress(spoilt) if gzipped else spoilt
        )

    return make


def _shape_bytes(*sizes: int) -> bytes:
    return np.array([len(sizes), *sizes, *[1] * (7 - len(sizes))], dtype="<i2").tobytes()


_FLIP = np.diag([-1.0, 1, 1, 1])
#: Files and images that are none of a brain.
IMAGES = (
    Fault("missing or foreign file", "a path where nothing is", lambda w: w.folder / "absent.nii", DataFormatError, ("absent.nii", "Give a NIfTI file")),
    Fault("missing or foreign file", "a text with the name of an image", lambda w: w.file("map.nii", "hello " * 200), DataFormatError, ("map.nii", "Give a NIfTI file")),
    Fault("empty", "an image file without a byte", lambda w: w.file("map.nii"), DataFormatError, ("map.nii", "Give a NIfTI file")),
    Fault("empty", "an image without slices", damaged(40, _shape_bytes(13, 15, 0)), DataFormatError, ("map.nii", "shape", "3 dimensions")),
    Fault("truncated gzip", "an image file cut off", lambda w: w.file("map.nii.gz", w.saved_image("whole.nii.gz").read_bytes()[:3000]), DataFormatError, ("map.nii.gz", "cut off")),
    Fault("broken header", "another magic number", damaged(344, b"xxxx"), DataFormatError, ("map.nii", "Give a NIfTI file")),
    Fault("broken header", "a negative size", damaged(40, _shape_bytes(-13, 15, 13)), DataFormatError, ("map.nii", "shape")),
    Fault("broken header", "an unknown type of numbers", damaged(70, (9999).to_bytes(2, "little")), DataFormatError, ("map.nii", "Give a NIfTI file")),
    Fault("broken header", "data that start behind the end", damaged(108, np.float32(1e9).tobytes()), DataFormatError, ("map.nii", "cut off")),
    Fault("broken header", "a scale of 1e38", damaged(112, np.float32(1e38).tobytes()), DataFormatError, ("map.nii", "scl_slope")),
    Fault("broken header", "an affine of zeros", damaged(280, bytes(48)), DataFormatError, ("map.nii", "affine", "Set it")),
    Fault("bomb", "a header that claims 32,000 voxels each way", damaged(40, _shape_bytes(32000, 32000, 32000), gzipped=True), DataFormatError, ("map.nii.gz", "header claims", "coarser")),
    Fault("wrong shape", "a 2D image", _shaped(13, 15), DataFormatError, ("shape", "3 dimensions")),
    Fault("wrong shape", "a 5D image", _shaped(13, 15, 13, 2, 2), DataFormatError, ("shape", r"dataobj\[\.\.\., 0, 0\]")),
    Fault("missing or foreign file", "a surface", lambda w: w.file("map.func.gii", "<?xml version='1.0'?><GIFTI>" + " " * 400), DataFormatError, ("map.func.gii", "surface", "volume")),
    Fault("wrong dtype", "complex voxels", _image(lambda v: v.astype(np.complex64)), DataFormatError, ("complex64", "statistical map")),
    Fault("wrong dtype", "coloured voxels", _image(lambda v: np.zeros(v.shape, [("R", "u1"), ("G", "u1"), ("B", "u1")])), DataFormatError, ("no real numbers", "statistical map")),
)  # fmt: skip

#: Maps whose values or place are in doubt.
DOUBTFUL_IMAGES = (
    Fault("all-zero map", "an image of zeros", _image(lambda v: 0 * v), InvalidInputError, ("zero everywhere", "threshold")),
    Fault("NaN", "an image of NaN", _image(lambda v: v * np.nan), DataFormatError, ("are NaN or infinite", "make it again")),
    Fault("negative values", "an image without positive values", _image(np.negative), InvalidInputError, ("zero everywhere", "signs")),
    Fault("huge values", "voxels of 1e38", _image(lambda v: v * np.float32(1e38)), DataFormatError, ("values up to", "scl_slope")),
    Fault("wrong space", "an image that says Talairach", coded(3, 3), DataWarning, ("Talairach", "normalise")),
    Fault("wrong space", "an image with turned axes, as scanners make", coded(1, 1, _turned(15)), DataWarning, ("turned", "scanner", "normalise")),
    Fault("wrong space", "an image beside the brain", coded(2, 0, moved(90)), DataWarning, (r"covers \d+% of the brain", "normalise")),
    Fault("left and right", "sform and qform that disagree", coded(1, 1, of_qform=_FLIP), DataWarning, ("disagree on which side is left", "correct")),
    Fault("left and right", "an image without orientation", coded(0, 0), DataWarning, ("which side is left are a guess", "set its sform")),
    Fault("wrong dtype", "p values, as the header says", _meant("p value"), DataFormatError, ("p values", "z_from_p")),
    Fault("wrong dtype", "labels, as the header says", _meant("label"), DataFormatError, ("labels", "atlas=")),
    Fault("wrong dtype", "values that may be p values", _image(lambda v: v / 3), DataWarning, ("between 0 and 1", "z_from_p")),
    Fault("wrong dtype", "an anatomical image", _image(lambda v: 40 + v), DataWarning, ("nearly the same value", "statistical map")),
)  # fmt: skip


def finite(result: Any) -> bool:
    """Whether all numbers of a result are finite."""
    if isinstance(result, tuple):
        return all(finite(part) for part in result)
    if hasattr(result, "select_dtypes"):
        return bool(np.isfinite(result.select_dtypes("number")).all(axis=None))
    array = np.asarray(getattr(result, "dataobj", result))
    return array.dtype.kind != "f" or bool(np.isfinite(array).all())


def _parts(result: Any) -> list[Any]:
    """What a result has for each text or map: rows, parts of a table, or volumes of an image."""
    if isinstance(result, tuple):
        return list(zip(*map(_parts, result), strict=True))
    if hasattr(result, "groupby"):
        # The first column tells which text or map it is.
        which = result.columns[0]
        return [part.drop(columns=which).to_numpy() for _, part in result.groupby(which)]
    if hasattr(result, "dataobj"):
        values = result.get_fdata()
        return [values] if values.ndim == 3 else list(np.moveaxis(values, 3, 0))
    return list(result)


def _alike(one: Any, other: Any) -> bool:
    """Whether parts of results are alike, up to rounding."""
    if isinstance(one, tuple):
        return all(map(_alike, one, other))
    numbers = [
        [value for value in np.ravel(part) if isinstance(value, float)] for part in (one, other)
    ]
    words = [
        [value for value in np.ravel(part) if not isinstance(value, float)] for part in (one, other)
    ]
    return words[0] == words[1] and np.allclose(*numbers, atol=1e-6)


def rows_of(n: int, *, same: bool = False) -> Callable[[Any], bool]:
    """Make a check: finite results for each of `n` texts or maps, the same ones for all or not."""

    def hold(result: Any) -> bool:
        parts = _parts(result)
        alike = not same or all(_alike(part, parts[0]) for part in parts)
        return finite(result) and len(parts) == n and alike

    return hold


def case(fault: Fault, name: str, call: Callable[[Workshop, Any], Any], x: str = "X") -> Case:
    """Make the case of a fault given to something that is called."""
    holds: Any = None
    if isinstance(fault.comes, str) or issubclass(fault.comes, Warning):
        same = fault.kind == "duplicated studies"
        holds = rows_of(fault.rows, same=same) if fault.rows else finite
    tells = tuple(part.replace("{x}", x) for part in fault.tells)
    return Case(
        name, fault.kind, f"{x}: {fault.given}", lambda w: call(w, fault.make(w)), fault.comes,
        tells, holds,
    )  # fmt: skip
