"""Commands that tell what is there and get what is not."""

from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from sklearn_mnm._tools.dependencies import installed_version
from sklearn_mnm.cli._fit import DataFormat, DataLevel, load_data
from sklearn_mnm.cli._models import BUNDLED, HUB, load_fitted
from sklearn_mnm.cli._output import Json, progress_bar, show_facts, show_json

INFO_EXAMPLES = (
    "mnm info",
    "mnm info neuroquery",
    "mnm info my_model --json",
    "mnm info foci.txt",
)
FETCH_EXAMPLES = (
    "mnm fetch neuroquery",
    "mnm fetch neurosynth --vocabulary LDA50 --data-dir corpora",
    "mnm fetch neuroquery --mirror file:///data/neuroquery_data/data",
)


class Source(Enum):
    """Parts of papers in NeuroQuery; of lists typer takes no literals."""

    title = "title"
    abstract = "abstract"
    keywords = "keywords"
    body = "body"


def info(
    what: Annotated[
        str | None,
        typer.Argument(help=f"A model, {BUNDLED} or its folder, or studies; default: the package."),
    ] = None,
    data_format: DataFormat = None,
    level: DataLevel = None,
    as_json: Json = False,
) -> None:
    """Tell about the package, a model or a file or folder of studies."""
    if what is None:
        result = _about_package()
    elif _is_model(what):
        if data_format or level:
            raise typer.BadParameter(
                f"--format and --level are for studies, but {what} is a model."
            )
        result = _about_model(what)
    else:
        result = _about_studies(load_data(Path(what), data_format, level))
    show_json(result) if as_json else show_facts(result)


def fetch(
    database: Annotated[Literal["neuroquery", "neurosynth"], typer.Argument(help="What to fetch.")],
    data_dir: Annotated[
        Path | None,
        typer.Option(help="Folder; default: SKLEARN_MNM_CACHE, else the system's cache."),
    ] = None,
    mirror: Annotated[
        str | None,
        typer.Option(
            help="Address, http(s):// or file://, of a folder with the files; default: "
            "SKLEARN_MNM_MIRROR, else where the database is published."
        ),
    ] = None,
    vocabulary: Annotated[
        Literal["terms", "LDA50", "LDA100", "LDA200", "LDA400"] | None,
        typer.Option(help="Features, of neurosynth only; default: terms."),
    ] = None,
    source: Annotated[
        list[Source] | None,
        typer.Option(
            help="Part of the papers whose terms are counted, of neuroquery only; may be repeated; "
            "default: title, abstract, keywords."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Fetch a database of studies once, check it, and tell where it is."""
    if vocabulary and database != "neurosynth":
        raise typer.BadParameter(f"--vocabulary is for neurosynth, not for {database}.")
    if source and database != "neuroquery":
        raise typer.BadParameter(f"--source is for neuroquery, not for {database}.")
    from sklearn_mnm.datasets import fetch_neuroquery, fetch_neurosynth
    from sklearn_mnm.datasets._download import cache_folder

    with progress_bar(f"fetching {database}") as update:

        def tell(name: str, done: int, total: int) -> None:
            update(done, total, name)

        chosen: dict[str, Any] = {}
        if source:
            chosen["sources"] = [part.value for part in source]
        if vocabulary:
            chosen["vocabulary"] = vocabulary
        fetch_one = fetch_neuroquery if database == "neuroquery" else fetch_neurosynth
        studies = fetch_one(data_dir, mirror=mirror, progress=tell, **chosen)
    folder = cache_folder(data_dir) / database
    result = {"folder": str(folder), **_about_studies(studies)}
    show_json(result) if as_json else show_facts(result)


def _about_package() -> dict[str, Any]:
    import platform

    import sklearn_mnm
    from sklearn_mnm.datasets._download import cache_folder

    packages = ("numpy", "scipy", "scikit-learn", "torch", "nilearn", "nimare")
    return {
        "sklearn-mnm": sklearn_mnm.__version__,
        "Python": platform.python_version(),
        **{name: installed_version(name) for name in packages},
        "models": [BUNDLED],
        "cache": str(cache_folder()),
    }


def _is_model(what: str) -> bool:
    if Path(what).exists():
        return (Path(what) / "model.json").is_file()
    return what == BUNDLED or what.startswith(HUB)


def _about_model(name: str) -> dict[str, Any]:
    model = load_fitted(name)
    return {
        "model": name,
        "class": type(model).__name__,
        "studies": len(model.neighbours_.ids),
        "terms": len(model.terms_),
        "regions": model.n_regions_,
        "levels": list(model.hierarchy_.levels),
        "dimensions": model.embedder_.n_components_,
        "curvature": -float(model.embedder_.curvature_),
        "takes_images_and_peaks": model.regions_ is not None,
    }


def _about_studies(studies: Any) -> dict[str, Any]:
    return {
        "studies": len(studies),
        "papers": len(set(studies.groups)),
        "peaks": len(studies.peaks),
        "studies_without_peaks": int((studies.peak_counts == 0).sum()),
        "terms": None if studies.counts is None else studies.counts.shape[1],
        "texts": studies.texts is not None,
        "columns": [str(name) for name in studies.metadata.columns],
    }
