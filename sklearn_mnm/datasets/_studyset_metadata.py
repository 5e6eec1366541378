"""One row of metadata for each study, or for each contrast, of a studyset."""

from __future__ import annotations

import pandas as pd

from sklearn_mnm.datasets._studyset_tables import StudysetTables

_SIZES = ("sample_size", "sample_sizes")
# What names a contrast, of which a study with several has none.
_NAMES = ("contrast", "contrast_id", "contrast_description")


def study_rows(tables: StudysetTables, level: str) -> tuple[pd.DataFrame, list[str]]:
    """Return one row per study or contrast with id, study_id, title, abstract and the rest.

    Parameters
    ----------
    tables : StudysetTables
    level : {"study", "contrast"}

    Returns
    -------
    metadata : pandas.DataFrame
    notes : list of str
        Sizes and studies that are left out, with counts, for the loader's warning.
    """
    studies = _studies(tables)
    contrasts = tables.analyses.rename(
        columns={"name": "contrast", "description": "contrast_description"}
    ).merge(
        tables.metadata.drop(columns=["study_id", "contrast_id"], errors="ignore"),
        on="id",
        how="left",
        suffixes=("", "_of_contrast"),
    )
    rows = _of_contrasts if level == "contrast" else _of_studies
    merged, notes = rows(studies, contrasts)
    first = ["id", "study_id", "title", "contrast", "abstract"]
    first = first if level == "contrast" else [name for name in first if name != "contrast"]
    return merged[[*first, *(name for name in merged.columns if name not in first)]], notes


def _studies(tables: StudysetTables) -> pd.DataFrame:
    studies = tables.studies.drop(columns="id", errors="ignore")
    studies = studies.rename(columns={"name": "title", "description": "abstract"})
    if "abstract" not in studies.columns:
        studies = studies.assign(abstract=None)
    if "abstract" in tables.texts.columns:
        # NiMARE keeps abstracts with the contrasts; all contrasts of a paper carry the same.
        from_contrasts = tables.texts.groupby("study_id")["abstract"].first()
        abstracts = studies["abstract"].replace("", None)
        studies = studies.assign(abstract=abstracts.fillna(studies["study_id"].map(from_contrasts)))
    return studies


def _of_contrasts(studies: pd.DataFrame, contrasts: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    new = [name for name in contrasts.columns if name not in studies.columns]
    merged = contrasts[[*new, "study_id"]].merge(studies, on="study_id", how="left")
    own = {
        name: contrasts[name].to_numpy() for name in contrasts.columns if name in studies.columns
    }
    sizes = [name for name in _SIZES if name in contrasts.columns]
    sized = contrasts[sizes].notna().any(axis=1).to_numpy()
    for name in [name for name in _SIZES if name in merged.columns]:
        # A list of the study is none of a contrast that has a number of its own.
        values = own.get(name, merged[name] if name in new else None)
        merged[name] = merged[name].astype(object).where(~sized, values)
    for name in [name for name in own if name not in (*_SIZES, "study_id")]:
        merged[name] = merged[name].where(merged[name].notna(), own[name])
    silent = ~studies["study_id"].isin(contrasts["study_id"])
    notes = []
    if silent.any():
        notes.append(
            f"{silent.sum()} of {len(silent)} papers have no contrast and are not among these"
        )
    return merged, notes


def _of_studies(studies: pd.DataFrame, contrasts: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    columns = [name for name in contrasts.columns if name not in ("id", "study_id")]
    columns = [name for name in columns if name not in studies.columns or name in _SIZES]
    by_study = contrasts.set_index("study_id")[columns]
    # As strings, because cells may hold lists, which cannot be compared by hash.
    words = by_study.astype(str).where(by_study.notna())
    agreed = words.groupby(level=0).nunique() <= 1
    values = by_study.groupby(level=0).first().where(agreed)
    kept = [
        name
        for name in columns
        if values[name].notna().any() and (name not in _NAMES or agreed[name].all())
    ]
    values = values[kept].reindex(studies["study_id"])
    merged = studies.copy()
    for name in kept:
        merged[name] = values[name].to_numpy()
        if name in studies.columns:
            merged[name] = merged[name].astype(object).where(merged[name].notna(), studies[name])
    notes = []
    differ = ~agreed[[name for name in _SIZES if name in columns]].all(axis=1)
    if differ.any():
        notes.append(
            f"contrasts of {differ.sum()} of {len(studies)} papers differ in their number of "
            "participants, which then is that of the paper, or none"
        )
    return merged.assign(id=merged["study_id"]), notes
