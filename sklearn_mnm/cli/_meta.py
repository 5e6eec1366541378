"""The command that runs a meta-analysis of the studies that fit a text."""

import logging
from pathlib import Path
from typing import Annotated, Literal

import typer

from sklearn_mnm._tools.dependencies import import_optional
from sklearn_mnm.cli._fit import DataFormat, DataLevel, load_data
from sklearn_mnm.cli._models import BUNDLED, Model, load_encoder
from sklearn_mnm.cli._output import Json, show_facts, show_json
from sklearn_mnm.cli._queries import check_image_name, check_text, write_image
from sklearn_mnm.exceptions import InvalidInputError

META_EXAMPLES = (
    "mnm meta working memory load --studies studies.json -k 60 --method mkda -o wm.nii.gz",
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
    method: Annotated[Literal["ale", "mkda"], typer.Option(help="Of NiMARE.")] = "ale",
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
    cbma = import_optional("nimare.meta.cbma", extra="nimare", purpose="mnm meta")
    from sklearn_mnm.datasets import to_nimare
    from sklearn_mnm.datasets.nimare_export import sample_sizes

    studies, encoder = load_data(data, data_format, level), load_encoder(model)
    studies = studies[studies.peak_counts > 0]
    found = encoder.retrieve([text], k=len(encoder.neighbours_.ids), by="text")
    known = found[found["id"].isin(studies.ids)].head(k)
    if len(known) < 2:
        raise InvalidInputError(
            f"studies: {len(known)} of those with peaks in {data} are known to {model!r}, "
            "and two or more are needed. Give those that it was fitted to, or make a model of "
            "these with 'mnm fit'."
        )
    chosen = studies.select(ids=known["id"])
    if method == "ale" and sample_size is None and not any(sample_sizes(chosen.metadata)):
        raise InvalidInputError(
            f"studies: none of the {len(chosen)} chosen tells its sample size, and ALE takes the "
            "width of its kernel from that. Give --sample-size, or --method mkda, which needs none."
        )
    logging.getLogger("nimare").setLevel(logging.ERROR)
    estimator = cbma.ALE() if method == "ale" else cbma.MKDADensity()
    image = estimator.fit(to_nimare(chosen, sample_size=sample_size)).get_map("z")
    write_image(image, output)
    result = {"file": str(output), "method": method, "studies": len(known)}
    if as_json:
        show_json(result | {"ids": known["id"].tolist()})
    else:
        show_facts(result)
