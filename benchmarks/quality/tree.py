"""Measure how well a known tree of concepts is recovered: ``python -m benchmarks tree``.

The literature is generated, so that the tree is known. Two questions: whether concepts lie as in
the tree when they are midpoints of embedded studies, and whether concepts learnt as points are
better on a curved manifold. Nothing but the figures in the tables has seen the true tree.
"""

import argparse
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import geoopt
import numpy as np
import pandas as pd
import torch
from scipy.spatial.distance import pdist, squareform
from torch import Tensor

from benchmarks.common.sections import replace_section
from sklearn_mnm import HyperbolicBrainTextEmbedder, MNMObjective, PeaksToRegions
from sklearn_mnm.datasets import make_literature
from sklearn_mnm.datasets.literature import ConceptTree, Literature
from sklearn_mnm.exceptions import DataWarning
from sklearn_mnm.geometry import distance, exp_map0, from_space, log_map0, lorentz_centroid
from sklearn_mnm.metrics import (
    cone_containment,
    radial_order,
    tree_distances,
    tree_recovery,
)
from sklearn_mnm.text import TermVectorizer

SEEDS = (0, 1, 2)
TUNING_SEED = 100  # of a literature that is not reported
N_STUDIES, N_REGIONS = 2000, 200
EMBEDDING_DIMENSIONS = (N_REGIONS, 8)
PROTOTYPE_DIMENSIONS = (2, 8)
LEARNING_RATES = (0.01, 0.03, 0.1, 0.3, 1.0)
START_SIZE = 0.1  # standard deviation of the first coordinates
N_STEPS = 300
CURVATURE = 1.0
TITLE = "Recovery of a known tree"
SEED_LIST, RATE_LIST = (", ".join(map(str, values)) for values in (SEEDS, LEARNING_RATES))
NOTE = f"""Made by `python -m benchmarks tree --output benchmarks/RESULTS.md`.

Generated literature (`make_literature`, {N_STUDIES:,} studies, 102 concepts), mean ±
standard deviation over seeds {SEED_LIST}. Distances between all pairs of concepts against path
lengths of the true tree: Spearman's and Pearson's correlation, and the average distortion at the
best scale. Parent nearer: share of the edges of the tree whose parent is nearer to the origin than
the child. In cone: share of children in the entailment cone (K = 0.1) of their parent, and of the
other concepts at the level of their parent."""
MIDPOINT_NOTE = """**Concepts as midpoints of held-out studies.** Features and embedder are fitted
on half of the studies; a concept is the midpoint of studies of the other half: the Lorentzian
centroid, with geodesic distances, where the embedder is hyperbolic, the mean and Euclidean
distances of tangent vectors for the flat control (squared distance), the normalised mean direction
and arcs for the spherical one (cosine), which has no origin. The origin is the embedding's own. d
is the dimension of the embedding.

First, with the studies about anything below a concept among its own. This tells the midpoints which
concepts are below which, and large groups have midpoints near the middle whatever they are about:
the figures are to be read against those of studies assigned to the concepts at random."""
OWN_NOTE = "Second, with the studies about just the concept itself: no knowledge of the tree."
PROTOTYPE_NOTE = f"""**Concepts learnt as points.** The target is 1 - cosine between the mean
features of the concepts, over the studies of the training half about just the concept. Points of a
d-dimensional space are fitted to it by {N_STEPS} steps of Adam (flat) or Riemannian Adam on the
squared relative error at the best scale, so that all spaces learn their scale alike. The learning
rate of each space, target and dimension ({RATE_LIST}) is that of the lowest loss on another
literature. Loss: that squared error. The origin is the midpoint of all points, as distances leave
it open. With the tree itself as the target the table tells what each space could reach with perfect
data."""


class Space(NamedTuple):
    """A manifold with what is needed to fit and to measure points of it.

    Attributes
    ----------
    manifold : geoopt manifold or None
        None for the Euclidean space, where the ordinary Adam does.
    from_tangent : callable
        From coordinates (n, d) to points of the d-dimensional manifold.
    distance : callable
        Between points, row by row.
    midpoint : callable
        Of points (n, ...), shape (1, ...).
    """

    manifold: geoopt.Manifold | None
    from_tangent: Callable[[Tensor], Tensor]
    distance: Callable[[Tensor, Tensor], Tensor]
    midpoint: Callable[[Tensor], Tensor]


def on_sphere(tangent: Tensor) -> Tensor:
    """Exponential map at the pole of the unit sphere, from (n, d) to (n, d + 1)."""
    length = tangent.norm(dim=-1, keepdim=True)
    return torch.cat([length.cos(), torch.sinc(length / torch.pi) * tangent], dim=-1)


def arc(x: Tensor, y: Tensor) -> Tensor:
    """Angle between unit vectors, exact for near ones too."""
    return 2 * torch.atan2((x - y).norm(dim=-1), (x + y).norm(dim=-1))


SPACES = {
    "hyperbolic": Space(
        geoopt.Lorentz(k=1 / CURVATURE),
        lambda tangent: exp_map0(tangent, CURVATURE),
        lambda x, y: distance(x, y, CURVATURE),
        lambda points: lorentz_centroid(points, CURVATURE)[None],
    ),
    "flat": Space(
        None,
        lambda tangent: tangent,
        lambda x, y: (x - y).norm(dim=-1),
        lambda points: points.mean(dim=0, keepdim=True),
    ),
    "spherical": Space(
        geoopt.Sphere(),
        on_sphere,
        arc,
        lambda points: torch.nn.functional.normalize(points.mean(dim=0, keepdim=True)),
    ),
}
# Space in which each similarity of the embedder compares, and its name in the table.
SIMILARITIES = {
    "exterior_angle": ("hyperbolic", "hyperbolic, exterior angle"),
    "distance": ("hyperbolic", "hyperbolic, distance"),
    "euclidean": ("flat", "flat, squared distance"),
    "cosine": ("spherical", "spherical, cosine"),
}


def memberships(tree: ConceptTree, concepts: np.ndarray, *, below: bool = False) -> np.ndarray:
    """Which studies are about a concept, or anything below it too, (n_nodes, n_studies)."""
    members = np.zeros((len(tree.parents), len(concepts)), dtype=bool)
    position, studies = concepts, np.arange(len(concepts))
    members[position, studies] = True
    while below and len(studies):
        members[position, studies] = True
        position = tree.parents[position]
        studies, position = studies[position >= 0], position[position >= 0]
    return members


def halves(concepts: np.ndarray) -> np.ndarray:
    """Every second study of each concept, as a mask: both halves know each concept."""
    rank = pd.Series(concepts).groupby(concepts).cumcount().to_numpy()
    return rank % 2 == 0


def pairwise(space: Space, points: Tensor) -> np.ndarray:
    """Distances of all pairs of points, (n, n)."""
    upper = np.triu_indices(len(points), k=1)
    return squareform(space.distance(points[upper[0]], points[upper[1]]).numpy())


def cosine_target(features: np.ndarray, members: np.ndarray) -> np.ndarray:
    """1 - cosine between the mean features of the concepts, (n_nodes, n_nodes)."""
    return squareform(pdist(concept_means(features, members), "cosine").clip(min=1e-6))


def concept_means(features: np.ndarray, members: np.ndarray) -> np.ndarray:
    """Mean features of the members of each concept, (n_nodes, n_features)."""
    return members @ features / members.sum(axis=1, keepdims=True)


def move_to_origin(points: Tensor, centre: Tensor) -> Tensor:
    """Isometry (a Lorentz boost, c = 1) that takes `centre` (1, d + 1) to the origin."""
    time = centre[:, :1] * points[:, :1] - (centre[:, 1:] * points[:, 1:]).sum(1, keepdim=True)
    shift = (points[:, :1] + time) / (1 + centre[:, :1])
    return from_space(points[:, 1:] - shift * centre[:, 1:], CURVATURE)


def measure(tree: ConceptTree, distances: np.ndarray) -> dict[str, float]:
    """Compare distances between concepts with the tree."""
    recovery = tree_recovery(distances, tree_distances(tree.parents))
    return {
        "rank correlation": recovery.rank_correlation,
        "correlation": recovery.correlation,
        "average distortion": recovery.average_distortion,
    }


def measure_order(tree: ConceptTree, radii: np.ndarray) -> dict[str, float]:
    """Compare distances from the origin, of any space, along the edges of the tree."""
    # The metric takes points of a hyperboloid and compares their radii: one coordinate does.
    line = from_space(torch.as_tensor(radii)[:, None], CURVATURE).numpy()
    children = np.flatnonzero(tree.parents >= 0)
    return {"parent nearer, %": radial_order(line[tree.parents[children]], line[children])}


def measure_cones(tree: ConceptTree, points: Tensor) -> dict[str, float]:
    """Share of children in the cones of their parents, and of others at the parents' level."""
    children = np.flatnonzero(tree.parents >= 0)
    parents = tree.parents[children]
    same_level = tree.depth[parents][:, None] == tree.depth
    same_level[np.arange(len(children)), parents] = False
    rows, others = np.nonzero(same_level)
    x = points.numpy()
    return {
        "in cone, %": cone_containment(x[parents], x[children], CURVATURE),
        "in another's, %": cone_containment(x[others], x[children[rows]], CURVATURE),
    }


def measure_points(tree: ConceptTree, name: str, points: Tensor, centre: Tensor | None) -> dict:
    """All figures of concepts as points; `centre` is the origin, None where there is none."""
    space = SPACES[name]
    figures = measure(tree, pairwise(space, points))
    if centre is not None:
        radii = space.distance(centre.expand_as(points), points).numpy()
        figures |= measure_order(tree, radii)
    if centre is not None and name == "hyperbolic":
        figures |= measure_cones(tree, move_to_origin(points, centre))
    return figures


class Prepared(NamedTuple):
    """A literature, its halves and its features, fitted on the training half."""

    literature: Literature
    train: np.ndarray
    features: dict[str, np.ndarray]

    def members(self, rows: np.ndarray, *, below: bool = False) -> np.ndarray:
        """Memberships of some of the studies."""
        return memberships(self.literature.tree, self.literature.concepts[rows], below=below)


def prepare(seed: int, n_studies: int = N_STUDIES, n_regions: int = N_REGIONS) -> Prepared:
    """Generate a literature and compute the features of all of its studies."""
    literature = make_literature(n_studies, random_state=seed)
    train = halves(literature.concepts)
    studies = literature.studies
    text = TermVectorizer().fit(studies[train].texts).transform(studies.texts).toarray()
    regions = PeaksToRegions(n_regions=n_regions, random_state=seed).fit(studies[train])
    brain = regions.transform(studies)
    return Prepared(literature, train, {"text": text, "brain": np.asarray(brain)})


def midpoint_rows(data: Prepared, seed: int) -> Iterator[tuple[bool, tuple, dict]]:
    """Measure midpoints of held-out studies: (nested or own, (size, modality, model), figures)."""
    tree, test = data.literature.tree, ~data.train
    own, nested = data.members(test), data.members(test, below=True)
    order = np.random.default_rng(seed).permutation(nested.shape[1])
    # Assigned at random, concepts keep their sizes and what is below which.
    groupings = [(True, nested, ""), (True, nested[:, order], ", at random"), (False, own, "")]
    for modality, features in data.features.items():
        for below, members, suffix in groupings:
            figures = measure(tree, cosine_target(features[test], members))
            yield below, (0, modality, "mean features, 1 - cosine" + suffix), figures
    for size in EMBEDDING_DIMENSIONS:
        for similarity, (name, title) in SIMILARITIES.items():
            embedder = HyperbolicBrainTextEmbedder(
                size,
                curvature=CURVATURE,
                objective=MNMObjective(similarity),
                device="cpu",
                random_state=seed,
            )
            embedder.fit(*(data.features[each][data.train] for each in ("text", "brain")))
            embedded = embedder.transform(*(data.features[e][test] for e in ("text", "brain")))
            for modality, points in zip(("text", "brain"), embedded, strict=True):
                for below, members, suffix in groupings:
                    figures = measure_midpoints(tree, name, torch.as_tensor(points), members)
                    yield below, (size, modality, title + suffix), figures


def measure_midpoints(tree: ConceptTree, name: str, points: Tensor, members: np.ndarray) -> dict:
    """Figures of the midpoints of members, given as points of the hyperboloid (n, d + 1)."""
    space, tangent = SPACES[name], log_map0(points, CURVATURE)
    if name == "spherical":
        native, origin = torch.nn.functional.normalize(tangent), None
    else:
        native, origin = space.from_tangent(tangent), space.from_tangent(0 * tangent[:1])
    midpoints = torch.cat([space.midpoint(native[torch.as_tensor(each)]) for each in members])
    return measure_points(tree, name, midpoints, origin)


def stress(distances: Tensor, target: Tensor) -> Tensor:
    """Mean squared relative error at the best scale, ``min over s of mean (s d / target - 1)^2``.

    With ``r = d / target`` the best scale is ``mean(r) / mean(r^2)``.
    """
    ratios = distances / target
    return 1 - ratios.mean() ** 2 / ratios.square().mean()


def fit_points(
    target: np.ndarray,
    space: Space,
    n_dimensions: int,
    learning_rate: float,
    seed: int,
    n_steps: int = N_STEPS,
) -> tuple[Tensor, float]:
    """Fit points of a space to distances; the points and their stress."""
    random = torch.Generator().manual_seed(seed)
    tangent = torch.randn(len(target), n_dimensions, generator=random, dtype=torch.float64)
    start = space.from_tangent(START_SIZE * tangent)
    if space.manifold is None:
        points: Tensor = torch.nn.Parameter(start)
        optimizer: torch.optim.Optimizer = torch.optim.Adam([points], learning_rate)
    else:
        points = geoopt.ManifoldParameter(start, manifold=space.manifold)
        optimizer = geoopt.optim.RiemannianAdam([points], lr=learning_rate, stabilize=10)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1, 0, total_iters=n_steps)
    rows, columns = np.triu_indices(len(target), k=1)
    wanted = torch.as_tensor(target[rows, columns])
    for _ in range(n_steps):
        optimizer.zero_grad()
        stress(space.distance(points[rows], points[columns]), wanted).backward()
        optimizer.step()
        schedule.step()
    fitted = points.detach()
    loss = float(stress(space.distance(fitted[rows], fitted[columns]), wanted))
    return fitted, loss if np.isfinite(loss) else np.inf


def tune(target: np.ndarray, space: Space, n_dimensions: int) -> float:
    """Learning rate of the lowest stress; the same grid for each space."""
    losses = [fit_points(target, space, n_dimensions, r, TUNING_SEED)[1] for r in LEARNING_RATES]
    return LEARNING_RATES[int(np.argmin(losses))]


def targets(data: Prepared) -> dict[str, np.ndarray]:
    """Distances to which points are fitted, from the training half, and the tree's own."""
    members = data.members(data.train)
    found = {name: cosine_target(x[data.train], members) for name, x in data.features.items()}
    tree = data.literature.tree
    return found | {"the tree itself": tree_distances(tree.parents).astype(float)}


def prototype_rows(
    data: Prepared, seed: int, learning_rates: dict[tuple, float]
) -> Iterator[tuple[tuple, dict]]:
    """Measure concepts learnt as points: (dimension, target, space) and figures."""
    tree, found = data.literature.tree, targets(data)
    for name, target in found.items():
        if name != "the tree itself":
            yield (0, name, "the target, not embedded"), measure(tree, target)
    for (n_dimensions, target_name, name), rate in learning_rates.items():
        space = SPACES[name]
        points, loss = fit_points(found[target_name], space, n_dimensions, rate, seed)
        figures = measure_points(tree, name, points, space.midpoint(points))
        yield (n_dimensions, target_name, name), figures | {"loss": loss}


def table(head: tuple[str, str, str], rows: list[tuple[tuple, dict]]) -> str:
    """Markdown table of mean ± standard deviation over the runs of each key."""
    runs = pd.DataFrame([figures for _, figures in rows])
    keys = [pd.Series([key[level] for key, _ in rows], name=head[level]) for level in range(3)]
    groups = runs.groupby(keys, sort=False)
    mean, deviation = groups.mean(), groups.std()
    lines = [
        "| " + " | ".join([*head, *runs]) + " |",
        "| ---: | --- | --- |" + " ---: |" * runs.shape[1],
    ]
    for key in mean.index:
        cells = [str(key[0] or ""), *key[1:]]
        for column in runs:
            digits = 1 if "%" in column else 3
            value, spread = mean.loc[key, column], deviation.loc[key, column]
            cells.append("" if np.isnan(value) else f"{value:.{digits}f} ± {spread:.{digits}f}")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Measure and print or write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, help="Markdown file whose section is replaced")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", DataWarning)
    other = targets(prepare(TUNING_SEED))
    learning_rates = {
        (n_dimensions, target, name): tune(other[target], space, n_dimensions)
        for n_dimensions in PROTOTYPE_DIMENSIONS
        for target in other
        for name, space in SPACES.items()
    }
    midpoints: list[tuple[bool, tuple, dict]] = []
    prototypes: list[tuple[tuple, dict]] = []
    for seed in SEEDS:
        data = prepare(seed)
        midpoints += midpoint_rows(data, seed)
        prototypes += prototype_rows(data, seed, learning_rates)
    midpoints.sort(key=lambda row: (row[1][0], row[1][1] != "text"))
    nested, own = ([row[1:] for row in midpoints if row[0] is below] for below in (True, False))
    text = f"{NOTE}\n\n{MIDPOINT_NOTE}\n\n{table(('d', 'studies', 'model'), nested)}\n\n"
    text += f"{OWN_NOTE}\n\n{table(('d', 'studies', 'model'), own)}\n\n"
    text += f"{PROTOTYPE_NOTE}\n\n{table(('d', 'target', 'space'), prototypes)}\n"
    print(text)
    if arguments.output:
        replace_section(arguments.output, "tree", TITLE, text)
