"""The command that runs a meta-analysis of the studies that fit a text."""

import warnings
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from sklearn_mnm.cli._fit import DataFormat, DataLevel, load_data
from sklearn_mnm.cli._models import BUNDLED, Model, load_encoder
from sklearn_mnm.cli._output import Json, show_facts, show_json, show_table
from sklearn_mnm.cli._queries import (
    check_image_name,
    check_text,
    tell_unknown,
    told_clusters,
    write_image,
)
from sklearn_mnm.exceptions import DataWarning

META_EXAMPLES = (
    "mnm meta working memory load --studies studies.json -k 60 -o wm.nii.gz",
    'mnm meta "fear of spiders" --studies foci.txt -m my_model -o fear.nii.gz --json',
)


def meta(
    words: Annotated[list[str], typer.Argument(help="Words, a title or an abstract.")],
    data: Annotated[
        Path,
        typer.Option("--studies", help="Studies with peaks, as for mnm fit.", exists=True),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Image of z, .nii or .nii.gz.")],
    model: Model = BUNDLED,
    k: Annotated[int, typer.Option("-k", min=2, help="Studies to take.")] = 60,
    method: Annotated[Literal["ale", "mkda"], typer.Option(help="Of NiMARE.")] = "mkda",
    sample_size: Annotated[
        int | None, typer.Option(min=1, help="For studies that do not tell theirs; of ALE.")
    ] = None,
    data_format: DataFormat = None,
    level: DataLevel = None,
    as_json: Json = False,
) -> None:
    """Run ALE or MKDA of the studies whose texts fit a text best, and write z, not corrected.

    A predicted map tests nothing; this tests where the studies agree. They are chosen by their
    texts alone, among those that the model was fitted to. It takes NiMARE.
    """
    check_image_name(output)
    check_text(text := " ".join(words))
    from sklearn_mnm.datasets.nimare_meta import (
        SHOWN_Z,
        choose_by_text,
        load_nimare,
        run_meta_analysis,
    )

    load_nimare("mnm meta")  # before anything takes time
    studies, encoder = load_data(data, data_format, level), load_encoder(model)
    tell_unknown(encoder, text)
    chosen = choose_by_text(encoder, studies, text, k)
    analysis = run_meta_analysis(chosen.studies, method, sample_size=sample_size)
    for note in analysis.notes:
        warnings.warn(note, DataWarning, stacklevel=1)
    write_image(analysis.image, output)
    result: dict[str, Any] = {"file": str(output), "method": method, "studies": len(chosen.found)}
    result |= told_clusters(analysis.image, SHOWN_Z)
    if as_json:
        show_json(result | {"ids": chosen.found["id"].tolist()})
    else:
        clusters = result.pop("clusters")
        show_facts(result)
        show_table(clusters)
