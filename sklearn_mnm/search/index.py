"""Search for the nearest points in hyperbolic space, exact or approximate."""

import math
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any

import numpy as np

from sklearn_mnm._tools.arrays import check_count
from sklearn_mnm._tools.dependencies import import_optional
from sklearn_mnm._tools.memory_maps import is_mapped, release_pages
from sklearn_mnm.exceptions import InvalidInputError, MissingDependencyError
from sklearn_mnm.geometry import radius
from sklearn_mnm.geometry.arrays import blocks, check_curvature, check_points, in_double
from sklearn_mnm.nn.similarity import SIMILARITIES
from sklearn_mnm.search.directions import Directions
from sklearn_mnm.search.inner_product import check_choice, lifted

# Similarities computed at once: 2 million pairs, 16 MB for each intermediate matrix.
_QUERY_BLOCK = 256
_POINT_BLOCK = 8192
# Coordinates of points compared at once, 2 MB: points that leave the cache on the way take a single
# query three times as long.
_POINT_COORDINATES = 2**18
# Points of fewer are compared by the angle in double precision at once, which takes as long.
_MANY_FOR_DOUBLE = 4096
# Candidates of a query beyond which all points are compared, in bounded memory.
_MOST_CANDIDATES = 8192
# From here on "auto" prefers faiss.
_MANY_POINTS = 100_000
# Beyond this many points, of which a comparison with all would take long and much memory, faiss
# divides them into cells by k-means (IVF) and keeps each as a code of 64 to 127 bytes (product
# quantization). The number of cells is this many times the root of that of points, so that the time
# of a query grows with the root; k-means sees so many points for each.
_CELLS_BEYOND = 200_000
_CELLS = 2
_SAMPLE_OF_CELL = 40
# Cells searched. Of 12,000 studies of NeuroQuery in 219 cells, 32 cells held 0.95 of the ten
# nearest, 64 held 0.98 and 128 all.
_CELLS_SEARCHED = 128
# Parts of a vector that are coded by a byte each.
_MIN_PARTS = 64
# Iterations of k-means, which hardly improve later, and points that it sees for each of the 256
# values of a byte.
_ITERATIONS = 8
_SAMPLE_OF_CODE = 64
# Candidates for exact re-ranking: this many times the neighbours asked for, and at least so many.
_OVERFETCH = 10
_MIN_CANDIDATES = 100
# Codes of a byte for several coordinates are coarse: the ten nearest points were among the 100 best
# codes in 0.97 of the cases, and among the 500 best in 0.998.
_MIN_CODED_CANDIDATES = 500
# Points whose median stands for that of all.
_CENTRE_SAMPLE = 10_000


class PointIndex:
    """Nearest points of the hyperboloid by any similarity of texts and brains.

    Parameters
    ----------
    points : array of shape (n_points, d + 1)
        Points of the hyperboloid, time coordinate first, float64 or float32; at least one. They
        are held, not copied, and must not be changed afterwards; a memory map, for instance of
        `sklearn_mnm.model.out_of_core.transform_to_file`, stays on disk. Similarities are computed
        in float64 whichever they are.
    ids : sequence of str, optional
        A different name for each point. Default: row numbers.
    similarity : {"root_angle", "exterior_angle", "distance", "cosine", "euclidean"}, \
            default="root_angle"
        What nearest means, see `sklearn_mnm.nn.similarity`.
    role : {"brain", "text"}, default="brain"
        What the stored points are; the queries are the other kind. It matters for the exterior
        angle only, whose apex is the text: brains at the apex of a query, or the apexes of
        texts which see a query.
    curvature : float, default=1.0
        ``c > 0`` of the hyperboloid ``<x, x> = -1/c``.
    method : {"auto", "exact", "faiss"}, default="auto"
        "exact" compares each query with each point, block by block, in bounded memory; by the
        angle, if there are thousands of points in memory, first in single precision, in which
        their directions are kept, and then, for all that may be among the nearest, in double.
        "faiss"
        compares it with some hundred candidates that faiss finds by their inner products, in
        single precision, and needs ``pip install 'sklearn-mnm[faiss]'``. "auto" is exact below
        100,000 points and where faiss is not installed, else "faiss". Beyond 200,000 points faiss
        divides them into cells and keeps about 80 bytes of each point, so that millions of points
        on disk need little memory; the time of a query grows with the root of their number. Cells
        miss more neighbours the less the points cluster: compare with "exact" on some queries.

    Attributes
    ----------
    ids : ndarray of shape (n_points,)
        Names of the points, strings or row numbers: ``index.ids[indices]`` names what was found.
    method : {"exact", "faiss"}
        What "auto" came to.

    Raises
    ------
    InvalidInputError
        If the points have another shape or do not lie on the hyperboloid, the ids are not strings,
        not as many as the points or repeated, the curvature is not positive, or the similarity,
        role or method has another name.
    MissingDependencyError
        If ``method="faiss"`` and faiss is not installed.

    Notes
    -----
    Points at the origin stand for unknown texts and empty maps. Their similarities follow the
    conventions of `sklearn_mnm.geometry`:

    - exterior angle: a text at the origin has -pi/2 with every brain; a brain at the origin has
      -pi, the worst, with every other text;
    - angle at the root and cosine: 0 with everything;
    - distance and euclidean: as of any other point.

    A query that ties with all points gets the first ones, ties being broken by row number (with
    faiss, among the candidates). Queries at the origin are answered exactly by both methods.

    Arrays of different shapes may round differently: points whose similarities differ by rounding
    only (some 1e-15), copies of a point among them, may change places with the number of queries
    asked at once.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_mnm.geometry import exp_map0
    >>> from sklearn_mnm.search.index import PointIndex
    >>> points = exp_map0(np.array([[2.0, 0.0], [0.0, 2.0], [1.0, 1.0]]), 1.0)
    >>> index = PointIndex(points, ["motor", "visual", "both"], similarity="distance")
    >>> indices, similarities = index.search(points[:1], k=2)
    >>> index.ids[indices].tolist()
    [['motor', 'both']]
    """

    def __init__(
        self,
        points: np.ndarray,
        ids: Sequence[str] | None = None,
        *,
        similarity: str = "root_angle",
        role: str = "brain",
        curvature: float = 1.0,
        method: str = "auto",
    ) -> None:
        check_choice("similarity", similarity, tuple(SIMILARITIES))
        check_choice("role", role, ("brain", "text"))
        check_choice("method", method, ("auto", "exact", "faiss"))
        self.similarity = similarity
        self.role = role
        self.curvature = check_curvature(curvature)
        self.points = check_points("points", points, self.curvature)
        if len(self.points) == 0:
            raise InvalidInputError("points has no rows; an index needs at least one point.")
        self.ids = _check_ids(ids, len(self.points))
        faiss = _choose_faiss(method, len(self.points))
        self.method = "exact" if faiss is None else "faiss"
        self._candidates: Any = None if faiss is None else self._build(faiss)
        self._directions: Directions | None = None
        is_large = len(self.points) >= _MANY_FOR_DOUBLE and not is_mapped(self.points)
        if faiss is None and is_large and similarity in ("root_angle", "cosine"):
            self._directions = Directions(self.points)

    def __len__(self) -> int:
        return len(self.points)

    def search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Find the most similar points of each query.

        Parameters
        ----------
        queries : array of shape (n_queries, d + 1)
            Points of the same hyperboloid: texts if the stored points are brains, else brains.
        k : int
            From 1 to the number of points.

        Returns
        -------
        indices : int64 ndarray of shape (n_queries, k)
            Rows of the stored points, the most similar first, ties by row number.
        similarities : float64 ndarray of shape (n_queries, k)
            Never increasing along a row.

        Raises
        ------
        InvalidInputError
            If the queries have another dimension or do not lie on the hyperboloid, or `k` is not
            an integer in its range.
        """
        queries = check_points("queries", queries, self.curvature)
        if queries.shape[1] != self.points.shape[1]:
            raise InvalidInputError(
                f"queries has {queries.shape[1]} columns and the stored points have "
                f"{self.points.shape[1]}: embed both with the same model."
            )
        k = check_count(k, "k", most=len(self), of_most="the number of points")
        if self._candidates is None and self._directions is None:
            return self._search_exactly(queries, k)
        return self._search_candidates(queries, k)

    def _similarities(self, queries: np.ndarray, points: np.ndarray) -> np.ndarray:
        """Matrix (n_queries, n_points), whichever of the two are the texts."""
        similarity = SIMILARITIES[self.similarity]
        if self.role == "brain":
            return similarity(queries, points, self.curvature)
        return similarity(points, queries, self.curvature).T

    def _search_exactly(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Keep the best k of each query while going through the points block by block."""
        indices = np.empty((len(queries), k), dtype=np.int64)
        similarities = np.empty((len(queries), k))
        size = min(_POINT_BLOCK, max(1, _POINT_COORDINATES // self.points.shape[1]))
        for rows, query_block in blocks(queries, _QUERY_BLOCK):
            best = np.empty((len(query_block), 0))
            found = np.empty((len(query_block), 0), dtype=np.int64)
            for columns, point_block in blocks(self.points, size):
                # The best so far come first: all of them have lower row numbers, so that ties by
                # position are ties by row number.
                values = np.hstack([best, self._similarities(query_block, point_block)])
                positions = _top_positions(values, min(k, values.shape[1]))
                best = np.take_along_axis(values, positions, axis=1)
                new = np.arange(columns.start, columns.start + len(point_block))
                numbers = np.hstack([found, np.broadcast_to(new, (len(found), len(new)))])
                found = np.take_along_axis(numbers, positions, axis=1)
            indices[rows], similarities[rows] = found, best
        return indices, similarities

    def _search_candidates(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Rank the candidates of each query by their true similarities."""
        indices = np.empty((len(queries), k), dtype=np.int64)
        similarities = np.empty((len(queries), k))
        unanswered = np.zeros(len(queries), dtype=bool)
        for rows, query_block in blocks(queries, _QUERY_BLOCK):
            find = self._found_by_faiss if self._directions is None else self._found_by_directions
            found = find(query_block, k)
            for row, query, numbers in zip(
                range(len(queries))[rows], query_block, found, strict=True
            ):
                if numbers is None:
                    unanswered[row] = True
                    continue
                values = self._similarities(query[None], in_double(self.points[numbers]))
                positions = _top_positions(values, k)[0]
                indices[row], similarities[row] = numbers[positions], values[0, positions]
            release_pages(self.points)
        if unanswered.any():
            # Such as queries at the origin, which tie with all points and are the same: ask once.
            exact, inverse = np.unique(queries[unanswered], axis=0, return_inverse=True)
            exact_indices, exact_similarities = self._search_exactly(exact, k)
            indices[unanswered] = exact_indices[inverse]
            similarities[unanswered] = exact_similarities[inverse]
        return indices, similarities

    def _found_by_directions(self, queries: np.ndarray, k: int) -> Iterator[np.ndarray | None]:
        """Rows of all points that may be among the nearest, in order; None where they are many."""
        assert self._directions is not None
        for numbers in self._directions.candidates(queries, k):
            yield numbers if len(numbers) <= max(k, _MOST_CANDIDATES) else None

    def _found_by_faiss(self, queries: np.ndarray, k: int) -> Iterator[np.ndarray | None]:
        """Rows of candidates, in order; None at the origin, and where faiss came by too few."""
        least = _MIN_CODED_CANDIDATES if len(self) > _CELLS_BEYOND else _MIN_CANDIDATES
        n_candidates = min(len(self), max(_OVERFETCH * k, least))
        vectors = self._lift(queries, "text" if self.role == "brain" else "brain")
        vectors = _single(vectors, self._candidates.d)
        _, found = self._candidates.search(vectors, n_candidates)
        rapidity = math.sqrt(self.curvature) * radius(queries, self.curvature)
        at_origin = rapidity <= np.finfo(np.float64).eps
        for numbers, skip in zip(found, at_origin, strict=True):
            numbers = np.sort(numbers[numbers >= 0])  # -1 where faiss came by too few
            yield None if skip or len(numbers) < k else numbers

    def _build(self, faiss: ModuleType) -> Any:
        """Faiss index of the lifted points: all in a row, or cells of many."""
        # A shift changes all inner products of a query alike. About the centre the points point
        # in all directions, without which cells would hold most of the points or few. The median,
        # because it is not drawn away by a few points far out.
        centre = np.median(self._lifted_sample(_CENTRE_SAMPLE), axis=0)
        if len(self) > _CELLS_BEYOND:
            n_cells = int(_CELLS * math.sqrt(len(self)))
            index = _cells(faiss, len(centre), n_cells)
            sample = self._lifted_sample(_SAMPLE_OF_CELL * n_cells) - centre
            index.train(_single(sample, index.d))
            del sample
        else:
            index = faiss.IndexFlatIP(len(centre))
        for _, block in blocks(self.points, _POINT_BLOCK):
            index.add(_single(self._lift(block, self.role) - centre, index.d))
        return index

    def _lifted_sample(self, size: int) -> np.ndarray:
        """Float32 vectors of points drawn without replacement, the same ones each time."""
        size = min(len(self), size)
        # In the order of the file, or a disk would turn to and fro.
        rows = np.sort(np.random.default_rng(0).choice(len(self), size, replace=False))
        vectors = [
            _single(
                self._lift(in_double(self.points[rows[start : start + _POINT_BLOCK]]), self.role)
            )
            for start in range(0, size, _POINT_BLOCK)
        ]
        release_pages(self.points)
        return np.concatenate(vectors)

    def _lift(self, points: np.ndarray, role: str) -> np.ndarray:
        return lifted(points, role, self.similarity, self.curvature)


def _top_positions(values: np.ndarray, k: int) -> np.ndarray:
    """Columns of the k largest values of each row, sorted, ties by column."""
    positions = np.sort(np.argpartition(values, -k, axis=1)[:, -k:], axis=1)
    largest = np.take_along_axis(values, positions, axis=1)
    # Of the values that tie with the last one any are taken.
    tied = np.count_nonzero(values >= largest.min(axis=1, keepdims=True), axis=1) > k
    order = np.argsort(-largest, axis=1, kind="stable")
    positions = np.take_along_axis(positions, order, axis=1)
    if tied.any():
        positions[tied] = np.argsort(-values[tied], axis=1, kind="stable")[:, :k]
    return positions


def _cells(faiss: ModuleType, n_columns: int, n_cells: int) -> Any:
    """Empty faiss index that looks into some cells and compares with codes."""
    width = max(1, n_columns // _MIN_PARTS)
    n_parts = math.ceil(n_columns / width)
    index = faiss.IndexIVFPQ(
        faiss.IndexFlatIP(n_parts * width),
        n_parts * width,
        n_cells,
        n_parts,
        8,
        faiss.METRIC_INNER_PRODUCT,
    )
    index.nprobe = min(_CELLS_SEARCHED, n_cells)
    # Centres of equal length: by inner product, long ones would draw points from the others.
    index.cp.spherical = True
    index.cp.niter = index.pq.cp.niter = _ITERATIONS
    index.pq.cp.max_points_per_centroid = _SAMPLE_OF_CODE
    return index


def _single(vectors: np.ndarray, n_columns: int | None = None) -> np.ndarray:
    """Contiguous float32, the only form that faiss takes, with zeros up to so many columns."""
    n_zeros = 0 if n_columns is None else n_columns - vectors.shape[1]
    if n_zeros:
        vectors = np.pad(vectors, ((0, 0), (0, n_zeros)))
    return np.ascontiguousarray(vectors, dtype=np.float32)


def _choose_faiss(method: str, n_points: int) -> ModuleType | None:
    """Return faiss if it is to be used."""
    if method == "exact" or (method == "auto" and n_points < _MANY_POINTS):
        return None
    try:
        return import_optional("faiss", extra="faiss", purpose="PointIndex(method='faiss')")
    except MissingDependencyError:
        if method == "faiss":
            raise
        return None


def _check_ids(ids: Sequence[str] | None, n_points: int) -> np.ndarray:
    if ids is None:
        return np.arange(n_points)
    if isinstance(ids, str) or not all(isinstance(name, str) for name in ids):
        raise InvalidInputError("ids must be a sequence of strings, one for each point.")
    if len(ids) != n_points:
        raise InvalidInputError(f"ids has {len(ids)} names for {n_points} points.")
    names = np.asarray(ids, dtype=object)
    unique, counts = np.unique(names, return_counts=True)
    if len(unique) < n_points:
        repeated = unique[counts.argmax()]
        raise InvalidInputError(
            f"ids has {n_points - len(unique)} repeated names, among them {repeated!r}; each "
            "point needs its own."
        )
    return names
