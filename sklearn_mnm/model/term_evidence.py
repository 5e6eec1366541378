"""What terms say of maps, and whether an image is more than noise to them."""

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils import gen_batches
from sklearn.utils.validation import check_is_fitted

from sklearn_mnm.brain.image_files import image_list
from sklearn_mnm.brain.maps import MapsOnMask, maps_on_mask
from sklearn_mnm.brain.smoothness import estimate_fwhm, mask_of, smooth_noise
from sklearn_mnm.exceptions import DataWarning, InvalidInputError
from sklearn_mnm.geometry.arrays import tangent_of
from sklearn_mnm.model.inputs import are_images
from sklearn_mnm.model.noise_null import FWHM, NoiseNull
from sklearn_mnm.text._documents import as_documents
from sklearn_mnm.text._spelling import lexicon_of
from sklearn_mnm.text.title_counts import count_titles

# Maps whose likeness to all studies is held at once.
_BLOCK = 128
# Maps that cover less than this share of the brain are compared with noise of their own, of which
# there are so many maps: less of the brain is another pattern to begin with.
_NEARLY_ALL, _N_NOISE = 0.97, 99
# Their smoothness in mm is rounded to this, so that maps share them.
_STEP = 2.0
# p values above this bring a warning.
_LARGEST_P = 0.05
# Weight of the best phrase that tells of a name, beside that of the name. Chosen among 0 to 0.6 on
# titles of studies that name tasks, contrasts of n-back studies and the labelled maps of the
# benchmark `real_maps` that are not of the Human Connectome Project.
_DETAILS = 0.25
# Names with phrases are of experiments; one is the likelier, the more studies name it in their
# titles: its score is multiplied by a power of their number. Chosen among 0 to 0.5 on studies left
# out whose titles name a task, the three that most of them name apart.
_TITLES = 0.2
# Lists of phrases whose terms are kept: names, and what tells of them, asked map after map.
_KEPT_LISTS = 4


class TermEvidence:
    """The part of :class:`~sklearn_mnm.MNMDecoder` that scores terms, of maps and of noise."""

    regions_: Any
    embedder_: Any
    term_posterior_: Any
    term_head_: Any
    term_vectorizer_: Any
    neighbours_: Any
    _made_once: Callable[..., Any]
    _brain_points: Callable[..., np.ndarray]
    _activations_of: Callable[[MapsOnMask], np.ndarray]
    _log_odds_of_studies: Callable[[np.ndarray], np.ndarray]

    def noise_p_values(self, X):
        """Tell whether anything stands out of images.

        Parameters
        ----------
        X : image, path, or list of these
            As for :meth:`decision_function`.

        Returns
        -------
        p : ndarray of shape (n_maps,)
            Share of maps of noise, about as smooth, whose scores of terms are as uneven
            (:class:`~sklearn_mnm.model.noise_null.NoiseNull`).

        Raises
        ------
        InvalidInputError
            If `X` are no images, or the model knows nothing of images.
        """
        maps = self._read_images(X)
        if maps is None:
            raise InvalidInputError(
                "X are no images, or the model was fitted to arrays or saved by an earlier "
                "version; only images are compared with noise."
            )
        points = self._brain_points(self._activations_of(maps))
        return self._p_of(maps, self._terms_asked(points, "decision_function")[0])

    def _read_images(self, X: Any) -> MapsOnMask | None:
        """Read images, once, onto the voxels of the mask; None if they are something else."""
        check_is_fitted(self)
        is_old = not hasattr(self, "term_posterior_")
        if self.regions_ is None or is_old or not are_images(X):
            return None
        return maps_on_mask(image_list(X), self.regions_.mask_img_)

    def _p_of(self, maps: MapsOnMask, scores: np.ndarray) -> np.ndarray:
        """Compare scores with those of noise that covers as much of the brain."""
        null, mask_img = self._noise_null(), self.regions_.mask_img_
        p = null.p_values(scores, estimate_fwhm(maps.voxels, mask_img))
        for row in np.flatnonzero(maps.covered.mean(axis=1) < _NEARLY_ALL):
            covered = maps.covered[row]
            part = np.flatnonzero(covered)
            width = estimate_fwhm(maps.voxels[[row]][:, part], mask_of(covered, mask_img))[0]
            noise = self._noise_scores(covered, float(np.clip(width, *FWHM)))
            p[row] = null.p_value_among(scores[row], noise)
        return p

    def _noise_scores(self, covered: np.ndarray, fwhm: float) -> np.ndarray:
        """Scores of noise of about one smoothness that covers a part of the brain."""
        width = _STEP * round(fwhm / _STEP)

        def make() -> np.ndarray:
            noise = smooth_noise(self.regions_.mask_img_, np.full(_N_NOISE, width), seed=0)
            return np.stack([values.astype(np.float16) for values in noise])

        voxels = self._made_once(("noise", width), make).astype(np.float32) * covered
        maps = MapsOnMask(voxels, np.broadcast_to(covered, voxels.shape))
        points = self.embedder_.transform_brain(self._activations_of(maps))
        return self._terms_asked(points, "decision_function")[0]

    def _terms_asked(self, points: np.ndarray, *methods: str) -> tuple[np.ndarray, ...]:
        """Ask terms about maps: an array (n_maps, n_terms) for each method of the posterior."""
        if not hasattr(self, "term_posterior_"):  # a model saved by an earlier version
            tangent = tangent_of(points, self.embedder_.curvature_)
            predictors = self.embedder_._embedding.brain_predictors(tangent)
            return tuple(getattr(self.term_head_, method)(predictors) for method in methods)
        blocks = []
        for block in gen_batches(len(points), _BLOCK):
            log_odds = self._log_odds_of_studies(points[block])
            shares = self.term_posterior_.shares(log_odds)
            blocks.append([getattr(self.term_posterior_, method)(shares) for method in methods])
        return tuple(np.concatenate(parts) for parts in zip(*blocks, strict=True))

    def _scores_of_phrases(self, terms: Any, scores: np.ndarray) -> np.ndarray:
        """Score phrases, or names and what tells of each, by the terms that they are read as."""
        names = as_documents(list(terms) if isinstance(terms, Mapping) else terms, name="terms")
        if not names:
            raise InvalidInputError(
                "terms is empty; give at least one term, or None for the terms of the model."
            )
        weights = self._phrase_weights(names)
        # What all of the phrases say, as "task" in names of tasks, does not tell them apart.
        found, is_known = _weighted_mean(_told_apart(weights, weights), scores)
        if isinstance(terms, Mapping):
            best, is_told = self._best_of_details(names, list(terms.values()), scores)
            both = (np.where(is_known, found, 0) + _DETAILS * best) / (1 + _DETAILS)
            found, is_known = np.where(is_told, both, found), is_known | is_told
            found *= (1 + self._n_titles(names)) ** _TITLES
        if n_unknown := np.count_nonzero(~is_known):
            shown = ", ".join(repr(names[row]) for row in np.flatnonzero(~is_known)[:5])
            warnings.warn(
                f"terms: {n_unknown} of {len(names)} hold no known term: {shown}"
                f"{', ...' if n_unknown > 5 else ''}; they score NaN and come last.",
                DataWarning,
                stacklevel=3,
            )
        return found

    def _n_titles(self, names: list[str]) -> np.ndarray:
        """Count the studies of the fit whose titles hold each name; of some lists it is kept."""
        titles = self.neighbours_.titles
        # The scores of earlier versions may be negative.
        if titles is None or not hasattr(self, "term_posterior_"):
            return np.zeros(len(names))
        return self._kept("titles", names, lambda: count_titles(names, map(str, titles)))

    def _best_of_details(
        self, names: list[str], details: list[Any], scores: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Highest score among the phrases that tell of each name, and whether one is known."""
        phrases = [
            as_documents(given, name=f"terms[{name!r}]")
            for name, given in zip(names, details, strict=True)
        ]
        best = np.full((len(scores), len(names)), -np.inf)
        owners = np.repeat(np.arange(len(names)), [len(given) for given in phrases])
        if not len(owners):
            return best, np.zeros(len(names), dtype=bool)
        weights = self._phrase_weights([phrase for given in phrases for phrase in given])
        owned = np.ones(len(owners)), (owners, np.arange(len(owners)))
        said = sparse.csr_matrix(owned, shape=(len(names), len(owners))) @ weights
        found, is_known = _weighted_mean(_told_apart(weights, said), scores)
        np.maximum.at(best.T, owners[is_known], found.T[is_known])
        return best, np.isin(np.arange(len(names)), owners[is_known])

    def _phrase_weights(self, phrases: list[str]) -> Any:
        """TF-IDF of the terms in phrases; of the last lists of them it is kept."""
        return self._kept("phrases", phrases, lambda: self._read_phrases(phrases))

    def _kept(self, name: str, phrases: list[str], make: Callable[[], Any]) -> Any:
        """Return what was made of a list of phrases, or make it; of the last lists it is kept."""
        kept: dict[tuple[str, ...], Any] = self._made_once(name, dict)
        found = kept.get(asked := tuple(phrases))
        if found is None:
            found = make()
            if len(kept) >= _KEPT_LISTS:
                kept.clear()
            kept[asked] = found
        return found

    def _read_phrases(self, phrases: list[str]) -> Any:
        """TF-IDF of the terms in phrases, which are rewritten where nothing is known of them."""
        distinct = list(dict.fromkeys(phrases))
        weights = self.term_vectorizer_.transform(distinct).tocsr()
        rows = {phrase: row for row, phrase in enumerate(distinct)}
        if len(unknown := np.flatnonzero(weights.getnnz(axis=1) == 0)):
            # Such as "n-back" where the term is "nback".
            lexicon = lexicon_of(self.term_vectorizer_)
            read = self.term_vectorizer_.transform([lexicon.rewrite(distinct[r]) for r in unknown])
            rows |= {distinct[r]: len(distinct) + number for number, r in enumerate(unknown)}
            weights = sparse.vstack([weights, read], format="csr")
        return weights[[rows[phrase] for phrase in phrases]]

    def _noise_null(self) -> NoiseNull:
        """Scores of noise, which come with the bundled model and are else made once a fit."""
        stored: NoiseNull | None = getattr(self, "noise_null_", None)
        if stored is not None:
            return stored

        def make() -> NoiseNull:
            return NoiseNull.fit(
                lambda voxels: self._terms_asked(
                    self.embedder_.transform_brain(
                        self._activations_of(MapsOnMask(voxels, np.ones(voxels.shape, dtype=bool)))
                    ),
                    "decision_function",
                )[0],
                self.regions_.mask_img_,
            )

        null: NoiseNull = self._made_once("noise", make)
        return null


def _told_apart(weights: Any, said: Any) -> Any:
    """Weigh terms the less, the more of the names (rows of `said`) say them."""
    n_with = np.maximum(said.getnnz(axis=0), 1)
    return weights @ sparse.diags_array(np.log((said.shape[0] + 1) / n_with))


def _weighted_mean(weights: Any, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean scores of the terms of each phrase, NaN without one, and whether there is one."""
    total = np.asarray(weights.sum(axis=1)).ravel()
    with np.errstate(invalid="ignore"):
        return (weights @ scores.T).T / total, total > 0


def noise_note(p: np.ndarray) -> str | None:
    """Tell of maps of which nothing stands out.

    Parameters
    ----------
    p : ndarray of shape (n_maps,)
        From :meth:`TermEvidence.noise_p_values`.

    Returns
    -------
    note : str or None
        With count and the first such map; None if there is none.
    """
    dull = p > _LARGEST_P
    if not dull.any():
        return None
    of = "the map" if len(p) == 1 else f"{np.count_nonzero(dull)} of {len(p)} maps"
    first = int(np.argmax(dull))
    return (
        f"Nothing stands out of {of}: the scores of terms are no more uneven than those of noise "
        f"that is as smooth (p = {p[first]:.2g}). The words may mean nothing."
    )
