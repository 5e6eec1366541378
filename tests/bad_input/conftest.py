"""The catalogue of bad input, and the small fitted models that it is tried on."""

import sys
from pathlib import Path

import matplotlib
import pytest

matplotlib.use("Agg")
# The table in the manual is written by a script, which finds the catalogue in its own folder.
sys.path.insert(0, str(Path(__file__).resolve().parent))


@pytest.fixture(scope="session")
def outcomes():
    """What comes of a case, tried once."""
    from catalogue import Outcomes

    with Outcomes() as outcomes:
        yield outcomes
