"""The studies that a model was fitted to, and which of them are like a text or a map."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from sklearn_mnm.exceptions import InvalidInputError
from sklearn_mnm.geometry import distance
from sklearn_mnm.geometry.arrays import as_tensor, points_of
from sklearn_mnm.search.index import PointIndex


class StudyNeighbours(NamedTuple):
    """Embeddings of studies, by which they are found again.

    Attributes
    ----------
    text_tangent, brain_tangent : ndarray of shape (n_studies, n_components), float32
        Tangent vectors at the origin of the studies' texts, as predicted without them, and of
        their maps.
    ids : ndarray of shape (n_studies,), str
        Identifiers, e.g. of PubMed.
    titles : ndarray of shape (n_studies,), object, or None
        Titles, empty where unknown.
    """

    text_tangent: np.ndarray
    brain_tangent: np.ndarray
    ids: np.ndarray
    titles: np.ndarray | None

    @classmethod
    def from_arrays(
        cls,
        text_tangent: np.ndarray,
        brain_tangent: np.ndarray,
        ids: np.ndarray | None,
        titles: np.ndarray | None,
        rows: np.ndarray,
    ) -> "StudyNeighbours":
        """Keep what studies are called; `rows` of `titles`, and the ids where there are none."""
        return cls(
            text_tangent.astype(np.float32),
            brain_tangent.astype(np.float32),
            rows.astype(str) if ids is None else ids,
            None if titles is None else titles[rows],
        )

    def extended(self, new: "StudyNeighbours") -> "StudyNeighbours":
        """Return these studies and then new ones."""
        titles = None
        if self.titles is not None or new.titles is not None:
            untitled = [np.full(len(side.ids), "", dtype=object) for side in (self, new)]
            titles = np.concatenate(
                [
                    empty if side.titles is None else side.titles
                    for side, empty in zip((self, new), untitled, strict=True)
                ]
            )
        return StudyNeighbours(
            np.concatenate([self.text_tangent, new.text_tangent]),
            np.concatenate([self.brain_tangent, new.brain_tangent]),
            np.concatenate([self.ids, new.ids]),
            titles,
        )

    def make_index(self, by: str, role: str, similarity: str, curvature: float) -> PointIndex:
        """Make what finds studies by their texts or maps.

        Parameters
        ----------
        by : {"text", "brain"}
            What of the studies is compared with: pairs of a text and a map by `similarity`, two
            of a kind by their geodesic distance.
        role : {"text", "brain"}
            What the queries will be.
        similarity : str
            See :class:`~sklearn_mnm.search.index.PointIndex`.
        curvature : float
            c of the space.

        Returns
        -------
        index : PointIndex

        Raises
        ------
        InvalidInputError
            If `by` is neither of the two.
        """
        if by not in ("text", "brain"):
            raise InvalidInputError(f"by={by!r}: choose 'text' or 'brain'.")
        points = points_of(self.text_tangent if by == "text" else self.brain_tangent, curvature)
        kind = "distance" if by == role else similarity
        return PointIndex(points, similarity=kind, role=by, curvature=curvature)

    def search(self, index: PointIndex, queries: np.ndarray, k: int) -> pd.DataFrame:
        """Find the studies most like each query.

        Parameters
        ----------
        index : PointIndex
            Of these studies.
        queries : ndarray of shape (n_queries, n_components + 1)
            Points of texts or of maps, as the index was made for.
        k : int
            Number of studies for each.

        Returns
        -------
        found : DataFrame of n_queries * k rows
            ``query`` (row), ``rank`` from 1, ``id``, ``title`` where known, ``similarity`` and
            ``distance``, the geodesic distance from the query.

        Raises
        ------
        InvalidInputError
            If `k` is out of range.
        """
        indices, similarities = index.search(queries, k)
        rows = indices.ravel()
        own, others = as_tensor(np.repeat(queries, k, axis=0)), as_tensor(index.points[rows])
        found = pd.DataFrame(
            {
                "query": np.repeat(np.arange(len(queries)), k),
                "rank": np.tile(np.arange(1, k + 1), len(queries)),
                "id": self.ids[rows],
            }
        )
        if self.titles is not None:
            found["title"] = self.titles[rows]
        found["similarity"] = similarities.ravel()
        found["distance"] = distance(own, others, index.curvature).numpy()
        return found
