"""Data frames of pandas and polars, which may stand for each other."""

import sys
from typing import Any

import pandas as pd


def is_frame(value: Any) -> bool:
    """Whether `value` is a data frame of pandas or polars."""
    return isinstance(value, pd.DataFrame) or _is_polars(value)


def as_pandas(value: Any) -> Any:
    """Return a frame of polars as one of pandas, anything else as it is."""
    if not _is_polars(value):
        return value
    # Column by column, as polars' own conversion needs pyarrow.
    return pd.DataFrame({name: value[name].to_numpy() for name in value.columns})


def _is_polars(value: Any) -> bool:
    polars = sys.modules.get("polars")  # imported by whoever made such a frame
    return polars is not None and isinstance(value, polars.DataFrame)
