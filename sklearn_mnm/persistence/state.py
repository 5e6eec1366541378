"""Values of fitted models as JSON and plain arrays, and back, without executing anything.

None, bool, int, float, str and list are themselves in JSON; everything else is a JSON object whose
"kind" says how it is read. Numbers of arrays are kept apart, by name.
"""

import hashlib
import math
from collections.abc import Callable
from pathlib import Path, PurePath
from typing import Any

import nibabel
import numpy as np
from scipy import sparse

from sklearn_mnm._tools.tensor_files import memory_bytes
from sklearn_mnm.exceptions import InvalidInputError, ModelFormatError
from sklearn_mnm.persistence.objects import from_state, state_of
from sklearn_mnm.persistence.schema import class_name

_DTYPES = {
    name: np.dtype(name)
    for name in ["bool", "float16", "float32", "float64"]
    + [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]
}
# Float arrays up to this many entries are never rounded: affines, quantiles, variances.
_ALWAYS_EXACT = 10_000
# Largest entry in the least and the most that half precision holds to 0.05 % of that entry.
_HALF_RANGE = (2.0**-13, 65504.0)
_DEEPEST = 40
# Bytes of an array of strings, whose memory is that of the longest string for each.
_LARGEST_STRINGS = 2**30


class StateWriter:
    """Turn a value into JSON and arrays.

    Parameters
    ----------
    compact : bool
        Whether float arrays of more than 10,000 entries are rounded: those of two dimensions to
        one byte an entry, with a scale for each row or each column, others to half precision.

    Attributes
    ----------
    arrays : dict of str to ndarray
        Of all values encoded so far.
    """

    def __init__(self, *, compact: bool):
        self.arrays: dict[str, np.ndarray] = {}
        self._compact = compact
        self._name_of_content: dict[tuple, str] = {}
        # Objects encoded so far by id, held so that no id is used twice.
        self._objects: dict[int, tuple[int, Any]] = {}

    def encode(self, value: Any, where: str, depth: int = 0) -> Any:
        """Encode one value.

        Parameters
        ----------
        value : object
        where : str
            Its place in the model, for messages and as the name of its array.
        depth : int
            How many values it is part of.

        Raises
        ------
        InvalidInputError
            If the value is of a type that cannot be stored.
        """
        if depth > _DEEPEST:
            raise InvalidInputError(f"{where} is nested too deeply, or contains itself.")
        if value is None or type(value) in (bool, int, str):
            return value
        if type(value) is float:
            # JSON has no words for these.
            return value if math.isfinite(value) else {"kind": "float", "value": str(value)}

        def inner(part: Any, name: Any) -> Any:
            return self.encode(part, f"{where}.{name}" if where else str(name), depth + 1)

        if type(value) is list:
            return [inner(item, number) for number, item in enumerate(value)]
        if type(value) is tuple:
            return {"kind": "tuple", "items": inner(list(value), "items")}
        if type(value) is dict:
            return {"kind": "dict", "items": _encode_items(value, inner)}
        if isinstance(value, PurePath):
            return {"kind": "path", "value": str(value)}
        if isinstance(value, np.str_):
            return str(value)
        if isinstance(value, np.generic) and value.dtype.name in _DTYPES:
            return {"kind": "number", "dtype": value.dtype.name, "value": inner(value.item(), "")}
        if type(value) in (np.ndarray, np.memmap):
            return self._encode_array(np.asarray(value), where)
        if type(value) is sparse.csr_matrix:
            parts = {name: inner(getattr(value, name), name) for name in _CSR_PARTS}
            return {"kind": "csr", "shape": [int(size) for size in value.shape], **parts}
        if type(value) is nibabel.Nifti1Image:
            parts = {"data": np.asarray(value.dataobj), "affine": value.affine}
            return {"kind": "image", **{name: inner(part, name) for name, part in parts.items()}}
        return self._encode_object(value, where, inner)

    def _encode_object(self, value: Any, where: str, inner: Callable[[Any, Any], Any]) -> Any:
        name = class_name(value)
        if name is None:
            module = type(value).__module__
            prefix = "" if module == "builtins" else f"{module}."
            raise _unsupported(where, f"a {prefix}{type(value).__qualname__}")
        if self._compact and name == "RidgeStatistics":
            return None  # larger than all else, and of no use if rounded
        if id(value) in self._objects:
            return {"kind": "same", "object": self._objects[id(value)][0]}
        state = {key: inner(part, key) for key, part in state_of(value).items()}
        self._objects[id(value)] = len(self._objects), value
        return {"kind": "object", "class": name, "state": state}

    def _encode_array(self, array: np.ndarray, where: str) -> dict[str, Any]:
        if array.dtype.kind in "OU" and array.ndim == 1:
            if not all(isinstance(item, str) for item in array):
                raise _unsupported(where, "an array of objects other than strings")
            dtype = "object" if array.dtype.kind == "O" else "str"
            return {"kind": "strings", "dtype": dtype, "items": [str(item) for item in array]}
        if array.dtype.name not in _DTYPES:
            raise _unsupported(where, f"an array of {array.dtype} of shape {array.shape}")
        array = np.ascontiguousarray(array, dtype=_DTYPES[array.dtype.name]).reshape(array.shape)
        node: dict[str, Any] = {"kind": "array", "dtype": array.dtype.name}
        stored = _as_integers(array)
        if stored.dtype == bool and stored.size:
            stored = np.packbits(stored.ravel())
            node["shape"] = list(array.shape)
        elif stored is array and self._compact and _is_large_float(array):
            stored, scale = _rounded(array)
            if scale is not None:
                node["scale"] = self._store(scale, f"{where}.scale")
        return {**node, "values": self._store(stored, where)}

    def _store(self, array: np.ndarray, name: str) -> str:
        content = array.dtype.str, array.shape, hashlib.sha256(array.tobytes()).digest()
        if content not in self._name_of_content:
            while name in self.arrays:
                name += "'"
            self._name_of_content[content] = name
            self.arrays[name] = array
        return self._name_of_content[content]


class StateReader:
    """Turn JSON and arrays into the value that they were made from."""

    def __init__(self, arrays: dict[str, np.ndarray]):
        self._arrays = arrays
        self._objects: list[Any] = []
        # Of what is made: bits become numbers of eight bytes, and arrays stored once are many.
        n_bytes = sum(array.nbytes for array in arrays.values())
        self._bytes_left = min(_LARGEST_STRINGS + 64 * n_bytes, memory_bytes())

    def decode(self, node: Any, where: str, depth: int = 0) -> Any:
        """Decode one value.

        Parameters
        ----------
        node : object
            From :func:`json.loads`.
        where : str
            Its place in the model, for messages.
        depth : int
            How many values it is part of.

        Raises
        ------
        ModelFormatError
            If `node` does not describe a value.
        """
        try:
            if depth > _DEEPEST:
                raise ValueError("it is nested too deeply")
            return self._decode(node, where, depth)
        except ModelFormatError:
            raise
        # Whatever goes wrong here, the file is at fault: nothing but files written by StateWriter
        # is expected to pass.
        except Exception as error:
            problem = repr(error)
            if isinstance(error, KeyError):
                problem = f"there is no {error}"
            elif isinstance(error, ValueError):
                problem = str(error).rstrip(".")
            raise ModelFormatError(
                f"{where or 'the model'} is not as it was saved: {problem}"
            ) from (error)

    def _decode(self, node: Any, where: str, depth: int) -> Any:
        def inner(part: Any, name: Any) -> Any:
            # Most of what a model describes, which needs no place in a message.
            if type(part) is str or (type(part) is float and math.isfinite(part)):
                return part
            return self.decode(part, f"{where}.{name}" if where else str(name), depth + 1)

        if isinstance(node, list):
            return [inner(item, number) for number, item in enumerate(node)]
        if not isinstance(node, dict):
            is_number = isinstance(node, int | float)
            if is_number and not (math.isfinite(node) and abs(node) < 1.8e308):
                raise ValueError(f"{node} is no number")
            if isinstance(node, int) and not -(2**63) <= node < 2**64:
                raise ValueError("the integer is too large")
            return node
        kind = node["kind"]
        if kind == "float":
            return {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}[node["value"]]
        if kind == "number":
            value = inner(node["value"], "value")
            number = _DTYPES[node["dtype"]].type(value)
            if isinstance(value, int) and number != value:  # NumPy before 2 lets it wrap around
                raise ValueError(f"{value} does not fit {node['dtype']}")
            return number
        if kind == "tuple":
            return tuple(_expect(list, inner(node["items"], "items")))
        if kind == "dict":
            return _decode_items(node["items"], inner)
        if kind == "path":
            return Path(_expect(str, node["value"]))
        if kind == "strings":
            strings = _strings(node["dtype"], _expect(list, node["items"]))
            self._spend(strings.nbytes)
            return strings
        if kind == "array":
            return self._decode_array(node)
        if kind == "csr":
            return _csr(node["shape"], *(inner(node[name], name) for name in _CSR_PARTS))
        if kind == "image":
            data = _expect(np.ndarray, inner(node["data"], "data"))
            return nibabel.Nifti1Image(data, inner(node["affine"], "affine"), dtype=data.dtype)
        if kind == "same":
            return self._objects[range(len(self._objects))[_expect(int, node["object"])]]
        if kind == "object":
            state = {key: inner(part, key) for key, part in _expect(dict, node["state"]).items()}
            value = from_state(_expect(str, node["class"]), state)
            self._objects.append(value)
            return value
        raise ValueError(f"there is no kind of value {kind!r}")

    def _spend(self, n_bytes: int) -> None:
        self._bytes_left -= n_bytes
        if self._bytes_left < 0:
            raise ValueError("its arrays would take more memory than all of the file speaks for")

    def _decode_array(self, node: dict[str, Any]) -> np.ndarray:
        stored = self._arrays[node["values"]]
        dtype = _DTYPES[node["dtype"]]
        self._spend(stored.size * dtype.itemsize * (8 if "shape" in node else 1))
        if "shape" in node:
            return _unpacked(stored, node["shape"]).astype(dtype)
        if math.prod(max(size, 1) for size in stored.shape) > max(stored.size, 2**20):
            raise ValueError(f"an array without entries has the shape {stored.shape}")
        if "scale" not in node:
            # A copy, as arrays of equal content are stored once.
            return stored.astype(dtype, casting="safe")
        scale = self._arrays[node["scale"]]
        rows, columns = stored.shape
        if stored.dtype != np.int8 or scale.shape not in ((rows, 1), (1, columns)):
            raise ValueError(f"scales of shape {scale.shape} for {stored.dtype} {stored.shape}")
        values = stored.astype(dtype)
        values *= scale.astype(dtype)
        return values


_CSR_PARTS = ("data", "indices", "indptr")


def _encode_items(value: dict, inner: Callable[[Any, Any], Any]) -> Any:
    """Items as a JSON object if all keys are strings, else as pairs."""
    if all(type(key) is str for key in value):
        return {key: inner(part, key) for key, part in value.items()}
    return [[inner(key, "keys"), inner(part, key)] for key, part in value.items()]


def _decode_items(items: Any, inner: Callable[[Any, Any], Any]) -> dict:
    if isinstance(items, dict):
        return {key: inner(part, key) for key, part in items.items()}
    return {inner(key, "keys"): inner(part, "values") for key, part in _expect(list, items)}


def _unsupported(where: str, what: str) -> InvalidInputError:
    return InvalidInputError(
        f"{where} is {what}, which save_model cannot store: it writes numbers, strings, arrays, "
        "images and objects of this package only, so that loading executes nothing. Replace it "
        "(a vectorizer by TermVectorizer), or use skops.io or joblib for the model and load only "
        "files that you trust."
    )


def _expect(kind: type, value: Any) -> Any:
    if not isinstance(value, kind):
        raise ValueError(f"expected {kind.__name__}, got {type(value).__name__}")
    return value


def _as_integers(array: np.ndarray) -> np.ndarray:
    """Keep the numbers in fewer bytes: as bool if all are 0 or 1, as short integers if whole."""
    if not array.size or array.dtype == bool:
        return array
    low, high = array.min(), array.max()
    if array.dtype.kind == "f":
        # Also not finite ones fail here, in double precision: in half, 2**31 is infinite, too. The
        # sign of -0.0 would be lost.
        in_range = -(2.0**31) <= float(low) <= float(high) <= 2.0**31
        if not in_range or np.any(array != np.rint(array)):
            return array
        if np.signbit(array[array == 0]).any():
            return array
    if low >= 0 and high <= 1:
        return array.astype(bool)
    short = np.result_type(np.min_scalar_type(int(low)), np.min_scalar_type(int(high)))
    return array.astype(short) if short.itemsize < array.itemsize else array


def _is_large_float(array: np.ndarray) -> bool:
    return array.dtype.kind == "f" and array.size > _ALWAYS_EXACT


def _rounded(array: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """One byte an entry and scales, or half precision without, or the array itself."""
    if array.ndim == 2:
        sizes = np.abs(array)
        # Of rows or columns, whichever vary more in size: entries are off by half a scale.
        scale = min(
            (sizes.max(axis=axis, keepdims=True) / 127 for axis in (0, 1)),
            key=lambda scale: np.square(scale, dtype=np.float64).mean(),
        ).astype(np.float32)
        tiny = np.finfo(np.float32).tiny
        if np.all((scale == 0) | (np.isfinite(scale) & (scale >= tiny))):
            steps = np.rint(array / np.where(scale > 0, scale, 1))
            return np.clip(steps, -127, 127).astype(np.int8), scale
    least, most = _HALF_RANGE
    if least <= np.abs(array).max() <= most:
        return array.astype(np.float16), None
    return array, None


def _unpacked(stored: np.ndarray, shape: Any) -> np.ndarray:
    sizes = [_expect(int, size) for size in _expect(list, shape)]
    count = math.prod(sizes)
    if min(sizes, default=1) < 1 or stored.dtype != np.uint8 or stored.size != -(-count // 8):
        raise ValueError(f"{stored.size} bytes cannot be bits of the shape {shape}")
    return np.unpackbits(stored, count=count).reshape(sizes)


def _strings(dtype: str, items: list) -> np.ndarray:
    lengths = [len(_expect(str, item)) for item in items]
    if dtype == "str":
        if 4 * len(lengths) * max(lengths, default=0) > _LARGEST_STRINGS:
            raise ValueError("an array of strings would take more than a gigabyte")
        return np.array(items, dtype=str)
    if dtype != "object":
        raise ValueError(f"strings of dtype {dtype!r}")
    return np.array(items, dtype=object)


def _csr(shape: Any, data: Any, indices: Any, indptr: Any) -> sparse.csr_matrix:
    rows, columns = (_expect(int, size) for size in shape)
    if not 0 <= columns < 2**31:
        raise ValueError(f"{columns} columns")
    matrix = sparse.csr_matrix((data, indices, indptr), shape=(rows, columns))
    matrix.check_format(full_check=True)
    return matrix
