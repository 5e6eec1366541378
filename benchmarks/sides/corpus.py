"""The studies that both sides are given."""

import warnings
from pathlib import Path
from typing import Any


def studies(quick: bool) -> Any:
    """All studies of NeuroQuery, or 150 generated ones."""
    from sklearn_mnm.exceptions import DataWarning

    if quick:
        from sklearn_mnm.datasets import make_literature

        return make_literature(150, random_state=0).studies
    from benchmarks.common.protocol import load_corpus

    # What its loader has to say is said once, elsewhere.
    warnings.simplefilter("ignore", DataWarning)
    return load_corpus()[0]


def is_quick(folder: Path) -> bool:
    """Whether the folder was prepared for tiny sizes."""
    return (folder / "quick").exists()
