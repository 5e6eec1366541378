"""Order of texts and maps that are parts of others."""

import numpy as np

# Maps are compared if their shares of active regions differ by more than this.
MIN_DIFFERENCE = 0.1


def chain_order(radii: np.ndarray, changed: np.ndarray) -> dict[str, float]:
    """Order of texts that grow step by step.

    Parameters
    ----------
    radii : ndarray of shape (n_texts, n_levels)
        From the shortest part to the whole; NaN for a part without a known term.
    changed : ndarray of bool, shape (n_texts, n_levels - 1)
        Whether a level holds more than the one before. Only steps that do, between two known
        parts, count: the same text has the same radius.

    Returns
    -------
    order : dict of str to float
        ``steps``, percent of the steps at which the radius grows; ``chains``, percent of the texts
        with a step at all whose every step does; ``n_steps``; ``n_chains``. Equal radii count
        against the order.
    """
    counted = changed & np.isfinite(radii[:, 1:]) & np.isfinite(radii[:, :-1])
    grown = counted & (radii[:, 1:] > radii[:, :-1])
    chains = counted.any(axis=1)
    whole = (grown == counted).all(axis=1) & chains
    return {
        "steps": _percent(grown.sum(), counted.sum()),
        "chains": _percent(whole.sum(), chains.sum()),
        "n_steps": int(counted.sum()),
        "n_chains": int(chains.sum()),
    }


def nearer(inner: np.ndarray, outer: np.ndarray) -> dict[str, float]:
    """Percent of pairs whose first radius is smaller, and their number; NaN do not count.

    Parameters
    ----------
    inner, outer : ndarray of shape (n,)
        Radii paired row by row. Equal ones count against the order.

    Returns
    -------
    order : dict of str to float
        ``share`` and ``n``.
    """
    known = np.isfinite(inner) & np.isfinite(outer)
    return {
        "share": _percent((inner[known] < outer[known]).sum(), known.sum()),
        "n": int(known.sum()),
    }


def part_order(
    whole_radius: np.ndarray,
    whole_ids: np.ndarray,
    part_radius: np.ndarray,
    part_of: np.ndarray,
) -> dict[str, float]:
    """Percent of parts that are further from the root than their whole.

    Parameters
    ----------
    whole_radius : ndarray of shape (n_wholes,)
    whole_ids : ndarray of shape (n_wholes,)
    part_radius : ndarray of shape (n_parts,)
    part_of : ndarray of shape (n_parts,)
        Id of the whole of each part.

    Returns
    -------
    order : dict of str to float
        ``share`` and ``n``.

    Raises
    ------
    ValueError
        If a part belongs to no whole.
    """
    place = {whole: position for position, whole in enumerate(whole_ids)}
    unknown = [whole for whole in part_of if whole not in place]
    if unknown:
        raise ValueError(f"part_of: {len(unknown)} parts belong to no whole, e.g. {unknown[0]!r}.")
    return nearer(whole_radius[[place[whole] for whole in part_of]], part_radius)


def _percent(part: float, of: float) -> float:
    return 100 * float(part) / float(of) if of else float("nan")
