"""The studies that a model was fitted to, and which of them are like a text or a map."""

from typing import NamedTuple

import numpy as np
import pandas as pd


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

    def found(self, rows: np.ndarray, scores: np.ndarray) -> pd.DataFrame:
        """Tell what studies are called.

        Parameters
        ----------
        rows : ndarray of int of shape (n_queries, k)
            Studies of each query, the best first.
        scores : ndarray of shape (n_queries, k)
            Their similarity.

        Returns
        -------
        found : DataFrame of n_queries * k rows
            ``query`` (row), ``rank`` from 1, ``id``, ``title`` where known, and ``similarity``.
        """
        n_queries, k = rows.shape
        found = pd.DataFrame(
            {
                "query": np.repeat(np.arange(n_queries), k),
                "rank": np.tile(np.arange(1, k + 1), n_queries),
                "id": self.ids[rows.ravel()],
            }
        )
        if self.titles is not None:
            found["title"] = self.titles[rows.ravel()]
        found["similarity"] = scores.ravel()
        return found
