"""Commands that make models and measure them."""

import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from sklearn_mnm.cli._models import Model, load_encoder
from sklearn_mnm.cli._output import Json, progress_bar, show_facts, show_json
from sklearn_mnm.exceptions import DataWarning, InterruptedFitWarning, InvalidInputError

if TYPE_CHECKING:
    from sklearn_mnm.datasets.studies import Studies

FIT_EXAMPLES = (
    "mnm fit foci.txt -o my_model",
    "mnm fit my_studyset.json --level contrast -o my_model --precision compact",
)
EVALUATE_EXAMPLES = (
    "mnm evaluate new_studies.csv --model my_model",
    "mnm evaluate new_studies.json --model neuroquery --json",
)


Data = Annotated[
    Path,
    typer.Argument(
        help="Studies: a NeuroQuery or Neurosynth release, a studyset (JSON or Parquet), a pubget "
        "folder, a Sleuth file (.txt), or a table of peaks (.csv, .tsv).",
        exists=True,
    ),
]
DataFormat = Annotated[
    Literal["database", "pubget", "sleuth", "studyset", "table"] | None,
    typer.Option("--format", help="Form of the studies; default: by their looks."),
]
DataLevel = Annotated[
    Literal["study", "contrast"] | None,
    typer.Option("--level", help="What a row of studysets and Sleuth files is."),
]


def load_data(path: Path, form: DataFormat, level: DataLevel) -> "Studies":
    """Load the studies that a command is given."""
    from sklearn_mnm.datasets import load_studies

    return load_studies(path, format=form, level=level)


def fit(
    data: Data,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the model to make.")],
    data_format: DataFormat = None,
    level: DataLevel = None,
    n_regions: Annotated[int, typer.Option(min=1, help="Regions to learn from the peaks.")] = 512,
    n_components: Annotated[
        int | None, typer.Option(min=1, help="Dimensions of the space; default: all there are.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed makes the same model.")] = 0,
    precision: Annotated[
        Literal["full", "compact"], typer.Option(help="Every bit, or a quarter of the space.")
    ] = "full",
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the model that the folder holds.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Fit a model to studies, texts and peaks, and save it."""
    from sklearn_mnm.persistence.files import _check_target, save_model

    if output.exists() and not overwrite:
        raise InvalidInputError(f"output: {output} exists; give another name or --overwrite.")
    # As saving does it, before the time that a fit takes.
    _check_target(output, overwrite, "output: ")
    start = time.perf_counter()
    with progress_bar("reading studies") as update:
        studies = load_data(data, data_format, level)
        update(0, 0, "finding regions and terms")
        encoder = _fit_encoder(studies, n_regions, n_components, seed, update)
        update(0, 0, "decoding noise")
        # Kept with the model, so that nobody waits for it at each image.
        encoder.noise_null_ = encoder.decoder()._noise_null()
        update(0, 0, "saving")
        save_model(encoder, output, precision=precision, overwrite=overwrite)
    result = {
        "model": str(output),
        "studies": len(encoder.neighbours_.ids),
        "papers": len(set(studies.groups)),
        "regions": encoder.n_regions_,
        "terms": len(encoder.terms_),
        "dimensions": encoder.embedder_.n_components_,
        "seconds": time.perf_counter() - start,
    }
    show_json(result) if as_json else show_facts(result)


def evaluate(
    data: Data,
    model: Model,
    data_format: DataFormat = None,
    level: DataLevel = None,
    seen: Annotated[
        bool, typer.Option("--seen", help="Keep studies whose id the model was fitted to.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Measure how well a model finds and predicts the maps of studies that it has not seen.

    R@k is the percentage of studies whose own map (or text) is among the first k of all those
    given; by chance it is 100 k / n. MM is how often a study's own map (or text) comes before
    another study's; by chance it is 50 %. Map scores compare predicted with reported activations
    over the model's regions.
    """
    studies = load_data(data, data_format, level)
    encoder = load_encoder(model)
    if not seen:
        studies = _unseen(studies, encoder)
    with progress_bar("measuring"):
        result = _measure(encoder, studies)
    show_json(result) if as_json else show_facts(_flat(result))


def _fit_encoder(
    studies: "Studies", n_regions: int, n_components: int | None, seed: int, update: Any
) -> Any:
    from sklearn_mnm import HyperbolicBrainTextEmbedder, MNMEncoder, PeaksToRegions

    embedder = HyperbolicBrainTextEmbedder(n_components, random_state=seed)
    n_epochs = embedder.max_epochs

    def tell(record: dict[str, float]) -> None:
        update(int(record["epoch"]), n_epochs, "fitting")

    embedder.set_params(callbacks=[tell])
    encoder = MNMEncoder(
        regions=PeaksToRegions(n_regions=n_regions, random_state=seed),
        embedder=embedder,
        random_state=seed,
    )
    with warnings.catch_warnings():
        # In Python half a fit is better than none; a command is done, or has made nothing.
        warnings.simplefilter("error", InterruptedFitWarning)
        try:
            return encoder.fit(studies)
        except InterruptedFitWarning:
            raise KeyboardInterrupt from None


def _unseen(studies: "Studies", encoder: Any) -> "Studies":
    import numpy as np

    known = np.isin(studies.ids, encoder.neighbours_.ids)
    if known.all():
        raise InvalidInputError(
            f"data: the model was fitted to all {len(studies)} studies; --seen measures on them."
        )
    if known.any():
        warnings.warn(
            f"{known.sum()} of {len(studies)} studies are left out: the model was fitted to them; "
            "--seen keeps them.",
            DataWarning,
            stacklevel=2,
        )
    return studies[~known]


def _measure(encoder: Any, studies: "Studies") -> dict[str, Any]:
    from sklearn_mnm.metrics.pairs import dice_top, map_correlation
    from sklearn_mnm.metrics.summaries import retrieval_by_direction

    if encoder.regions_ is None:
        raise InvalidInputError("model: it was fitted to arrays and cannot be given peaks.")
    observed = encoder.regions_.transform(studies)
    active = observed.any(axis=1)
    n_silent = int((~active).sum())
    studies, observed = studies[active], observed[active]
    n_studies = len(studies)
    if n_studies < 2:
        raise InvalidInputError(f"data: {n_studies} studies with peaks; two or more are needed.")
    texts, maps = encoder.transform(studies), encoder.decoder().transform(studies)
    similarity = encoder.embedder_.similarity(texts, maps)
    predicted = encoder.predict(studies)
    text_to_brain, brain_to_text, chance = retrieval_by_direction(similarity)
    return {
        "studies": n_studies,
        "left_out_without_peaks": n_silent,
        "text_to_brain": text_to_brain,
        "brain_to_text": brain_to_text,
        "chance": chance,
        "map_correlation": map_correlation(predicted, observed).mean(),
        "map_dice": dice_top(predicted, observed).mean(),
    }


def _flat(result: dict[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in result.items():
        if isinstance(value, dict):
            flat |= {f"{name} {measure}, %": number for measure, number in value.items()}
        else:
            flat[name] = float(value) if hasattr(value, "item") else value
    return flat
