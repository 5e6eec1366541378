"""The one warning of a loader: what it set aside, converted or found empty, and in which file."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from sklearn_mnm.datasets.studies import Studies
from sklearn_mnm.exceptions import DataWarning


def warn_of_data(
    source: str | Path, notes: Iterable[str], studies: Studies, *, rows: str = "studies"
) -> None:
    """Warn once of everything there is to say about what was read.

    To be called by the public function itself, so that the warning points at its caller.

    Parameters
    ----------
    source : str or pathlib.Path
        File or folder that was read, named at the end of the message.
    notes : iterable of str
        What happened, with counts.
    studies : Studies
        What was read; studies without peaks or without text are counted, too.
    rows : str, default="studies"
        What a row is called.

    Warns
    -----
    DataWarning
        If there are notes, or studies without peaks or text.
    """
    notes = list(notes)
    n_silent = int((studies.peak_counts == 0).sum())
    n_textless = _count_textless(studies)
    if n_silent or n_textless:
        notes.append(
            f"{n_silent} of {len(studies)} {rows} have no peaks and {n_textless} have no text; "
            "all are kept"
        )
    if notes:
        warnings.warn(f"{'; '.join(notes)} (read from {source}).", DataWarning, stacklevel=3)


def _count_textless(studies: Studies) -> int:
    if studies.counts is not None:
        return int((studies.counts.getnnz(axis=1) == 0).sum())
    texts = studies.titles if studies.texts is None else studies.texts
    return int(np.count_nonzero(texts == ""))
