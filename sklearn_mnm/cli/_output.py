"""Results as tables or JSON on standard output, progress on standard error."""

import json
import math
import re
import sys
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

import typer

# Control characters and halves of surrogate pairs.
_UNPRINTABLE, _REPLACEMENT = {"Cc", "Cs"}, "\N{REPLACEMENT CHARACTER}"
# Of these JSON leaves in place what the module json does not escape.
_CONTROLS = re.compile("[\x7f-\x9f]")
# Characters beside a bar and its clock on a line of 80.
_ROOM = 28

#: The option that every command with results has.
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def printable(text: str) -> str:
    """Put a text on one line and take from it what would steer a terminal."""
    line = " ".join(text.split())
    return "".join(
        _REPLACEMENT if unicodedata.category(character) in _UNPRINTABLE else character
        for character in line
    )


def use_any_encoding() -> None:
    """Have standard output escape what its encoding cannot express, as standard error does."""
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")


def complain(message: str) -> None:
    """Print a line on standard error, above the bar if there is one."""
    # Not by typer, which writes past the bar: on the line where it stands.
    if sys.stderr is not None:
        sys.stderr.write(f"{printable(message)}\n")
        sys.stderr.flush()


def show_json(result: Any) -> None:
    """Print a result as JSON; what is no number is null."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    text = json.dumps(
        _plain(result),
        ensure_ascii=not encoding.lower().startswith("utf"),
        indent=2,
        allow_nan=False,
    )
    text = _CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
    # As JSON escapes what is no character, such as half of a surrogate pair.
    typer.echo(text.encode("utf-8", "backslashreplace").decode())


def show_table(records: Sequence[dict[str, Any]]) -> None:
    """Print records of equal keys as a table, tab-separated where nobody looks."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    columns = list(records[0]) if records else []
    rows = [[_shown(record[name]) for name in columns] for record in records]
    if not _is_watched(console):
        for row in [columns, *rows] if records else []:
            typer.echo("\t".join(map(printable, row)))
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in columns:
        numeric = all(isinstance(record[name], int | float) for record in records)
        justify: Any = "right" if numeric else "left"
        # Where a terminal is narrow, cells take more lines rather than lose their ends.
        table.add_column(name, justify=justify, no_wrap=numeric, overflow="fold")
    for row in rows:
        # Without markup: titles may hold brackets.
        table.add_row(*map(_as_text, row))
    console.print(table)


def show_facts(facts: dict[str, Any]) -> None:
    """Print names and values, one a line."""
    for name, value in facts.items():
        typer.echo(f"{name.replace('_', ' ')}: {printable(_shown(value))}")


@contextmanager
def progress_bar(description: str) -> Iterator[Callable[..., None]]:
    """Show a bar on standard error if somebody looks.

    Yields
    ------
    update : callable
        Takes ``completed``, ``total`` (0 if unknown) and, to change it, ``description``.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    if not _is_watched(console):
        yield lambda *_, **__: None
        return
    columns = TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(description, total=None)

        def update(completed: int, total: int, description: str | None = None) -> None:
            # None of `update` means no change, here that the total is unknown.
            bar.tasks[0].total = total or None
            bar.update(task, completed=completed, description=description and _end(description))

        yield update


def _end(description: str) -> str:
    """Return the end of a long description, where names of files differ: the bar needs room."""
    return description if len(description) <= _ROOM else f"…{description[1 - _ROOM :]}"


def _is_watched(console: Any) -> bool:
    """Return whether a terminal shows what is printed, whatever FORCE_COLOR makes of a pipe."""
    return console.is_terminal and console.file.isatty()


def _as_text(cell: str) -> Any:
    from rich.text import Text

    return Text(printable(cell))


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.4g}"
    if isinstance(value, list | tuple):
        return ", ".join(map(_shown, value))
    return "" if value is None else str(value)


def _plain(value: Any) -> Any:
    """Return a value that JSON can hold."""
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "item"):  # a number of numpy
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
