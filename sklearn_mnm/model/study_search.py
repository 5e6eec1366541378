"""The studies of a fit that are most like a text or a map."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.utils import gen_batches

from sklearn_mnm._tools.arrays import check_count
from sklearn_mnm.exceptions import DataWarning, InvalidInputError
from sklearn_mnm.geometry import pairwise_distance
from sklearn_mnm.geometry.arrays import points_of
from sklearn_mnm.search.neighbours import StudyNeighbours
from sklearn_mnm.search.study_texts import StudyTexts
from sklearn_mnm.text.subsumption import parts_of_names

# What of studies is compared with a text or a map.
WAYS = ("both", "text", "brain")
# Queries compared with all studies at once.
_BLOCK = 128


class StudySearch:
    """The part of encoder and decoder that finds studies."""

    embedder_: Any
    neighbours_: StudyNeighbours
    terms_: np.ndarray
    _made_once: Callable[..., Any]

    def _retrieve(
        self, points: np.ndarray, role: str, k: int, by: str, present: Any = None
    ) -> pd.DataFrame:
        """Rank the studies for texts or maps, given as points and, of texts, by their terms."""
        if by not in WAYS:
            raise InvalidInputError(f"by={by!r}: choose 'both', 'text' or 'brain'.")
        n_studies = len(self.neighbours_.ids)
        check_count(k, "k", most=n_studies, of_most="the studies of the fit")
        kinds = ("text", "brain") if by == "both" else (by,)
        if role == by == "text" and self._study_texts() is None:
            warnings.warn(
                "This model was saved by an earlier version, which did not keep which terms its "
                "studies hold. by='text' compares points instead, in which maps had a part: the "
                "studies are not chosen blind to their peaks.",
                DataWarning,
                stacklevel=3,
            )
        rows, scores = [], []
        for block in gen_batches(len(points), _BLOCK):
            terms = None if present is None else present[block]
            views = [self._likeness(points[block], role, kind, terms) for kind in kinds]
            likeness = views[0] if len(views) == 1 else sum(map(_standardised, views))
            best = np.argsort(-likeness, axis=1, kind="stable")[:, : int(k)]
            rows.append(best)
            scores.append(np.take_along_axis(likeness, best, axis=1))
        return self.neighbours_.found(np.concatenate(rows), np.concatenate(scores))

    def _likeness(self, points: np.ndarray, role: str, kind: str, present: Any) -> np.ndarray:
        """How like queries the texts or maps of all studies are, (n_queries, n_studies)."""
        embedder, curvature = self.embedder_, self.embedder_.curvature_
        if kind == role == "text" and present is not None:
            texts = self._study_texts()
            if texts is not None:
                return texts.similarity(present)
        others = self._points_of_studies(kind)
        if kind == role:
            return -pairwise_distance(points, others, curvature)
        if kind == "brain":
            return embedder._as_log_odds(embedder._similarity(points, others))
        return self._log_odds_of_studies(points).T

    def _log_odds_of_studies(self, points: np.ndarray) -> np.ndarray:
        """Log-odds of the text of each study to be that of a map, (n_studies, n_maps)."""
        embedder = self.embedder_
        texts = self._points_of_studies("text")
        return embedder._as_log_odds(embedder._similarity(texts, points))

    def _points_of_studies(self, kind: str) -> Any:
        tangent = getattr(self.neighbours_, f"{kind}_tangent")
        return self._made_once(kind, lambda: points_of(tangent, self.embedder_.curvature_))

    def _study_texts(self) -> StudyTexts | None:
        """Words of the studies; None in models saved by earlier versions."""
        present: Any = getattr(self, "study_terms_", None)
        if present is None:
            return None

        def make() -> StudyTexts:
            space: Any = getattr(self.embedder_, "term_space_", None)
            directions = None if space is None else space.directions
            if directions is not None and len(directions) != present.shape[1]:
                directions = None  # of the columns of other features
            parts = parts_of_names(self.terms_)
            return StudyTexts.from_studies(sparse.csr_matrix(present), parts, directions)

        texts: StudyTexts = self._made_once("words", make)
        return texts


def _standardised(likeness: np.ndarray) -> np.ndarray:
    """Likeness in standard deviations over the studies of each query."""
    spread = likeness.std(axis=1, keepdims=True)
    return (likeness - likeness.mean(axis=1, keepdims=True)) / np.where(spread > 0, spread, 1)
