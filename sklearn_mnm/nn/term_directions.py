"""Directions of terms by which the space tells how probable a term is given another or a text."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from sklearn_mnm.geometry.information import polar_detour
from sklearn_mnm.nn.held_terms import held_terms
from sklearn_mnm.nn.optimizer import AdamW, Group

# Terms that are asked for, texts of each kind, and terms that are given, in a step.
_N_ASKED, _N_TEXTS, _N_GIVEN = 1024, 96, 192
# Weight of the pairs of terms, whose probabilities are known from counts, against the texts.
_PAIR_WEIGHT = 3.0
_LEARNING_RATE = 1e-2
# Probabilities nearer to 1 are taken for this: a text that holds no other term than it says.
_LARGEST_LOG_PROBABILITY = -1e-4

#: ``(rows of a, information of a, information of x, 1 - cos of their angle) -> ln P(a | x)``. If it
#: is a module, its parameters are learnt, too.
LogConditional = Callable[[np.ndarray, Tensor, Tensor, Tensor], Tensor]


def hyperbolic_log_conditional(
    rows: np.ndarray, asked: Tensor, given: Tensor, versine: Tensor
) -> Tensor:
    """``ln P(a | x)`` as the detour of the way to x through a, at curvature -1.

    Parameters
    ----------
    rows : ndarray of int, shape (m,)
        Which terms a are; of no effect.
    asked, given : Tensor, broadcast with `versine`
        Information of a and of x in nats; their radii are half of it.
    versine : Tensor of shape (n, m)
        ``1 - cos(theta)`` of the angle at the root.

    Returns
    -------
    log_probability : Tensor of shape (n, m)
    """
    return -polar_detour(asked / 2, given / 2, versine, 1.0)


@dataclass(frozen=True)
class TermData:
    """What directions of terms are learnt from.

    Attributes
    ----------
    features : csr_matrix of shape (n_studies, n_terms), float32
        Weights of the terms in the texts; the direction of a text is their weighted sum.
    held : csr_matrix of shape (n_studies, n_terms)
        1 where a study holds a term or a longer one of which it is a part.
    parts : csr_matrix of shape (n_terms, n_terms)
        1 where the term of a row holds that of a column; itself included.
    pairs : ndarray of shape (n_terms, n_terms), float32
        Number of studies that hold both terms.
    information : ndarray of shape (n_terms,), float32
        ``-ln`` of the share of the studies that hold each term.
    text_information : callable
        Information (n_texts,) of texts that hold the terms of a csr_matrix (n_texts, n_terms).
    """

    features: Any
    held: Any
    parts: Any
    pairs: np.ndarray
    information: np.ndarray
    text_information: Callable[[Any], np.ndarray]


def train_directions(
    start: np.ndarray,
    data: TermData,
    *,
    n_steps: int,
    seed: int,
    log_conditional: LogConditional = hyperbolic_log_conditional,
) -> np.ndarray:
    """Learn directions by the likelihood of which studies hold which terms.

    In each step three kinds of x are drawn: whole texts, some words of a text (from one to all, on
    a logarithmic scale), and single terms. Of the first two it is known which terms a the study
    holds, of the third how many of the studies that hold x hold a. The loss is the mean negative
    log-likelihood of Bernoulli trials with the probabilities ``P(a | x)``; radii stay as they are.

    Parameters
    ----------
    start : ndarray of shape (n_terms, n_dimensions)
        Unit rows.
    data : TermData
    n_steps : int
        Steps of Adam.
    seed : int
    log_conditional : callable, default=hyperbolic_log_conditional
        The geometry: flat controls of a comparison give another one.

    Returns
    -------
    directions : ndarray of shape (n_terms, n_dimensions), float32
        Unit rows.
    """
    random = np.random.default_rng(seed)
    directions = torch.nn.Parameter(torch.tensor(start, dtype=torch.float32))
    others = log_conditional.parameters() if isinstance(log_conditional, torch.nn.Module) else ()
    optimizer = AdamW([Group([directions, *others], _LEARNING_RATE)])
    information = torch.as_tensor(data.information, dtype=torch.float32)
    counts = np.diagonal(data.pairs)
    if not counts.any():  # texts without terms
        n_steps = 0
    chances = np.sqrt(counts) / max(np.sqrt(counts).sum(), 1)
    n_studies, n_terms = data.held.shape
    n_possible = int(np.count_nonzero(chances))

    def drawn_terms(size: int) -> np.ndarray:
        return random.choice(n_terms, min(size, n_possible), replace=False, p=chances)

    for _ in range(n_steps):
        asked = drawn_terms(_N_ASKED)
        asked_directions = functional.normalize(directions[asked], dim=1)

        def loss_of(given: Tensor, given_information: Any, shares: Any) -> Tensor:
            versine = 1 - functional.normalize(given, dim=1) @ asked_directions.T  # noqa: B023
            given_information = torch.as_tensor(given_information, dtype=torch.float32)
            logs = log_conditional(
                asked,  # noqa: B023
                information[asked],  # noqa: B023
                given_information[:, None],
                versine,
            ).clamp(max=_LARGEST_LOG_PROBABILITY)
            shares = torch.as_tensor(shares, dtype=torch.float32)
            return -(shares * logs + (1 - shares) * torch.log(-torch.expm1(logs))).mean()

        rows, more = (
            random.choice(n_studies, min(_N_TEXTS, n_studies), replace=False) for _ in range(2)
        )
        whole, some = data.features[rows], some_words(data.features[more], random)
        some_held = held_terms(some, data.parts)
        given = drawn_terms(_N_GIVEN)
        loss = (
            loss_of(
                _summed(whole, directions),
                data.text_information(data.held[rows]),
                data.held[rows][:, asked].toarray(),
            )
            + loss_of(
                _summed(some, directions),
                data.text_information(some_held),
                data.held[more][:, asked].toarray(),
            )
            + _PAIR_WEIGHT
            * loss_of(
                directions[given],
                information[given],
                data.pairs[np.ix_(given, asked)] / counts[given, np.newaxis],
            )
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return functional.normalize(directions.detach(), dim=1).numpy()


def some_words(features: Any, random: np.random.Generator) -> Any:
    """Keep a random number of the terms of each text, from one to all, few as often as many.

    Parameters
    ----------
    features : csr_matrix of shape (n_texts, n_terms)
    random : Generator

    Returns
    -------
    fewer : csr_matrix of the same shape
    """
    sizes = np.diff(features.indptr)
    kept_sizes = np.exp(random.uniform(size=len(sizes)) * np.log(np.maximum(sizes, 1)))
    draws = random.uniform(size=features.nnz)
    rank = np.empty(features.nnz)
    starts = np.repeat(features.indptr[:-1], sizes)
    rank[np.lexsort((draws, starts))] = np.arange(features.nnz) - starts
    fewer = features.copy()
    fewer.data = np.where(rank < np.repeat(np.rint(kept_sizes), sizes), fewer.data, 0)
    fewer.eliminate_zeros()
    return fewer


def _summed(features: Any, directions: Tensor) -> Tensor:
    """Weighted sums of the directions of the terms of each text."""
    if not features.nnz:
        return directions.new_zeros(features.shape[0], directions.shape[1])
    return functional.embedding_bag(
        torch.as_tensor(features.indices, dtype=torch.int64),
        directions,
        torch.as_tensor(features.indptr[:-1], dtype=torch.int64),
        mode="sum",
        per_sample_weights=torch.as_tensor(features.data, dtype=torch.float32),
    )
