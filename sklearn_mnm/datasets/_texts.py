"""Texts of studies from the columns of a table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd


def joined_texts(table: pd.DataFrame, columns: Sequence[str]) -> np.ndarray:
    """Join the entries of each row, one a line, without those that are missing or empty.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per study.
    columns : sequence of str
        Which entries, in which order.

    Returns
    -------
    texts : ndarray of shape (n_studies,), object
    """
    parts = table[list(columns)].astype(object).fillna("").astype(str)
    texts = ["\n".join(filter(None, map(str.strip, row))) for row in parts.to_numpy().tolist()]
    return np.array(texts, dtype=object)
