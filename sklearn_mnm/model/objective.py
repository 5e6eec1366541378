"""What training minimises, and the networks that it trains, as parameters of the embedder."""

from numbers import Integral, Real
from typing import ClassVar

from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval, StrOptions

from sklearn_mnm.brain.hierarchy import BrainHierarchy
from sklearn_mnm.nn.similarity import SIMILARITIES

#: `similarity` of the objective by which pairs are ranked by their angle at the root.
ANGLE = "root_angle"
_NOT_NEGATIVE = Interval(Real, 0, None, closed="left")


class MNMObjective(BaseEstimator):
    """What the towers are trained to: by what pairs are told apart, and further parts.

    Parameters are in the order of the parts in the paper (arXiv 2511.21092). A part is a column of
    ``history_``, named as its weight is: ``extent`` is the part of `extent_weight`. A part of
    weight 0 is left out. With the default `similarity` radii are information and not trained: then
    only `alignment_weight` and `drift_weight` have an effect.

    Parameters
    ----------
    similarity : {"root_angle", "exterior_angle", "distance", "cosine", "euclidean"}, \
            default="root_angle"
        By what pairs are contrasted and ranked: the angle at the root, which leaves the radii to
        the hierarchy; the exterior angle of the brain at the text, with learnt radii (the paper's);
        the geodesic distance (as MERU); or the cosine or the squared distance of tangent vectors.
        The last two ignore the geometry: controls to compare with.
    alignment_weight : float, default=1.0
        Weight of the contrast of pairs.
    brain_apex_weight : float, default=0.0
        Weight of the contrast by the exterior angle of the text at the brain (ATMG).
    text_above_brain : "hinge" or "centroid", default="hinge"
        How texts are kept nearer to the origin than brains: ``"hinge"`` asks that mean radii
        differ by ``brain_radius - text_radius``; ``"centroid"`` draws the midpoints of a batch to
        `text_radius` and `brain_radius`, as in the paper.
    text_above_brain_weight : float, default=0.1
        Weight of that part.
    extent_weight : float, default=8.0
        Weight of "broad maps nearer to the origin than focal ones".
    min_extent_difference : float, default=0.1
        Pairs of maps are compared if their shares of active regions differ by more; a region is
        active above a tenth of the largest activation.
    network_weight : float, default=0.0
        Weight of "a map averaged over networks entails the map"; needs `hierarchy`.
    hierarchy : BrainHierarchy or None, default=None
        Levels of networks over the regions of `y`, also those at which the embedder places maps. If
        None, it knows of none; within an encoder or decoder, it takes theirs.
    drift_weight : float, default=0.3
        Weight of the squared distance of the linear maps of the towers from their start.
    text_radius, brain_radius : float, default=0.3 and 0.8
        Distance of texts and brains from the origin at the start; learnt from there.
    learn_curvature : bool, default=False
        Whether c is learnt, from the `curvature` of the embedder on, within 0.1 and 10. Angles
        depend on the radii times the square root of c only, and radii are learnt: this adds little.

    See Also
    --------
    HyperbolicBrainTextEmbedder : Takes it as `objective`.

    Examples
    --------
    >>> from sklearn_mnm import HyperbolicBrainTextEmbedder, MNMObjective
    >>> paper = MNMObjective(similarity="exterior_angle", text_above_brain="centroid")
    >>> embedder = HyperbolicBrainTextEmbedder(objective=paper)
    >>> embedder.set_params(objective__extent_weight=0.0).objective.extent_weight
    0.0
    """

    _parameter_constraints: ClassVar[dict] = {
        "similarity": [StrOptions(set(SIMILARITIES))],
        "alignment_weight": [_NOT_NEGATIVE],
        "brain_apex_weight": [_NOT_NEGATIVE],
        "text_above_brain": [StrOptions({"hinge", "centroid"})],
        "text_above_brain_weight": [_NOT_NEGATIVE],
        "extent_weight": [_NOT_NEGATIVE],
        "min_extent_difference": [Interval(Real, 0, 1, closed="left")],
        "network_weight": [_NOT_NEGATIVE],
        "hierarchy": [BrainHierarchy, None],
        "drift_weight": [_NOT_NEGATIVE],
        "text_radius": [Interval(Real, 0.05, 8, closed="neither")],
        "brain_radius": [Interval(Real, 0.05, 8, closed="neither")],
        "learn_curvature": ["boolean"],
    }

    def __init__(
        self,
        similarity="root_angle",
        *,
        alignment_weight=1.0,
        brain_apex_weight=0.0,
        text_above_brain="hinge",
        text_above_brain_weight=0.1,
        extent_weight=8.0,
        min_extent_difference=0.1,
        network_weight=0.0,
        hierarchy=None,
        drift_weight=0.3,
        text_radius=0.3,
        brain_radius=0.8,
        learn_curvature=False,
    ):
        self.similarity = similarity
        self.alignment_weight = alignment_weight
        self.brain_apex_weight = brain_apex_weight
        self.text_above_brain = text_above_brain
        self.text_above_brain_weight = text_above_brain_weight
        self.extent_weight = extent_weight
        self.min_extent_difference = min_extent_difference
        self.network_weight = network_weight
        self.hierarchy = hierarchy
        self.drift_weight = drift_weight
        self.text_radius = text_radius
        self.brain_radius = brain_radius
        self.learn_curvature = learn_curvature


class Towers(BaseEstimator):
    """The two networks that turn texts and maps into points, one for each side.

    A tower is a linear map that starts as the closed form, for the direction, and a network of one
    hidden layer, for the radius or a bias.

    Parameters
    ----------
    n_hidden : int, default=256
        Hidden units of each network. More fit finer differences of radius and cost time.
    dropout : float, default=0.2
        Share of the inputs of a tower that are set to zero while training.
    weight_decay : float, default=0.1
        Decay of the weights of the networks in each step (AdamW), relative to the learning rate.
    inverse_temperature : float, default=12.0
        What similarities are multiplied by in the contrast of pairs, at the start; learnt from
        there, and a column of ``history_``.

    See Also
    --------
    HyperbolicBrainTextEmbedder : Takes them as `towers`.

    Examples
    --------
    >>> from sklearn_mnm import HyperbolicBrainTextEmbedder, Towers
    >>> embedder = HyperbolicBrainTextEmbedder(towers=Towers(dropout=0.5))
    """

    _parameter_constraints: ClassVar[dict] = {
        "n_hidden": [Interval(Integral, 1, None, closed="left")],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "weight_decay": [_NOT_NEGATIVE],
        "inverse_temperature": [Interval(Real, 0, None, closed="neither")],
    }

    def __init__(self, n_hidden=256, *, dropout=0.2, weight_decay=0.1, inverse_temperature=12.0):
        self.n_hidden = n_hidden
        self.dropout = dropout
        self.weight_decay = weight_decay
        self.inverse_temperature = inverse_temperature
