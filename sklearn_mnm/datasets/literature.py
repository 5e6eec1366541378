"""A made-up literature whose concepts and their hierarchy are known.

Real corpora have no ground truth for the hierarchy that an embedding claims to find. Here each
study is about one node of a tree, so that radius, cones and distances can be held against it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.utils import check_random_state

from sklearn_mnm._tools.arrays import check_count
from sklearn_mnm.datasets.studies import Studies
from sklearn_mnm.exceptions import InvalidInputError

_LEVELS = ("domain", "task", "contrast")
# Share of the studies that are about a domain, a task and a contrast.
_LEVEL_SHARES = (0.1, 0.2, 0.7)
# Standard deviation in mm, along each axis, of peaks around the foci of their concept: general
# studies report broad activation, specific ones focal activation.
_PEAK_SCATTER = (20.0, 12.0, 6.0)
# The same for the foci of tasks and contrasts around those of their parent.
_FOCUS_SCATTER = (15.0, 9.0)
_N_FOCI = 4
_FEWEST_WORDS, _MEAN_WORDS = 8, 40
_WORDS_PER_SENTENCE = 10
# Without the vowel e, so that no made-up word is an English stop word ("before", "became").
_SYLLABLES = [first + second for first in "bdfgklmnprstvwz" for second in "aiou"]
_SYLLABLES_PER_WORD = 3


class ConceptTree(NamedTuple):
    """Concepts from domains over tasks to contrasts, parents before their children.

    Attributes
    ----------
    parents : ndarray of int of shape (n_nodes,)
        Parent of each node; -1 for domains, which hang from a root that is no concept. As
        :func:`sklearn_mnm.metrics.tree_distances` takes it.
    depth : ndarray of int of shape (n_nodes,)
        0 for domains, 1 for tasks, 2 for contrasts.
    names : ndarray of str of shape (n_nodes,)
        ``"domain 1"``, ``"task 1.2"``, ``"contrast 1.2.3"``.
    """

    parents: np.ndarray
    depth: np.ndarray
    names: np.ndarray


class Literature(NamedTuple):
    """Studies together with the truth from which they were generated.

    Attributes
    ----------
    studies : Studies
        Counts, vocabulary, texts and peaks (mm, MNI152). The counts are those of the texts. The
        metadata column ``concept`` names what each study is about.
    concepts : ndarray of int of shape (n_studies,)
        Node of `tree` that each study is about, not always a leaf.
    tree : ConceptTree
    term_concepts : ndarray of int of shape (n_terms,)
        Node to which each term of the vocabulary belongs; -1 for background words.
    foci : ndarray of shape (n_nodes, 4, 3)
        Where in mm, MNI152, studies of each node find activation.
    """

    studies: Studies
    concepts: np.ndarray
    tree: ConceptTree
    term_concepts: np.ndarray
    foci: np.ndarray


def make_literature(
    n_studies: int = 1000,
    *,
    n_domains: int = 6,
    n_tasks_per_domain: int = 4,
    n_contrasts_per_task: int = 3,
    n_terms: int = 1500,
    peaks_per_study: float = 12.0,
    noise: float = 0.5,
    random_state: Any = None,
) -> Literature:
    """Generate studies about the nodes of a known tree of concepts.

    Of the studies about 70 % are about a contrast, 20 % about a task and 10 % about a domain,
    drawn evenly within each level. Half of the vocabulary is divided evenly among the concepts.
    A word of a study is a background word with probability `noise`; otherwise it is one of the
    terms of its concept or of one of the concept's ancestors, each of these as likely. Within the
    terms of a concept and within the background, frequencies follow Zipf's law. The text of a
    general study therefore never speaks of anything below its concept.

    Foci of domains lie anywhere in the brain, those of tasks and contrasts around the foci of
    their parent (Gaussian, standard deviation 15 and 9 mm along each axis). A peak lies anywhere
    in the brain with probability `noise`, and otherwise around one of the foci of the concept:
    with 20 mm for domains, 12 mm for tasks and 6 mm for contrasts. All of these Gaussians are cut
    off at the MNI152 brain mask.

    Parameters
    ----------
    n_studies : int, default=1000
    n_domains, n_tasks_per_domain, n_contrasts_per_task : int, default=6, 4, 3
        Shape of the tree.
    n_terms : int, default=1500
        Size of the vocabulary, made-up words of six letters; at least two per concept and at
        most 216,000.
    peaks_per_study : float, default=12.0
        Mean number of peaks, at least 1. Their number varies as in the literature: one plus an
        overdispersed (negative binomial) count.
    noise : float, default=0.5
        Probability that a word or a peak has nothing to do with the concept. With 0 texts name
        their concept plainly and only the scatter of the peaks is left; with 1 nothing can be
        learnt.
    random_state : int, RandomState instance or None, default=None
        Pass an int for the same literature on every run.

    Returns
    -------
    literature : Literature

    Raises
    ------
    InvalidInputError
        If a parameter is out of its range.

    Examples
    --------
    >>> from sklearn_mnm.datasets import make_literature
    >>> literature = make_literature(20, random_state=0)
    >>> literature.studies
    Studies(20 studies, 281 peaks, 1500 terms, texts)
    >>> str(literature.tree.names[literature.concepts[0]])
    'task 1.1'
    """
    tree = _concept_tree(
        check_count(n_domains, "n_domains"),
        check_count(n_tasks_per_domain, "n_tasks_per_domain"),
        check_count(n_contrasts_per_task, "n_contrasts_per_task"),
    )
    n_studies = check_count(n_studies, "n_studies")
    n_nodes = len(tree.parents)
    n_terms = check_count(n_terms, "n_terms")
    n_words = len(_SYLLABLES) ** _SYLLABLES_PER_WORD
    if not 2 * n_nodes <= n_terms <= n_words:
        raise InvalidInputError(
            f"n_terms={n_terms}: must be from {2 * n_nodes}, two for each of the {n_nodes} "
            f"concepts, to {n_words}. Change it or the shape of the tree."
        )
    if not 1 <= peaks_per_study < np.inf:
        raise InvalidInputError(f"peaks_per_study={peaks_per_study!r}: must be at least 1.")
    if not 0 <= noise <= 1:
        raise InvalidInputError(f"noise={noise!r}: must be from 0 to 1.")

    random = check_random_state(random_state)
    brain = _Brain(random)
    foci = _foci(tree, brain)
    depth = random.choice(len(_LEVELS), size=n_studies, p=_LEVEL_SHARES)
    level_sizes = np.bincount(tree.depth)
    concepts = np.searchsorted(tree.depth, depth) + random.randint(level_sizes[depth])
    ids = np.array([f"study_{row + 1}" for row in range(n_studies)])
    vocabulary = _vocabulary(n_terms, random)
    terms_of = random.permutation(n_terms)
    own_terms = terms_of[: n_terms // (2 * n_nodes) * n_nodes].reshape(n_nodes, -1)
    words, word_study = _words(concepts, tree, own_terms, terms_of[own_terms.size :], noise, random)
    counts = sparse.coo_matrix(
        (np.ones(len(words), dtype=np.int64), (word_study, words)), shape=(n_studies, n_terms)
    ).tocsr()
    sentences = _sentences(vocabulary[words], np.bincount(word_study))
    studies = Studies(
        ids=ids,
        metadata=pd.DataFrame(
            {"id": ids, "title": [each[0] for each in sentences], "concept": tree.names[concepts]}
        ),
        peaks=_peaks(ids, tree.depth[concepts], foci[concepts], peaks_per_study, noise, brain),
        counts=counts,
        vocabulary=vocabulary,
        texts=[" ".join(f"{sentence}." for sentence in each) for each in sentences],
    )
    term_concepts = np.full(n_terms, -1)
    term_concepts[own_terms] = np.arange(n_nodes)[:, np.newaxis]
    return Literature(studies, concepts, tree, term_concepts, foci)


class _Brain:
    """Random positions in the MNI152 brain, in mm."""

    def __init__(self, random: np.random.RandomState) -> None:
        from sklearn_mnm.brain.atlas import load_mask

        mask_img = load_mask(resolution=4)
        self.random = random
        self._inside = np.asarray(mask_img.dataobj) != 0
        self._voxels = np.argwhere(self._inside)
        self._affine = mask_img.affine
        self._inverse = np.linalg.inv(mask_img.affine)

    def anywhere(self, n_positions: int) -> np.ndarray:
        """Draw evenly from the volume of the brain, shape (n_positions, 3)."""
        voxels = self._voxels[self.random.randint(len(self._voxels), size=n_positions)]
        within = voxels + self.random.uniform(-0.5, 0.5, size=(n_positions, 3))
        return within @ self._affine[:3, :3].T + self._affine[:3, 3]

    def around(self, centres: np.ndarray, scatter: np.ndarray) -> np.ndarray:
        """Draw from Gaussians cut off at the edge of the brain.

        Parameters
        ----------
        centres : ndarray of shape (n, 3)
            In the brain, or the redrawing would not end.
        scatter : ndarray of shape (n,)
            Standard deviations in mm.

        Returns
        -------
        positions : ndarray of shape (n, 3)
        """
        positions = np.empty_like(centres)
        outside = np.arange(len(centres))
        while len(outside):
            steps = self.random.standard_normal((len(outside), 3))
            positions[outside] = centres[outside] + scatter[outside, np.newaxis] * steps
            outside = outside[~self._contains(positions[outside])]
        return positions

    def _contains(self, positions: np.ndarray) -> np.ndarray:
        voxels = np.rint(positions @ self._inverse[:3, :3].T + self._inverse[:3, 3]).astype(int)
        in_grid = ((voxels >= 0) & (voxels < self._inside.shape)).all(axis=1)
        in_grid[in_grid] = self._inside[tuple(voxels[in_grid].T)]
        return in_grid


def _concept_tree(n_domains: int, n_tasks: int, n_contrasts: int) -> ConceptTree:
    parents = [np.full(n_domains, -1)]
    numbers = [f"{domain + 1}" for domain in range(n_domains)]
    names = [f"{_LEVELS[0]} {number}" for number in numbers]
    start = 0
    for level, n_children in zip(_LEVELS[1:], (n_tasks, n_contrasts), strict=True):
        parents.append(start + np.repeat(np.arange(len(numbers)), n_children))
        start += len(numbers)
        numbers = [f"{number}.{child + 1}" for number in numbers for child in range(n_children)]
        names += [f"{level} {number}" for number in numbers]
    depth = np.repeat(np.arange(len(parents)), [len(level) for level in parents])
    return ConceptTree(np.concatenate(parents), depth, np.array(names))


def _foci(tree: ConceptTree, brain: _Brain) -> np.ndarray:
    foci = np.empty((len(tree.parents), _N_FOCI, 3))
    domains = tree.depth == 0
    foci[domains] = brain.anywhere(int(domains.sum()) * _N_FOCI).reshape(-1, _N_FOCI, 3)
    for depth, scatter in enumerate(_FOCUS_SCATTER, start=1):
        nodes = tree.depth == depth
        centres = foci[tree.parents[nodes]].reshape(-1, 3)
        drawn = brain.around(centres, np.full(len(centres), scatter))
        foci[nodes] = drawn.reshape(-1, _N_FOCI, 3)
    return foci


def _words(
    concepts: np.ndarray,
    tree: ConceptTree,
    own_terms: np.ndarray,
    background: np.ndarray,
    noise: float,
    random: np.random.RandomState,
) -> tuple[np.ndarray, np.ndarray]:
    """Term and study of each word, studies in order."""
    lengths = _FEWEST_WORDS + random.poisson(_MEAN_WORDS - _FEWEST_WORDS, size=len(concepts))
    study = np.repeat(np.arange(len(concepts)), lengths)
    node = concepts[study]
    # Each word speaks of the concept itself or of an ancestor: climb a random number of steps.
    steps = random.randint(tree.depth[node] + 1)
    for climbed in range(len(_LEVELS) - 1):
        node = np.where(steps > climbed, tree.parents[node], node)
    words = own_terms[node, _zipf(own_terms.shape[1], len(node), random)]
    is_background = random.uniform(size=len(node)) < noise
    words[is_background] = background[_zipf(len(background), int(is_background.sum()), random)]
    return words, study


def _zipf(n_ranks: int, size: int, random: np.random.RandomState) -> np.ndarray:
    """Ranks from 0 with probabilities proportional to 1 / (rank + 1)."""
    weights = 1 / np.arange(1, n_ranks + 1)
    return random.choice(n_ranks, size=size, p=weights / weights.sum())


def _vocabulary(n_terms: int, random: np.random.RandomState) -> np.ndarray:
    n_syllables = len(_SYLLABLES)
    numbers = random.choice(n_syllables**_SYLLABLES_PER_WORD, size=n_terms, replace=False)
    digits = [numbers // n_syllables**place % n_syllables for place in range(_SYLLABLES_PER_WORD)]
    syllables = np.array(_SYLLABLES)
    return np.sort(["".join(word) for word in syllables[np.stack(digits, axis=1)]])


def _sentences(words: np.ndarray, lengths: np.ndarray) -> list[list[str]]:
    """Sentences of each study, without their full stops."""
    ends = np.cumsum(lengths)
    return [
        [
            " ".join(words[first : min(first + _WORDS_PER_SENTENCE, end)]).capitalize()
            for first in range(end - length, end, _WORDS_PER_SENTENCE)
        ]
        for end, length in zip(ends, lengths, strict=True)
    ]


def _peaks(
    ids: np.ndarray,
    depth: np.ndarray,
    foci: np.ndarray,
    peaks_per_study: float,
    noise: float,
    brain: _Brain,
) -> pd.DataFrame:
    random = brain.random
    # A negative binomial of shape 2 has the variance m + m^2 / 2 at the mean m.
    n_peaks = 1 + random.negative_binomial(2, 2 / (1 + peaks_per_study), size=len(ids))
    study = np.repeat(np.arange(len(ids)), n_peaks)
    centres = foci[study, random.randint(_N_FOCI, size=len(study))]
    positions = brain.around(centres, np.array(_PEAK_SCATTER)[depth[study]])
    is_false = random.uniform(size=len(study)) < noise
    positions[is_false] = brain.anywhere(int(is_false.sum()))
    return pd.DataFrame({"id": ids[study], **dict(zip("xyz", positions.T, strict=True))})
