"""Commands that ask a fitted model for more general and more special terms."""

from typing import Annotated, Any

import typer

from sklearn_mnm.cli._models import BUNDLED, Model, load_encoder
from sklearn_mnm.cli._output import Json, complain
from sklearn_mnm.cli._queries import (
    Count,
    Negative,
    Threshold,
    map_of_query,
    show_records,
    tell_unknown,
)

WALK_EXAMPLES = (
    'mnm walk "reward anticipation"',
    "mnm walk contrast.nii.gz --threshold 3 --steps 8 --json",
)
ANCESTORS_EXAMPLES = (
    'mnm ancestors "n-back working memory" -k 20',
    'mnm ancestors "fear of spiders" --min-probability 0.5 --json',
)
DESCENDANTS_EXAMPLES = ('mnm descendants "working memory"', "mnm descendants pain -k 30 --json")

Query = Annotated[list[str], typer.Argument(help="A text, or an image .nii or .nii.gz.")]


def walk(
    words: Query,
    model: Model = BUNDLED,
    steps: Annotated[
        int, typer.Option("--steps", min=1, help="Steps at most, beside the start.")
    ] = 6,
    k: Annotated[int, typer.Option("-k", min=1, help="Terms of each step at most.")] = 1,
    threshold: Threshold = None,
    negative: Negative = False,
    as_json: Json = False,
) -> None:
    """Walk from a text or a brain map up to ever more general terms that hold for it.

    n_studies counts the studies that hold a term by itself or in a longer one, and of the text
    those with all of its words. Where there is none, probabilities come from the space alone. "In
    the text" are terms that the text has, or is read as.
    """
    query = " ".join(words)
    thresholded = map_of_query(query, threshold, negative=negative)
    encoder = load_encoder(model)
    if thresholded is None:
        tell_unknown(encoder, query)
        way = encoder.walk(query, n_steps=steps, k=k)
        _tell_basis(way)
    else:
        way = encoder.decoder().walk(thresholded, n_steps=steps, k=k)
    show_records(way if as_json else _in_words(way), as_json)


def ancestors(
    words: Query,
    model: Model = BUNDLED,
    k: Count = 10,
    min_probability: Annotated[
        float, typer.Option("--min-probability", min=0, max=1, help="Least probability of a term.")
    ] = 0.0,
    threshold: Threshold = None,
    negative: Negative = False,
    as_json: Json = False,
) -> None:
    """Find the more general terms that hold for a text or a brain map, with probabilities."""
    query = " ".join(words)
    thresholded = map_of_query(query, threshold, negative=negative)
    encoder = load_encoder(model)
    options = {"k": k, "min_probability": min_probability}
    if thresholded is None:
        tell_unknown(encoder, query)
        _tell_basis(encoder.walk(query, n_steps=1))
        found = encoder.ancestors([query], **options)
    else:
        found = encoder.decoder().ancestors(thresholded, **options)
    show_records(found, as_json)


def descendants(
    words: Annotated[list[str], typer.Argument(help="A term of the vocabulary of the model.")],
    model: Model = BUNDLED,
    k: Count = 10,
    as_json: Json = False,
) -> None:
    """Find the more special terms for which a term holds, with probabilities."""
    show_records(load_encoder(model).descendants(" ".join(words), k=k), as_json)


def _tell_basis(way: Any) -> None:
    """Tell where no study has the words of a text, so that nothing of its walk is counted."""
    if not way["n_studies"].iloc[0]:
        complain(
            "note: no study has all of the terms that these words are read as; "
            "probabilities come from the distances of the space alone"
        )


def _in_words(way: Any) -> Any:
    """Put words where a walk has a probability of 1 that nobody counted."""
    from sklearn_mnm.model.walks import IN_TEXT

    told = way["probability"].astype(object)
    told[way["probability"] == 1] = IN_TEXT
    told[way["step"] == 0] = None
    return way.assign(probability=told)
