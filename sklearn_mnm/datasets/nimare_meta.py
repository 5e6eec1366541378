"""Meta-analyses of NiMARE, of studies that fit a text."""

import logging
from typing import Any, Literal, NamedTuple

import pandas as pd

from sklearn_mnm._tools.dependencies import import_optional
from sklearn_mnm.datasets.nimare_export import sample_sizes, studyset_of
from sklearn_mnm.datasets.studies import Studies
from sklearn_mnm.exceptions import InvalidInputError

#: From which z on a result is shown: of each voxel by itself, p < 0.001, one-sided.
SHOWN_Z = 3.09
Method = Literal["ale", "mkda"]
# Classes of nimare.meta.cbma.
_CLASSES = {"ale": "ALE", "mkda": "MKDADensity"}


class StudiesByText(NamedTuple):
    """Studies that fit a text, best first.

    Attributes
    ----------
    studies : Studies
    found : DataFrame
        Their ids, titles as far as known, and similarities to the text.
    """

    studies: Studies
    found: pd.DataFrame


class MetaAnalysis(NamedTuple):
    """What a meta-analysis found.

    Attributes
    ----------
    image : nibabel.nifti1.Nifti1Image
        z, not corrected for the number of voxels, on 2 mm, MNI152.
    notes : tuple of str
        What was left out, or filled in.
    """

    image: Any
    notes: tuple[str, ...]


def load_nimare(purpose: str) -> Any:
    """Import what runs meta-analyses.

    Raises
    ------
    MissingDependencyError
        If NiMARE is not installed.
    """
    return import_optional("nimare.meta.cbma", extra="nimare", purpose=purpose)


def choose_by_text(encoder: Any, studies: Studies, text: str, k: int) -> StudiesByText:
    """Choose studies by their texts alone, so that agreement of their peaks is a finding.

    Parameters
    ----------
    encoder : MNMEncoder
        Fitted.
    studies : Studies
        Those with peaks that the encoder was fitted to are chosen from, by their ids.
    text : str
    k : int
        Number of studies; fewer if fewer are known.

    Returns
    -------
    chosen : StudiesByText

    Raises
    ------
    InvalidInputError
        If fewer than two studies are known to the encoder.
    """
    reported = studies[studies.peak_counts > 0]
    found = encoder.retrieve([text], k=len(encoder.neighbours_.ids), by="text")
    known = found[found["id"].isin(reported.ids)].head(k)
    if len(known) < 2:
        raise InvalidInputError(
            f"studies: {len(known)} of the {len(reported)} with peaks are known to the model, and "
            "two or more are needed. Give those that it was fitted to, or make a model of these "
            "with 'mnm fit'."
        )
    return StudiesByText(reported.select(ids=known["id"]), known.drop(columns="query"))


def run_meta_analysis(
    studies: Studies, method: Method, *, sample_size: int | None = None
) -> MetaAnalysis:
    """Run ALE or MKDA as NiMARE does by default.

    Parameters
    ----------
    studies : Studies
        With peaks in mm, MNI152. Each row counts as an independent experiment.
    method : {"ale", "mkda"}
        ``nimare.meta.cbma.ALE`` (Eickhoff et al., 2012, doi:10.1016/j.neuroimage.2011.09.017) or
        ``MKDADensity`` (Wager et al., 2007, doi:10.1093/scan/nsm015).
    sample_size : int or None, default=None
        Participants of studies that do not tell theirs. ALE takes the width of its kernel from
        them; MKDA takes no notice.

    Returns
    -------
    result : MetaAnalysis

    Raises
    ------
    InvalidInputError
        If no study tells its sample size and none is given, though ALE needs it.
    MissingDependencyError
        If NiMARE is not installed.
    """
    cbma = load_nimare("A meta-analysis")
    needs_sizes = method == "ale"
    if needs_sizes and sample_size is None and not any(sample_sizes(studies.metadata)):
        raise InvalidInputError(
            f"studies: none of the {len(studies)} chosen tells its sample size, and ALE takes the "
            "width of its kernel from that. Give a sample size, or take the method mkda, which "
            "needs none."
        )
    collection, notes = studyset_of(studies, sample_size, needs_sizes=needs_sizes)
    logging.getLogger("nimare").setLevel(logging.ERROR)
    image = getattr(cbma, _CLASSES[method])().fit(collection).get_map("z")
    image.header.set_intent("z score")
    image.header["descrip"] = f"{_CLASSES[method]} of NiMARE, {len(studies)} studies"
    return MetaAnalysis(image, tuple(f"{note}." for note in notes))
