"""Ridge regression in closed form, with exact leave-out predictions.

The start of the text tower. Leave-out predictions of the training studies are distributed like
the predictions of new studies, so whatever is trained on top of them does not inherit the
overfitting of the regression.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from sklearn_mnm.exceptions import InvalidInputError
from sklearn_mnm.model.inverse import regularised_factor, regularised_inverse, solved_by_factor

# Side of the largest dense matrix that is factorised: 20,000 x 20,000 doubles are 3.2 GB.
_LARGEST_SIDE = 20_000
# Rows of X times a dense (p, p) matrix held at once.
_BLOCK = 512
# Systems of a longer side are solved in single precision, in half the time and memory, where the
# bound of their condition allows it: coefficients then differ by some 1e-6 of the largest.
_DOUBLE_UP_TO, _LARGEST_CONDITION = 1024, 1e4
# With earlier samples and fewer new ones than this share of the features, no inverse is needed.
_FEW = 0.4
# Differences from 1 that are smaller have lost their digits in single precision: what a sample has
# to say about itself, and, by the penalty, the energy of a feature.
_LEAST_SLACK, _LEAST_ENERGY = 0.01, 1e-3
# Weight of a feature whose coefficients are no larger than chance makes them, where 1 is that
# of a feature with twice the energy of chance: small, so that its words still count a little.
_SMALLEST_EXCESS = 0.02


class RidgeFit(NamedTuple):
    """A fitted ridge regression without intercept.

    Attributes
    ----------
    alpha : float
        Penalty.
    coef : ndarray of shape (n_features, n_targets), float32
        Predictions are ``X @ coef``.
    left_out : ndarray of shape (n_samples, n_targets), float32
        Prediction of each sample by the regression fitted without it (and its group).
    """

    alpha: float
    coef: np.ndarray
    left_out: np.ndarray


class RidgeStatistics(NamedTuple):
    """All that a ridge regression needs to know of studies that it no longer has.

    Attributes
    ----------
    gram : ndarray of shape (n_features, n_features)
        ``X'X``, each row of X weighted by the weight of its study.
    moment : ndarray of shape (n_features, n_targets)
        ``X'T``, likewise.
    energy : float
        Weighted sum of the squared targets.
    n_samples : int
        Number of studies.
    """

    gram: np.ndarray
    moment: np.ndarray
    energy: float
    n_samples: int


class LeaveOutRidge:
    """Ridge regressions of one data set at any penalty.

    Minimises ``|X W - T|^2 + alpha |W|^2``, the square of each row times its weight. The
    leave-out prediction follows from one fit: with H = X (X'X + alpha I)^-1 X' and G the rows of
    a group, the residual that G would have had if left out is (I - H_GG)^-1 e_G (Cook & Weisberg
    1982, section 2.2); a group of one row gives the well-known e_i / (1 - h_ii). The smaller of
    the primal and the dual problem is solved; a sparse `X` is never made dense as a whole.

    Parameters
    ----------
    X : ndarray or scipy.sparse.csr_matrix of shape (n_samples, n_features)
        Features.
    targets : ndarray of shape (n_samples, n_targets)
        Targets, centred by the caller.
    groups : ndarray of shape (n_samples,), optional
        Samples left out together, e.g. contrasts of one paper. Default is each by itself.
    sample_weight : ndarray of shape (n_samples,), optional
        Positive weights. Default is 1 for all.
    earlier : RidgeStatistics, optional
        Of samples that the regressions are fitted to as well; they are not predicted.

    Raises
    ------
    InvalidInputError
        If both the samples and the features are too many to factorise, or the features are and
        there are `earlier` samples.
    """

    def __init__(
        self,
        X: Any,
        targets: np.ndarray,
        groups: np.ndarray | None = None,
        *,
        sample_weight: np.ndarray | None = None,
        earlier: RidgeStatistics | None = None,
    ):
        n_samples, n_features = X.shape
        self._primal = n_features <= n_samples or earlier is not None
        if (n_features if self._primal else n_samples) > _LARGEST_SIDE:
            raise InvalidInputError(
                f"X has {n_samples} rows and {n_features} columns; the closed-form start needs "
                f"{'the latter' if earlier else 'one of the two'} to be at most {_LARGEST_SIDE}. "
                "Keep fewer terms (a larger min_df or max_features) or reduce X first, e.g. by "
                "TruncatedSVD."
            )
        targets = np.asarray(targets, dtype=np.float64)
        self._root_weight = None
        if sample_weight is not None:
            self._root_weight = np.sqrt(sample_weight, dtype=np.float64)[:, np.newaxis]
            X, targets = scaled(X, self._root_weight), self._root_weight * targets
        self._X, self._targets, self._earlier = X, targets, earlier
        self._gram = self._products()
        self._moment = X.T @ targets if self._primal else targets
        if earlier is not None:
            self._moment = self._moment + earlier.moment
        self._blocks = _groups_by_size(groups) if groups is not None else []
        self._last: tuple[float, Any, np.ndarray] | None = None
        self._largest: float | None = None

    def scale_features(self, factors: np.ndarray) -> None:
        """Multiply each feature by a factor, here and in earlier samples.

        Parameters
        ----------
        factors : ndarray of shape (n_features,)
            Positive.
        """
        self._last = self._largest = None
        self._X = scaled(self._X, factors)
        if self._primal:
            column = factors[:, np.newaxis].astype(np.float64)
            self._gram *= column
            self._gram *= column.T
            self._moment = self._moment * column
        else:
            self._gram = self._products()

    def statistics(self) -> RidgeStatistics:
        """All that later regressions need to know of these samples and earlier ones.

        Returns
        -------
        statistics : RidgeStatistics
        """
        if self._primal:
            gram, moment = self._gram.copy(), self._moment
        else:
            gram = _dense(self._X.T @ self._X).astype(np.float64)
            moment = self._X.T @ self._targets
        energy, n_samples = float(np.vdot(self._targets, self._targets)), len(self._targets)
        if self._earlier is not None:
            energy, n_samples = energy + self._earlier.energy, n_samples + self._earlier.n_samples
        return RidgeStatistics(gram, np.asarray(moment), energy, n_samples)

    def fit(self, alpha: float, dtype: Any = None) -> RidgeFit:
        """Fit at one penalty.

        Parameters
        ----------
        alpha : float
            Positive penalty.
        dtype : dtype, default=None
            Of the computation. In float32 it takes half the time; where the system is not positive
            definite in that precision, it is done in float64. If None, float32 for large systems
            that are well conditioned, else float64.

        Returns
        -------
        fit : RidgeFit
        """
        chosen = dtype or self._precision(alpha)
        inverse = whitened = None
        if self._earlier is not None and len(self._targets) <= _FEW * len(self._gram):
            factor = regularised_factor(self._gram, alpha, chosen)
            coef, whitened = solved_by_factor(factor, self._moment, _dense(self._X))
            slack = 1.0 - np.einsum("ij,ij->j", whitened, whitened)
        else:
            inverse, weights, coef = self._solved(alpha, chosen)
            if self._primal:
                slack = 1.0 - _quadratic_forms(self._X.astype(inverse.dtype, copy=False), inverse)
            else:
                slack = alpha * np.diag(inverse)
        # Dual: the residual is alpha * weights, and I - H = alpha * inverse.
        # In place, where each array is as large as the targets.
        if self._primal:
            residuals = np.asarray(self._X @ coef, dtype=np.float64)
            np.subtract(self._targets, residuals, out=residuals)
        else:
            residuals = np.asarray(alpha * weights, dtype=np.float64)
        if dtype is None and chosen == np.float32 and slack.min() < _LEAST_SLACK:
            return self.fit(alpha, np.float64)
        # A study whose words nobody else uses has slack near 0; alpha > 0 keeps it positive.
        of_groups = [
            np.linalg.solve(self._slack_blocks(rows, inverse, whitened, alpha), residuals[rows])
            for rows in self._blocks
        ]
        left_out = np.divide(residuals, np.maximum(slack, 1e-9)[:, np.newaxis], out=residuals)
        for rows, solved in zip(self._blocks, of_groups, strict=True):
            left_out[rows] = solved
        np.subtract(self._targets, left_out, out=left_out)
        if self._root_weight is not None:
            left_out /= self._root_weight
        return RidgeFit(
            float(alpha), np.asarray(coef, dtype=np.float32), left_out.astype(np.float32)
        )

    def excess_energy(self, alpha: float) -> np.ndarray:
        """How far the coefficients of each feature exceed what noise alone would make of them.

        With W = M T and M = (X'X + alpha I)^-1 X', noise of variance v_k in target k gives the
        coefficients of feature j the expected energy |M_j|^2 sum_k v_k. The ratio of the
        observed energy to this, less 1, is the feature's ratio of signal to noise; residual
        variances stand for v_k. NeuroQuery selects terms by such energies
        (Dockès et al. 2020, doi:10.7554/eLife.53385).

        Parameters
        ----------
        alpha : float
            Positive penalty.

        Returns
        -------
        excess : ndarray of shape (n_features,)
            At least a small positive number; the same for all features if nothing is left
            unexplained.
        """
        # M M' is a small difference where a feature has little energy.
        energies = self._gram.diagonal()
        is_small = self._primal and bool((energies[energies > 0] < _LEAST_ENERGY * alpha).any())
        dtype = np.float64 if is_small else self._precision(alpha)
        inverse, _, coef = self._solved(alpha, dtype)
        coef = np.asarray(coef, dtype=np.float32)
        if self._primal:
            # M M' = inverse (inverse^-1 - alpha I) inverse
            squared = np.einsum("ij,ij->i", inverse, inverse, dtype=np.float64)
            gains = np.diag(inverse) - alpha * squared
        else:
            gains = np.empty(self._X.shape[1])
            columns = self._X.tocsc() if hasattr(self._X, "tocsc") else self._X
            for start in range(0, len(gains), _BLOCK):
                product = _dense(columns[:, start : start + _BLOCK]).T @ inverse
                gains[start : start + _BLOCK] = np.einsum("ij,ij->i", product, product)
        expected = gains * self._noise(coef, alpha)
        energy = np.square(coef, dtype=np.float64).sum(axis=1)
        possible = expected > 1e-12 * max(float(energy.max(initial=0.0)), 1e-300)
        ratio = np.divide(energy, expected, out=np.ones_like(energy), where=possible)
        return np.maximum(ratio - 1.0, _SMALLEST_EXCESS)

    def search(
        self, alphas: Sequence[float], score: Callable[[RidgeFit], float]
    ) -> tuple[RidgeFit, dict[float, float]]:
        """Climb a grid of penalties from its middle to a local optimum.

        Parameters
        ----------
        alphas : sequence of float
            Penalties in increasing order.
        score : callable
            Higher is better.

        Returns
        -------
        best : RidgeFit
        scores : dict of float to float
            Score of each penalty tried, of fits in single precision if there are several.
        """
        if len(alphas) == 1:
            best = self.fit(alphas[0])
            return best, {best.alpha: score(best)}
        position = len(alphas) // 2
        best = self._tried(alphas[position])
        scores = {alphas[position]: score(best)}
        for step in (-1, 1):
            while 0 <= position + step < len(alphas) and alphas[position + step] not in scores:
                current = self._tried(alphas[position + step])
                scores[current.alpha] = score(current)
                if scores[current.alpha] <= scores[best.alpha]:
                    break
                best, position = current, position + step
        is_final = self._precision(best.alpha) == np.float32
        return best if is_final else self.fit(best.alpha), scores

    def _tried(self, alpha: float) -> RidgeFit:
        """Fit in single precision, or in double where it would not do for a large system."""
        return self.fit(alpha, None if self._precision(alpha) == np.float32 else np.float32)

    def _products(self) -> np.ndarray:
        """Inner products of the features, or of the samples if these are fewer."""
        X = self._X
        products = _dense(X.T @ X if self._primal else X @ X.T)
        return (
            products.astype(np.float64) if self._earlier is None else self._earlier.gram + products
        )

    def _precision(self, alpha: float) -> Any:
        """Return float32 where a system is large and single precision does for it."""
        if len(self._gram) <= _DOUBLE_UP_TO:
            return np.float64
        if self._largest is None:  # sum of a row, which no eigenvalue exceeds
            self._largest = max(
                float(np.abs(self._gram[start : start + _BLOCK]).sum(axis=1).max())
                for start in range(0, len(self._gram), _BLOCK)
            )
        return np.float32 if self._largest + alpha <= _LARGEST_CONDITION * alpha else np.float64

    def _solved(self, alpha: float, dtype: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Inverse of the system, its product with the moment, and the coefficients."""
        inverse = self._inverse_at(alpha, dtype)
        weights = inverse @ self._moment.astype(inverse.dtype, copy=False)
        return inverse, weights, weights if self._primal else self._X.T @ weights

    def _inverse_at(self, alpha: float, dtype: Any) -> np.ndarray:
        """Inverse of the system at a penalty; the last one is kept."""
        if self._last is None or self._last[:2] != (alpha, dtype):
            self._last = None  # before there is another, which is as large
            self._last = alpha, dtype, regularised_inverse(self._gram, alpha, dtype)
        return self._last[2]

    def _noise(self, coef: np.ndarray, alpha: float) -> float:
        """Mean squared residual of a sample, over all targets."""
        if self._earlier is None:
            return float(np.square(self._targets - self._X @ coef).sum()) / len(self._targets)
        energy = float(np.vdot(self._targets, self._targets)) + self._earlier.energy
        # Of T'T - 2 W'M + W'G W, as G W = M - alpha W.
        explained = np.vdot(coef, self._moment + alpha * coef)
        n_samples = len(self._targets) + self._earlier.n_samples
        return max(float(energy - explained), 0.0) / n_samples

    def _slack_blocks(self, rows: Any, inverse: Any, whitened: Any, alpha: float) -> np.ndarray:
        """I - H_GG of groups of equal size, (n_groups, size, size)."""
        if not self._primal:
            return np.asarray(alpha * inverse[rows[:, :, np.newaxis], rows[:, np.newaxis, :]])
        blocks = np.empty((len(rows), rows.shape[1], rows.shape[1]))
        for position, group in enumerate(rows):
            if whitened is not None:
                hat = whitened[:, group].T @ whitened[:, group]
            else:
                features = self._X[group]
                hat = _dense((features @ inverse) @ features.T)
            blocks[position] = np.eye(len(group)) - hat
        return blocks


def scaled(X: Any, factors: np.ndarray) -> Any:
    """Multiply a matrix, sparse or not, by a column of factors of its rows, or a row of factors."""
    factors = factors.astype(X.dtype)
    return X.multiply(factors).tocsr() if hasattr(X, "multiply") else X * factors


def _dense(matrix: Any) -> np.ndarray:
    return matrix.toarray() if hasattr(matrix, "toarray") else np.asarray(matrix)


def _quadratic_forms(X: Any, matrix: np.ndarray) -> np.ndarray:
    """x_i' M x_i for each row."""
    forms = np.empty(X.shape[0])
    if hasattr(X, "tocsr"):
        X, entries = X.tocsr(), matrix.ravel()
        columns = X.indices.astype(np.intp)
        starts = columns * len(matrix)  # of the rows of the matrix
        for row, (start, end) in enumerate(zip(X.indptr[:-1], X.indptr[1:], strict=True)):
            values = X.data[start:end]
            # Half the time of two indices.
            block = entries.take(starts[start:end, np.newaxis] + columns[start:end])
            forms[row] = values @ block @ values
        return forms
    for start in range(0, len(forms), _BLOCK):
        rows = X[start : start + _BLOCK]
        forms[start : start + _BLOCK] = np.einsum("ij,ij->i", rows, rows @ matrix)
    return forms


def _groups_by_size(groups: np.ndarray) -> list[np.ndarray]:
    """Rows of the groups of more than one sample: one (n_groups, size) array per size."""
    _, codes = np.unique(groups, return_inverse=True)
    order = np.argsort(codes, kind="stable")
    sizes = np.bincount(codes)
    starts = np.cumsum(sizes) - sizes
    return [
        order[starts[sizes == size][:, np.newaxis] + np.arange(size)]
        for size in np.unique(sizes)
        if size > 1
    ]
