"""The command that writes reports."""

from pathlib import Path
from typing import Annotated, Any

import typer

from sklearn_mnm._tools.dependencies import import_optional
from sklearn_mnm.cli._models import BUNDLED, Model, is_bundled, load_encoder
from sklearn_mnm.cli._output import Json, show_facts, show_json
from sklearn_mnm.cli._queries import check_text

REPORT_EXAMPLES = (
    'mnm report "reward anticipation" "fear of spiders" -o queries.html',
    "mnm report --model my-model -o model.html",
)


def report(
    output: Annotated[Path, typer.Option("--output", "-o", help="Page to write, .html.")],
    texts: Annotated[
        list[str] | None, typer.Argument(help="Queries; without any, the model is reported.")
    ] = None,
    model: Model = BUNDLED,
    k: Annotated[int, typer.Option("-k", min=1, help="How many terms and studies to show.")] = 10,
    as_json: Json = False,
) -> None:
    """Write an HTML page on what a model makes of texts, or on the model itself.

    The page is one file, with all figures and tables in it.
    """
    if output.suffix not in (".html", ".htm"):
        raise typer.BadParameter(f"{output}: the name must end in .html.")
    for text in texts or ():
        check_text(text)
    # Figures go into a file, so no display is needed.
    import_optional("matplotlib", extra="report", purpose="A report").use("Agg")
    from sklearn_mnm.persistence.pretrained import model_card
    from sklearn_mnm.report import model_report, query_report

    encoder = load_encoder(model)
    if texts:
        page = query_report(encoder, texts, k=k)
    else:
        page = model_report(encoder, card=model_card(model) if is_bundled(model) else None)
    page.save(output)
    result: dict[str, Any] = {"file": str(output), "title": page.title}
    show_json(result) if as_json else show_facts(result)
