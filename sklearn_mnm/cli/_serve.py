"""The command that serves the web page."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from sklearn_mnm.cli._fit import DataFormat, DataLevel, load_data
from sklearn_mnm.cli._models import BUNDLED, Model, load_encoder

APP_EXAMPLES = (
    "mnm app",
    "mnm app --model my_model --port 8080 --open",
    "mnm app --studies studies.json",
    "mnm app --host 0.0.0.0 --allow-host brain.example.org --max-upload-mb 20",
)


def app(
    model: Model = BUNDLED,
    data: Annotated[
        Path | None,
        typer.Option(
            "--studies",
            help="Studies with peaks, as for mnm fit, of which pages run ALE and MKDA.",
            exists=True,
        ),
    ] = None,
    host: Annotated[
        str, typer.Option(help="Address to listen at; the default is for this computer only.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen at; 0 takes one that is free.")
    ] = 8000,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            help="Name by which browsers may call the server besides those of this computer and "
            "--host; may be repeated; * allows all."
        ),
    ] = None,
    max_upload_mb: Annotated[
        float, typer.Option(min=0.001, help="Size of uploaded maps, as sent.")
    ] = 64,
    data_format: DataFormat = None,
    level: DataLevel = None,
    open_browser: Annotated[bool, typer.Option("--open", help="Show the page.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Do not log requests.")] = False,
) -> None:
    """Serve a web page to ask a model with words and maps; Ctrl+C ends it.

    There is neither password nor encryption: for other computers put a server that has them before
    this one. Requests are logged on standard error, without what was asked.
    """
    from sklearn_mnm.app.server import check_packages, serve

    check_packages()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("sklearn_mnm.app").setLevel(logging.WARNING if quiet else logging.INFO)
    serve(
        load_encoder(model),
        studies=None if data is None else load_data(data, data_format, level),
        host=host,
        port=port,
        # Not the path: pages are seen by others.
        name=Path(model).resolve().name if Path(model).is_dir() else model,
        max_upload_mb=max_upload_mb,
        allowed_hosts=allow_host or [],
        open_browser=open_browser,
        tell=lambda address: typer.echo(f"The page is at {address} - Ctrl+C ends it."),
    )
