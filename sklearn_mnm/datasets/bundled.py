"""Real data that come with other installed packages, so no download is needed."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from sklearn_mnm.datasets.studies import Studies
from sklearn_mnm.datasets.studyset import load_studyset
from sklearn_mnm.exceptions import MissingDependencyError


def load_nback_flanker(*, level: Literal["study", "contrast"] = "contrast") -> Studies:
    """Load the n-back and flanker studies that the NiMARE package carries.

    320 papers of NeuroStore (205 n-back, 115 flanker) with titles and abstracts, 906 contrasts
    and 9,492 peaks: a small corpus with one known contrast of topics.

    Parameters
    ----------
    level : {"study", "contrast"}, default="contrast"
        What a row is; see :func:`load_studyset`.

    Returns
    -------
    studies : Studies
        As :func:`load_studyset` returns it; the metadata column ``task`` is ``"n-back"`` or
        ``"flanker"``.

    Raises
    ------
    MissingDependencyError
        If NiMARE is not installed or is too old to carry the data.

    Warns
    -----
    DataWarning
        Once, with counts: peaks converted from Talairach, of unknown or of another space.

    Examples
    --------
    >>> studies = load_nback_flanker()  # doctest: +SKIP
    >>> studies  # doctest: +SKIP
    Studies(906 studies, 320 papers, 9492 peaks, texts)
    """
    studies = load_studyset(_nback_flanker_folder(), level=level)
    # The topic stands in `comparison_task`; the source's own `task` is empty in these studies.
    metadata = studies.metadata.assign(task=studies.metadata["comparison_task"])
    return Studies(
        ids=studies.ids,
        metadata=metadata.drop(columns="comparison_task"),
        peaks=studies.peaks,
        texts=studies.texts,
        groups=studies.groups,
    )


def _nback_flanker_folder() -> Path:
    # find_spec locates the package without importing it, which would take seconds.
    spec = find_spec("nimare")
    for location in (spec.submodule_search_locations or []) if spec else []:
        folders = sorted(Path(location).glob("resources/nback_vs_flanker_studyset_*"))
        if folders:
            return folders[-1]
    reason = "is not installed" if spec is None else "is too old to carry them"
    raise MissingDependencyError(
        f"The n-back and flanker studies come with NiMARE >= 0.22, which {reason}. "
        "Install it with: pip install 'sklearn-mnm[nimare]'"
    )
