"""Levels over regions as sparse matrices of shares: their checks and their products."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy import sparse

from sklearn_mnm.exceptions import InvalidInputError

FINEST, BROADEST = "region", "brain"


def checked_levels(
    levels: Mapping[str, Any], sizes: Any
) -> tuple[dict[str, sparse.csr_matrix], np.ndarray]:
    """Shares of all levels from fine to broad, finest and broadest added, and sizes of regions."""
    shares = {str(level): _shares(str(level), value) for level, value in levels.items()}
    counts = {level: matrix.shape[0] for level, matrix in shares.items()}
    if sizes is not None:
        sizes = np.array(sizes, dtype=np.float64)
        counts["sizes"] = len(sizes) if sizes.ndim == 1 else sizes.shape
    if len(set(counts.values())) != 1:
        raise InvalidInputError(
            "levels and sizes must have one row per region, as many in each; "
            f"got {counts or 'neither levels nor sizes'}."
        )
    n_regions = next(iter(counts.values()))
    sizes = np.ones(n_regions) if sizes is None else sizes
    if not (np.isfinite(sizes).all() and sizes.min() >= 0 and sizes.max() > 0):
        raise InvalidInputError(
            "sizes must be finite, not negative and not all 0; "
            f"they range from {sizes.min()} to {sizes.max()}."
        )
    for level, matrix in shares.items():
        if matrix.shape[1] > n_regions or level in (FINEST, BROADEST):
            raise InvalidInputError(
                f"Level {level!r} with {matrix.shape[1]} networks: 'region' and 'brain' are "
                f"added anyway, and between them is room for at most {n_regions} networks, "
                "the number of regions. Rename it, or use more regions."
            )
    broader = sorted(shares.items(), key=lambda item: -item[1].shape[1])
    all_shares = {
        FINEST: sparse.csr_matrix(sparse.identity(n_regions)),
        **dict(broader),
        BROADEST: sparse.csr_matrix(np.ones((n_regions, 1))),
    }
    sizes.flags.writeable = False
    return all_shares, sizes


def checked_names(
    shares: Mapping[str, sparse.csr_matrix], names: Mapping[str, Sequence[str]] | None
) -> dict[str, list[str]]:
    """Names of the networks of all levels, numbered where none are given."""
    given = names or {}
    checked = {level: _names_of(level, matrix.shape[1], given) for level, matrix in shares.items()}
    if unknown := set(given) - set(shares):
        raise InvalidInputError(
            f"names are given for {sorted(unknown)}, but the levels are {tuple(shares)}."
        )
    return checked


def _names_of(level: str, n_networks: int, names: Mapping[str, Sequence[str]]) -> list[str]:
    if level in names:
        if len(names[level]) != n_networks:
            raise InvalidInputError(
                f"names[{level!r}] has {len(names[level])} names for {n_networks} networks."
            )
        return [str(name) for name in names[level]]
    if level == BROADEST:
        return [BROADEST]
    digits = len(str(n_networks))
    return [f"{level}_{number + 1:0{digits}d}" for number in range(n_networks)]


def _shares(level: str, value: Any) -> sparse.csr_matrix:
    """Memberships with rows of sum 1 from one of the two forms of a level."""
    array = np.asarray(value)
    if array.ndim == 1 and array.size and array.dtype.kind in "ui":
        if array.min() < 0:
            raise InvalidInputError(
                f"Level {level!r}: region {int(np.argmin(array))} has the network {array.min()}; "
                "networks are numbered from 0. Give regions in no network one of their own."
            )
        used = np.unique(array)
        n_networks = int(used[-1]) + 1
    elif array.ndim == 2 and array.size and array.dtype.kind in "buif":
        array = array.astype(np.float64)
        total = array.sum(axis=1)
        bad = ~np.isfinite(array).all(axis=1) | (array < 0).any(axis=1) | (total <= 0)
        if bad.any():
            row = int(np.flatnonzero(bad)[0])
            raise InvalidInputError(
                f"Level {level!r}: {int(bad.sum())} regions have a negative or not finite "
                f"membership or belong to no network; the first is region {row}, with "
                f"{array[row].tolist()}. Give regions in no network a column of their own."
            )
        used = np.flatnonzero(array.any(axis=0))
        n_networks = array.shape[1]
    else:
        raise InvalidInputError(
            f"Level {level!r} must be integers of shape (n_regions,) or numbers of shape "
            f"(n_regions, n_networks); got {array.dtype} of shape {array.shape}."
        )
    if len(used) < n_networks:
        first = int(np.flatnonzero(np.append(used, -1) != np.arange(len(used) + 1))[0])
        raise InvalidInputError(
            f"Level {level!r}: {n_networks - len(used)} of {n_networks} networks have no region, "
            f"the first is network {first}. Number the networks 0 ... n_networks - 1 without gaps."
        )
    if array.ndim == 2:
        return sparse.csr_matrix(array / total[:, np.newaxis])
    return sparse.csr_matrix((np.ones(len(array)), (np.arange(len(array)), array.astype(np.intp))))


def averaging_operators(
    shares: sparse.csr_matrix, sizes: np.ndarray, strategy: str
) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
    """Matrices that aggregate and expand row vectors."""
    volume = shares.T @ sizes
    per_volume = sparse.diags(np.divide(1.0, volume, out=np.zeros_like(volume), where=volume > 0))
    averaging = sparse.diags(sizes) @ shares @ per_volume
    pair = (shares, averaging.T) if strategy == "sum" else (averaging, shares.T)
    return pair[0].tocsr(), pair[1].tocsr()


def product(values: Any, operator: sparse.csr_matrix, name: str, columns: str) -> np.ndarray:
    """Multiply maps by an operator, in the precision of the maps."""
    if sparse.issparse(values):
        raise InvalidInputError(f"{name} is sparse; pass a dense array, e.g. {name}.toarray().")
    array = np.asarray(values)
    if array.ndim not in (1, 2) or array.shape[-1] != operator.shape[0]:
        raise InvalidInputError(
            f"{name} of shape {array.shape} must have {operator.shape[0]} columns, "
            f"one for each of the {columns}."
        )
    if array.dtype.kind not in "buif" or not np.isfinite(array).all():
        raise InvalidInputError(
            f"{name} must hold finite numbers; got {array.dtype} with NaN, infinity or no numbers."
        )
    precision = np.float32 if array.dtype == np.float32 else np.float64
    with np.errstate(over="ignore", invalid="ignore"):
        result = np.asarray(array @ operator, dtype=precision)
    if not np.isfinite(result).all():
        raise InvalidInputError(
            f"{name} holds values up to {np.abs(array).max():g}, whose sums overflow in "
            f"{precision.__name__}. Give activations in a unit in which they are smaller."
        )
    return result
