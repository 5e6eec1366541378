"""The commands together, what they share, and how errors are told."""

import importlib
import logging
import os
import re
import sys
import warnings
from collections.abc import Callable
from types import ModuleType
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

import sklearn_mnm
from sklearn_mnm.cli import _clusters, _data, _fit, _hierarchy, _meta, _queries, _report, _serve
from sklearn_mnm.cli._output import complain
from sklearn_mnm.exceptions import MNMError, MNMWarning

# The argument of Python that a message begins with, which means nothing on the command line.
_ARGUMENT = re.compile(r"^(X|y|text|texts|maps): ")


class _ImportedWhenUsed(ModuleType):
    """Stands for a module until something of it is asked for."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        self.step_aside()
        return getattr(importlib.import_module(self.__name__), name)

    def step_aside(self) -> None:
        """Let the next import find the module itself."""
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]


def _import_sklearn() -> None:
    """Import scikit-learn without scipy.stats, a fifth of a command, which its parts import."""
    name = "scipy.stats"
    if name in sys.modules:
        return
    sys.modules[name] = stand_in = _ImportedWhenUsed(name)
    try:
        importlib.import_module("sklearn.feature_extraction.text")
    finally:
        stand_in.step_aside()


class _Command(TyperCommand):
    """One that runs, rather than to tell its help, needs scikit-learn."""

    def invoke(self, ctx: Any) -> Any:
        _import_sklearn()
        return super().invoke(ctx)


class _Group(TyperGroup):
    """Commands whose expected errors are one line on stderr, and their warnings, too."""

    def invoke(self, ctx: Any) -> Any:
        debug = ctx.params.get("debug", False)
        with warnings.catch_warnings():
            # What nibabel makes of headers it would print; what matters is in our errors.
            logging.getLogger("nibabel.global").setLevel("NOTSET" if debug else "CRITICAL")
            if not debug:
                warnings.simplefilter("ignore")
            warnings.simplefilter("default", MNMWarning)
            warnings.showwarning = _show_once()
            try:
                return super().invoke(ctx)
            except BrokenPipeError:
                # Whoever read the output has enough; nothing may be written at exit either.
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
                raise typer.Exit(1) from None
            except (MNMError, OSError) as error:
                if debug:
                    raise
                complain(f"error: {_ARGUMENT.sub('', str(error))}")
                raise typer.Exit(1) from error


def _show_once() -> Callable[..., None]:
    """Return what shows warnings, each text once: several steps of a command may give the same."""
    shown = set()

    def show(message: Any, category: Any, filename: str, *_: Any, **__: Any) -> None:
        where = "" if issubclass(category, MNMWarning) else f" ({category.__name__}, {filename})"
        text = f"warning: {_ARGUMENT.sub('', str(message))}{where}"
        if text not in shown:
            shown.add(text)
            complain(text)

    return show


app = typer.Typer(
    name="mnm",
    cls=_Group,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog='Example:  mnm encode "reward anticipation" -o reward.nii.gz',
)

# The commands, in the order of the help. Another one is another line here.
for command, examples in (
    (_queries.encode, _queries.ENCODE_EXAMPLES),
    (_queries.decode, _queries.DECODE_EXAMPLES),
    (_queries.search, _queries.SEARCH_EXAMPLES),
    (_queries.place, _queries.PLACE_EXAMPLES),
    (_clusters.clusters, _clusters.CLUSTERS_EXAMPLES),
    (_hierarchy.walk, _hierarchy.WALK_EXAMPLES),
    (_hierarchy.ancestors, _hierarchy.ANCESTORS_EXAMPLES),
    (_hierarchy.descendants, _hierarchy.DESCENDANTS_EXAMPLES),
    (_meta.meta, _meta.META_EXAMPLES),
    (_report.report, _report.REPORT_EXAMPLES),
    (_serve.app, _serve.APP_EXAMPLES),
    (_fit.fit, _fit.FIT_EXAMPLES),
    (_fit.evaluate, _fit.EVALUATE_EXAMPLES),
    (_data.info, _data.INFO_EXAMPLES),
    (_data.fetch, _data.FETCH_EXAMPLES),
):
    app.command(
        cls=_Command,
        epilog="\n\n".join(["Examples:", *examples]),
        # Numbers below 0 look like options.
        context_settings={"ignore_unknown_options": command is _queries.place},
    )(command)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(sklearn_mnm.__version__)
        raise typer.Exit


@app.callback()
def _options(
    debug: Annotated[
        bool, typer.Option("--debug", help="Show where errors and warnings come from.")
    ] = False,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Brain-text meta-analysis: texts to brain maps, brain maps to words, similar studies, walks.

    Results go to standard output, as tables or with --json as JSON; progress, warnings and errors
    to standard error. Exit codes: 0 done, 1 failed, 2 wrong usage.
    """
