"""Commands that ask a fitted model."""

import gzip
import math
import re
import warnings
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from sklearn_mnm._tools.files import replacing
from sklearn_mnm._tools.storage import storing
from sklearn_mnm.cli._fit import load_data
from sklearn_mnm.cli._models import BUNDLED, Model, load_encoder
from sklearn_mnm.cli._output import Json, complain, show_facts, show_json, show_table
from sklearn_mnm.exceptions import DataWarning, InvalidInputError

ENCODE_EXAMPLES = (
    'mnm encode "reward anticipation" -o reward.nii.gz',
    'mnm encode "fear of spiders" -o fear.nii.gz --kind z --resolution 2 --json',
)
DECODE_EXAMPLES = (
    "mnm decode contrast.nii.gz --threshold 3",
    "mnm decode neurovault:10426 -k 10",
    "mnm decode contrast.nii.gz --term pain --term 'working memory' --json",
)
SEARCH_EXAMPLES = (
    'mnm search "n-back working memory" -k 20',
    "mnm search contrast.nii.gz --by brain --json",
    "mnm search reward anticipation -k 50 -o studies.ris",
)
PLACE_EXAMPLES = (
    "mnm place 14 11 -4",
    "mnm place -38 -22 56 -k 50 --studies studies.json --json",
)

_IMAGES = (".nii", ".nii.gz")
_REFERENCES = {".ris": "ris", ".bib": "bibtex", ".csv": "csv"}
# Clusters of a map that are listed, those of the highest peaks.
_N_CLUSTERS = 10
PValues = Annotated[
    bool,
    typer.Option("--p-values", help="The map holds p values, one-sided; make z of them first."),
]
Level = Annotated[
    str | None,
    typer.Option("--level", help="Level of networks, such as ward17 or ward7, instead of regions."),
]
Count = Annotated[int, typer.Option("-k", min=1, help="How many to show.")]
Threshold = Annotated[
    float | None,
    typer.Option("--threshold", help="Take values of the map below this as zero."),
]
Negative = Annotated[
    bool, typer.Option("--negative", help="Take the negative side of the map: change its sign.")
]


def encode(
    words: Annotated[list[str], typer.Argument(help="Words, a title or an abstract.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Image to write, .nii or .nii.gz.")
    ],
    model: Model = BUNDLED,
    kind: Annotated[
        Literal["activation", "z", "std"],
        typer.Option(help="Peaks per cubic centimetre, how far they stand out, or their std."),
    ] = "activation",
    level: Level = None,
    resolution: Annotated[
        int | None, typer.Option(min=1, max=8, help="Voxel size in mm; default: of the model.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Predict the brain map that a text speaks of, and write it as an image (MNI152).

    Its highest clusters are listed with anatomical names.
    """
    check_image_name(output)
    check_text(text := " ".join(words))
    import numpy as np

    from sklearn_mnm.brain.anatomy import place_in_words
    from sklearn_mnm.brain.clusters import highest_value
    from sklearn_mnm.plotting.brain import SHOWN_SHARE, SHOWN_Z

    encoder = load_encoder(model)
    explanation = encoder.explain(text)
    image = encoder.predict_img([text], kind=kind, level=level, resolution=resolution)
    write_image(image, output)
    top = float(np.asarray(image.dataobj).max())
    least = SHOWN_Z if kind == "z" else max(SHOWN_SHARE * top, 1e-6)
    highest, place = highest_value(image, least)
    result = {
        "file": str(output),
        "kind": kind,
        "highest": highest,
        "highest_at_mm": place.tolist(),
        "highest_in": place_in_words(place),
        "known_terms": explanation.known["term"].tolist(),
        "unknown_words": explanation.unknown["word"].tolist(),
        "notes": list(explanation.notes),
    }
    if kind != "std":  # of which high values mark no place
        result |= told_clusters(image, least)
    if as_json:
        show_json(result)
        return
    records = result.get("clusters")
    show_facts(result | ({"clusters": len(records)} if records is not None else {}))
    show_table(records or [])


def decode(
    image: Annotated[
        Path,
        typer.Argument(help="Statistical map in MNI152 space, 3D or 4D: a file, or neurovault:ID."),
    ],
    model: Model = BUNDLED,
    k: Count = 20,
    term: Annotated[
        list[str] | None,
        typer.Option("--term", help="Rank these instead of the model's; may be repeated."),
    ] = None,
    level: Level = None,
    threshold: Threshold = None,
    negative: Negative = False,
    p_values: PValues = False,
    as_json: Json = False,
) -> None:
    """Rank the terms that studies with such a brain map speak of; negative values count as 0."""
    thresholded = read_map(image, threshold, p_values, negative)
    decoder = load_encoder(model).decoder()
    k = min(k, len(term) if term else len(decoder.terms_))
    ranking = decoder.predict_topk(thresholded, k=k, terms=term, level=level)
    show_records(_labelled(ranking, "map", thresholded), as_json)


def search(
    words: Annotated[
        list[str], typer.Argument(help="A text, the file of an image, or neurovault:ID.")
    ],
    model: Model = BUNDLED,
    k: Count = 10,
    by: Annotated[
        Literal["both", "text", "brain"],
        typer.Option(help="Compare with texts of studies (blind to their maps), maps, or both."),
    ] = "both",
    threshold: Threshold = None,
    negative: Negative = False,
    p_values: PValues = False,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Write them as references: .ris, .bib or .csv."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Find the studies of a model that are most like a text or a brain map."""
    from sklearn_mnm.datasets.references import format_references

    query = " ".join(words)
    if output is not None and output.suffix not in _REFERENCES:
        raise typer.BadParameter(f"{output}: the name must end in {', '.join(_REFERENCES)}.")
    thresholded = map_of_query(query, threshold, p_values, negative)
    encoder = load_encoder(model)
    k = min(k, len(encoder.neighbours_.ids))
    if thresholded is None:
        tell_unknown(encoder, query)
        found = encoder.retrieve([query], k=k, by=by)
    else:
        found = encoder.decoder().retrieve(thresholded, k=k, by=by)
        found = _labelled(found, "query", thresholded)
    if output is not None:
        text = format_references(found, _REFERENCES[output.suffix])
        with storing(output), replacing(output) as temporary:
            temporary.write_text(text, encoding="utf-8")
    show_records(found, as_json)


def place(
    x: Annotated[float, typer.Argument(help="To the right, in mm, MNI152.")],
    y: Annotated[float, typer.Argument(help="To the front.")],
    z: Annotated[float, typer.Argument(help="Up.")],
    model: Model = BUNDLED,
    k: Count = 10,
    data: Annotated[
        Path | None,
        typer.Option(
            "--studies",
            help="Studies with peaks, as for mnm fit: those with a peak within 10 mm are listed.",
            exists=True,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Tell what is reported at a place: its name, terms whose maps stand out there, and studies.

    Without --studies they are those whose maps are most like a single peak there.
    """
    from sklearn_mnm.report._facts import place_facts

    studies = None if data is None else load_data(data, None, None)
    facts = place_facts(load_encoder(model), (x, y, z), k, studies)
    if as_json:
        show_json(facts)
        return
    show_facts({name: facts[name] for name in ("place", "name", "distance")})
    if studies is not None:
        show_facts({"n_studies": facts["n_studies"]})
    show_table(facts["terms"])
    columns = ("id", "title") if studies is None else ("id", "title", "distance")
    show_table([{name: row[name] for name in columns} for row in facts["studies"]])


def told_clusters(image: Any, threshold: float) -> dict[str, Any]:
    """Tell of the highest clusters of a map, and how many are too small to be listed."""
    from sklearn_mnm.brain.clusters import LEAST_VOLUME, shown_clusters

    shown = shown_clusters(image, threshold, _N_CLUSTERS)
    return {
        "cluster_threshold": threshold,
        "least_cluster_cm3": LEAST_VOLUME,
        "clusters_left_out": shown.n_left_out,
        "clusters": shown.table.to_dict("records"),
    }


def map_of_query(
    query: str, threshold: float | None, p_values: bool = False, negative: bool = False
) -> Any:
    """Read the map that a query names, None if the query is a text."""
    if _is_path(query):
        return read_map(Path(query), threshold, p_values, negative)
    given = {
        "--p-values": p_values,
        "--negative": negative,
        "--threshold": threshold is not None,
    }
    for option, is_given in given.items():
        if is_given:
            raise typer.BadParameter(f"{option} is for maps, but the query is a text.")
    return None


def check_text(text: str) -> None:
    """Refuse a text that is the path of a file: its name would be taken for words."""
    if _is_path(text):
        raise InvalidInputError(
            f"{text}: is a file, and a text is expected: words, a title or an abstract. Give what "
            "stands in it; maps are for mnm decode and mnm search."
        )


def tell_unknown(encoder: Any, text: str) -> None:
    """Tell which words of a text have no effect."""
    from sklearn_mnm.text.explanation import words_without_effect

    if words := words_without_effect(text, encoder.vectorizer_):
        complain(f"warning: not known, and without effect: {', '.join(words)}")


def check_image_name(output: Path) -> None:
    """Refuse to write an image under another name."""
    if not output.name.endswith(_IMAGES):
        raise typer.BadParameter(f"{output}: the name must end in .nii or .nii.gz.")


def write_image(image: Any, output: Path) -> None:
    """Write an image, compressed or not as its name says, whole or not at all."""
    image.set_data_dtype("float32")  # as accurate as a model is, at half the size
    content = image.to_bytes()
    with storing(output), replacing(output) as temporary:
        temporary.write_bytes(gzip.compress(content) if output.suffix == ".gz" else content)


def _is_path(text: str) -> bool:
    """Whether a text is the path of a file, or the name of an image that is not there."""
    from sklearn_mnm.brain.file_kinds import looks_like_image
    from sklearn_mnm.datasets.neurovault import neurovault_id

    try:
        # A single word may be the name of a file by chance.
        is_file = Path(text).suffix != "" and Path(text).is_file()
    except (OSError, ValueError):  # too long for a name
        is_file = False
    return is_file or looks_like_image(text) or neurovault_id(text) is not None


def read_map(
    path: Path, threshold: float | None, p_values: bool = False, negative: bool = False
) -> Any:
    """Read a map, or make one of p values; values below the threshold become 0."""
    from sklearn_mnm.brain import z_from_p
    from sklearn_mnm.datasets.images import read_image
    from sklearn_mnm.datasets.neurovault import fetch_neurovault_image, neurovault_id

    # Of an address a path has lost a slash.
    if number := neurovault_id(re.sub(r"^(https?:)/+", r"\1//", str(path))):
        fetched = fetch_neurovault_image(number)
        for note in fetched.notes:
            warnings.warn(f"{fetched.name}: {note}", DataWarning, stacklevel=1)
        path = fetched.path
    image = z_from_p(path) if p_values else read_image(path)
    if threshold is None and not negative:
        return image
    if threshold is not None and not 0 <= threshold < math.inf:
        raise InvalidInputError(
            f"threshold={threshold}: give a finite number of at least 0; values below 0 count as 0 "
            "anyway."
        )
    import numpy as np

    from sklearn_mnm.brain.image_files import image_values

    values = image_values(image, str(path))
    values = -values.astype(np.float32) if negative else values
    values = values if threshold is None else np.where(values < threshold, 0, values)
    # With its header and name, so that what they say of its space and kind is told.
    return image.__class__(values, image.affine, image.header, image.extra, image.file_map)


def _labelled(table: Any, number: str, image: Any) -> Any:
    """Put the labels of sub-bricks beside the numbers of maps, where an image has some."""
    from sklearn_mnm.brain.image_kinds import labels_of_maps

    labels = labels_of_maps(image)
    if labels is not None and number in table:
        table.insert(table.columns.get_loc(number) + 1, "label", [labels[n] for n in table[number]])
    return table


def show_records(table: Any, as_json: bool) -> None:
    """Print a table of the model."""
    # A single map or text needs no number.
    numbers = [name for name in ("map", "query") if name in table and table[name].nunique() == 1]
    records = table.drop(columns=numbers).to_dict("records")
    show_json(records) if as_json else show_table(records)
