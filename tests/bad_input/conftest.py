"""The catalogue of bad input, and the small fitted models that it is tried on."""

import matplotlib
import pytest

matplotlib.use("Agg")


@pytest.fixture(scope="session")
def outcomes():
    """What comes of a case, tried once."""
    from catalogue import Outcomes

    with Outcomes() as outcomes:
        yield outcomes
