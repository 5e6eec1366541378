"""One hyperboloid for texts, terms and maps: radius is information, and angles tell pairs."""

from typing import NamedTuple

import numpy as np

# Share of the directions of texts that tells which maps belong to them; the rest tells what they
# mean. Small, so that texts are as far apart as their meanings.
_SHARE = 0.05
# Maps beyond what training saw: heights are held at this many times the largest of training.
_MARGIN = 1.5
_LEAST_HEIGHT = 1e-3
# And at most at this: with larger ones, pairing would take more than the whole length of a text.
_MOST_HEIGHT = 8.0
# Radius of maps: nats per e-fold of the extent, half of it, and the share of the usual largest
# activation at which a region counts as active.
_EXTENT_SLOPE = 0.35
_ACTIVE = 0.1
# By which the broadest map is farther from the root than the text that tells most.
_ABOVE = 1.1


class TextPart(NamedTuple):
    """What the coordinates of texts are made of, a row each.

    Attributes
    ----------
    direction : ndarray of shape (n, d)
        Unit rows, of the text tower.
    height : ndarray of shape (n,)
        Bias of each text in the similarity, of the text tower.
    strength : ndarray of shape (n,)
        Length of the predicted map.
    meaning : ndarray of shape (n, m)
        Unit rows, of the terms.
    radius : ndarray of shape (n,)
        At curvature -1; 0 puts a text at the root.
    """

    direction: np.ndarray
    height: np.ndarray
    strength: np.ndarray
    meaning: np.ndarray
    radius: np.ndarray


class JointSpace(NamedTuple):
    r"""Coordinates of texts and maps in which their angle is the learnt similarity.

    With directions u, v, heights h, k and strength n, the tangent vectors at the root are

    .. math::
        \rho \, [\sqrt g u, \sqrt g e, \sqrt g h / e, \sqrt g n, \sqrt{1 - g (1 + e^2 + h^2 / e^2
        + n^2)} \, s, 0]

    of a text of meaning s, and :math:`\rho [v, k / e, e, 0, 0, r] / \sqrt Z` of a map, r filling
    it up to length :math:`\rho`. The cosine of the two is :math:`\sqrt{g / Z} (u \cdot v + h + k)`,
    what the towers learn to rank pairs by, whatever the radii; that of two texts is nearly
    :math:`s \cdot s'`, so that their detours are conditional probabilities.

    Attributes
    ----------
    n_components : int
        d, of the directions of the towers.
    balance : float
        e.
    largest_height : float
        Heights are held within.
    unit : float
        Usual largest activation of a map.
    least_radius : float
        Of maps: more than that of any text of the fit.
    largest_strength : float
        By which strengths are divided.
    typical_strength : float
        Mean over the texts of the fit: what counts for texts of few terms, whose predicted maps
        are short because little is said, not because little is meant.
    """

    n_components: int
    balance: float
    largest_height: float
    unit: float
    least_radius: float
    largest_strength: float
    typical_strength: float

    @classmethod
    def fit(cls, text: TextPart, brain_height: np.ndarray, activations: np.ndarray) -> "JointSpace":
        """Choose the constants for the studies of a fit.

        Parameters
        ----------
        text : TextPart
            Of these studies.
        brain_height : ndarray of shape (n,)
            Biases of their maps.
        activations : ndarray of shape (n, n_regions)

        Returns
        -------
        space : JointSpace
        """
        heights = np.abs([text.height, brain_height])
        largest = _MARGIN * max(float(heights.max(initial=0.0)), _LEAST_HEIGHT)
        largest = min(largest, _MOST_HEIGHT)
        maxima = np.abs(activations).max(axis=1)
        active = maxima[maxima > 0]
        return cls(
            n_components=text.direction.shape[1],
            balance=float(np.sqrt(largest)),
            largest_height=largest,
            unit=float(np.median(active)) if len(active) else 1.0,
            least_radius=_ABOVE * float(text.radius.max(initial=1.0)),
            largest_strength=float(text.strength.max(initial=0.0)) or 1.0,
            typical_strength=float(text.strength.mean()) or 1.0,
        )

    def n_dimensions(self, n_meanings: int) -> int:
        """Count the dimensions of the space, with so many for meaning."""
        return self.n_components + n_meanings + 4

    @property
    def _room(self) -> float:
        """Z, the squared length of the longest map before it is scaled."""
        return 1 + 2 * self.balance**2

    @property
    def cosine_unit(self) -> float:
        """Cosine of a text and a map per unit of ``u . v + h + k``."""
        return float(np.sqrt(_SHARE / self._room))

    def text_tangent(self, text: TextPart) -> np.ndarray:
        """Tangent vectors at the root of texts, at curvature -1, (n, d + m + 4)."""
        height = np.clip(text.height, -self.largest_height, self.largest_height) / self.balance
        strength = np.clip(text.strength / self.largest_strength, 0, 1)
        ones = np.ones(len(height))
        pairing = np.column_stack([text.direction, self.balance * ones, height, strength])
        pairing *= np.sqrt(_SHARE)
        left = np.sqrt(1 - np.square(pairing).sum(axis=1, keepdims=True))
        tangent = np.column_stack([pairing, left * text.meaning, 0 * ones])
        return text.radius[:, np.newaxis] * tangent

    def brain_tangent(
        self, direction: np.ndarray, height: np.ndarray, radius: np.ndarray, n_dimensions: int
    ) -> np.ndarray:
        """Tangent vectors at the root of maps, at curvature -1, (n, n_dimensions)."""
        height = np.clip(height, -self.largest_height, self.largest_height) / self.balance
        ones = np.ones(len(height))
        filling = np.sqrt(np.maximum(self.balance**2 - height**2, 0))
        nothing = np.zeros((len(height), n_dimensions - self.n_components - 3))
        tangent = np.column_stack([direction, height, self.balance * ones, nothing, filling])
        return (radius / np.sqrt(self._room))[:, np.newaxis] * tangent

    def brain_radius(self, activations: np.ndarray) -> np.ndarray:
        """Radius of maps at curvature -1: the less of the brain they activate, the farther out.

        ``least_radius + 0.35 ln(1 / e)`` with the extent e, the mean over the regions of
        ``1 - exp(-|y| / (0.1 unit))``. Whatever is added to a map brings it nearer to the root. A
        map of zeros has radius 0.
        """
        sizes = np.abs(np.asarray(activations, dtype=np.float64))
        extent = -np.expm1(-sizes / (_ACTIVE * self.unit)).mean(axis=1)
        known = extent > 0
        logs = np.log(np.where(known, extent, 1))
        return np.where(known, self.least_radius - _EXTENT_SLOPE * logs, 0)

    def text_predictors(self, tangent: np.ndarray) -> np.ndarray:
        """Recover what maps are predicted from: directions of the text tower times strength."""
        unit = _unit_rows(tangent) / np.sqrt(_SHARE)
        return unit[:, : self.n_components] * unit[:, [self.n_components + 2]]

    def brain_predictors(self, tangent: np.ndarray) -> np.ndarray:
        """Recover what terms are predicted from: directions of the brain tower."""
        return _unit_rows(tangent)[:, : self.n_components] * np.sqrt(self._room)


def _unit_rows(values: np.ndarray) -> np.ndarray:
    norms = np.linalg.norm(values, axis=1, keepdims=True)
    return values / np.where(norms > 0, norms, 1)
