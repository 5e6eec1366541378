"""The command ``mnm``: what goes wrong is one line on standard error and an exit code."""

# ruff: noqa: E501  # rows of a table stay on one line
from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from catalogue.case import Case
from catalogue.faults import DOUBTFUL_IMAGES, IMAGES
from catalogue.files import SLEUTH, TABLE
from catalogue.hardship import as_nobody, full_disk, taken_port
from catalogue.workshop import Workshop
from sklearn_mnm import save_model


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    stdout: str
    stderr: str


class CommandError(Exception):
    """The command failed and said why.

    Attributes
    ----------
    code : int
        Exit code.
    """

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def run(w: Workshop, *arguments: Any) -> Ended:
    """Run a command; errors that it does not tell of itself come out."""
    from typer.testing import CliRunner

    from sklearn_mnm.cli._app import app

    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    ended = Ended(result.exit_code, result.stdout, result.stderr)
    if ended.code == 0:
        return ended
    assert ended.stdout == "", "results and errors are mixed"
    if ended.code == 1:
        lines = [line for line in ended.stderr.splitlines() if not line.startswith("warning: ")]
        assert len(lines) == 1, f"expected one line, got {lines}"
        assert lines[0].startswith("error: ")
        raise CommandError(1, lines[0].removeprefix("error: "))
    # The box that is drawn around wrong usage, without its frame.
    words = " ".join(line.strip("│╭╰─╮╯ ") for line in ended.stderr.splitlines())
    raise CommandError(ended.code, " ".join(words.split()))


def _option(w: Workshop) -> tuple[str, str]:
    return "--model", str(w.model)


def _map_cases() -> Iterator[Case]:
    takes_maps = {"decode": (), "search": ()}
    for command in takes_maps:
        for fault in IMAGES + DOUBTFUL_IMAGES:

            def call(w: Workshop, command: str = command, fault: Any = fault) -> Any:
                image = fault.make(w)
                path = image
                if hasattr(image, "to_filename"):
                    path = w.folder / "map.nii"
                    image.to_filename(path)
                return run(w, command, path, *_option(w))

            warns = isinstance(fault.comes, type) and issubclass(fault.comes, Warning)
            yield Case(
                f"mnm {command}", fault.kind, f"map: {fault.given}", call,
                "a warning and the result" if warns else CommandError,
                () if warns else tuple(part.replace("{x}", "image") for part in fault.tells),
                (lambda ended, f=fault: _warned(ended, f.tells)) if warns else None,
            )  # fmt: skip
        yield Case(
            f"mnm {command}", "4D for 3D", "map: an image of three maps",
            lambda w, c=command: run(w, c, w.saved_image(shape=(13, 15, 13, 3)), *_option(w), "--json"),
            "results for each of the three maps",
            holds=lambda ended: {row.get("map", row.get("query")) for row in json.loads(ended.stdout)} == {0, 1, 2},
        )  # fmt: skip

        def locked(w: Workshop, command: str = command) -> Any:
            path = w.saved_image()
            w.encoder, w.model  # noqa: B018
            with as_nobody(path):
                return run(w, command, path, *_option(w))

        yield Case(
            f"mnm {command}",
            "no permission",
            "map: of somebody else",
            locked,
            CommandError,
            ("map.nii.gz", "may be read"),
        )
        for value in ("-1", "nan", "inf"):
            yield Case(
                f"mnm {command}", {"nan": "NaN", "inf": "infinity"}.get(value, "negative values"),
                f"--threshold {value}",
                lambda w, c=command, v=value: run(w, c, w.saved_image(), *_option(w), "--threshold", v),
                CommandError, ("threshold=", "finite number of at least 0"),
            )  # fmt: skip
        yield Case(
            f"mnm {command}", "unknown choice", "-k 0",
            lambda w, c=command: run(w, c, w.saved_image(), *_option(w), "-k", 0),
            CommandError, ("-k", "range|greater"),
        )  # fmt: skip


def _warned(ended: Ended, tells: tuple[str, ...]) -> bool:
    import re

    # The model is small: nothing stands out of some of its maps.
    lines = [line for line in ended.stderr.splitlines() if "Nothing stands out" not in line]
    (line,) = [line for line in lines if line.startswith("warning: ")]
    return all(re.search(part, line) for part in tells) and ended.stdout != ""


def _text_cases() -> Iterator[Case]:
    out = ("-o", "map.nii.gz")
    for command, options in (("encode", out), ("search", ()), ("report", ("-o", "page.html"))):

        def call(w: Workshop, text: str, command: str = command, options: Any = options) -> Any:
            placed = [w.folder / o if "." in o else o for o in options]
            return run(w, command, text, *placed, *_option(w))

        if command != "report":
            yield Case(
                f"mnm {command}", "all-zero text", "text: an unknown word",
                lambda w, call=call: call(w, "qwxzzy"), CommandError, ("holds no known term", "Use other words"),
            )  # fmt: skip
        yield Case(
            f"mnm {command}", "empty", "text: an empty string",
            lambda w, call=call: call(w, ""), CommandError, ("at least one word",),
        )  # fmt: skip
        yield Case(
            f"mnm {command}", "control characters", "text: control characters",
            # Of an unknown word a report has no pictures, which take seconds.
            lambda w, call=call, c=command: call(w, f"{'qwxzzy' if c == 'report' else w.encoder.terms_[0]} \x1b[31m\x07"),
            "the result, without what would steer a terminal",
            holds=lambda ended: "\x1b" not in ended.stdout + ended.stderr,
        )  # fmt: skip
        yield Case(
            f"mnm {command}", "missing or foreign file", "--model: a folder that is not there",
            lambda w, c=command, o=options: run(w, c, "fear", *[w.folder / p if "." in p else p for p in o], "-m", w.folder / "absent"),
            CommandError, ("there is no folder", "Give that of a model"),
        )  # fmt: skip
        yield Case(
            f"mnm {command}", "missing or foreign file", "--model: a folder without a model",
            lambda w, c=command, o=options: run(w, c, "fear", *[w.folder / p if "." in p else p for p in o], "-m", w.folder),
            CommandError, ("model.json: there is no such file", "save_model"),
        )  # fmt: skip
    for command, option in (("encode", "map.nii.gz"), ("report", "page.html")):

        def write(w: Workshop, path: Any, command: str = command) -> Any:
            # A page on an unknown word has no pictures, which take seconds.
            text = "qwxzzy" if command == "report" else w.encoder.terms_[0]
            return run(w, command, text, "-o", path, *_option(w))

        def full(w: Workshop, write: Any = write, option: str = option) -> Any:
            w.encoder, w.model  # noqa: B018
            try:
                with full_disk():
                    return write(w, w.folder / option)
            finally:
                assert list(w.folder.iterdir()) == [], "a half-written file stays"

        def locked(w: Workshop, write: Any = write, option: str = option) -> Any:
            # Once with all rights: nobody may not read the modules that this imports.
            write(w, w.folder / option)
            with as_nobody(w.folder):
                return write(w, w.folder / option)

        yield Case(
            f"mnm {command}",
            "full disk",
            "--output: on a full disk",
            full,
            CommandError,
            (option, "Free some space"),
        )
        yield Case(
            f"mnm {command}",
            "no permission",
            "--output: in a folder of somebody else",
            locked,
            CommandError,
            (option, "may write to"),
        )
        yield Case(
            f"mnm {command}", "missing or foreign file", "--output: in a folder that is not there",
            lambda w, write=write, o=option: write(w, w.folder / "absent" / o),
            CommandError, (f"absent/{option}", "Make the folder first"),
        )  # fmt: skip
        yield Case(
            f"mnm {command}", "unknown choice", "--output: a name of another kind",
            lambda w, write=write: write(w, w.folder / "output.txt"), CommandError, ("output.txt", "must end in"),
        )  # fmt: skip
    yield Case(
        "mnm encode", "unknown choice", "--level: one that is not there",
        lambda w: run(w, "encode", w.encoder.terms_[0], "-o", w.folder / "m.nii", *_option(w), "--level", "lobe"),
        CommandError, ("level='lobe'", "none of"),
    )  # fmt: skip
    for command in ("search", "walk", "ancestors"):
        yield Case(
            f"mnm {command}", "unknown choice", "--negative: for a text",
            lambda w, c=command: run(w, c, "fear", "--negative", *_option(w)), CommandError, ("--negative is for maps",),
        )  # fmt: skip
        yield Case(
            f"mnm {command}", "unknown choice", "--threshold: for a text",
            lambda w, c=command: run(w, c, "fear", "--threshold", 3, *_option(w)), CommandError, ("--threshold is for maps",),
        )  # fmt: skip
    for kind, given, name, content, tells in (
        ("unaligned parts", "--studies: none that the model knows", "others.csv", TABLE, ("0 of the 2 with peaks", "make a model of these")),
        ("empty", "--studies: an empty table", "others.csv", "", ("others.csv: is empty",)),
    ):  # fmt: skip
        yield Case(
            "mnm meta", kind, given,
            lambda w, n=name, c=content: run(w, "meta", w.encoder.terms_[0], "--studies", w.file(n, c), "-o", w.folder / "z.nii", *_option(w)),
            CommandError, tells,
        )  # fmt: skip
    yield Case(
        "mnm descendants", "unknown choice", "term: not in the vocabulary",
        lambda w: run(w, "descendants", "unheard of", *_option(w)), CommandError, ("'unheard of' is no term",),
    )  # fmt: skip


def _studies_cases() -> Iterator[Case]:
    for command in ("fit", "evaluate", "info"):

        def call(w: Workshop, path: Any, command: str = command) -> Any:
            options = {"fit": ("-o", w.folder / "made"), "evaluate": _option(w)}.get(command, ())
            return run(w, command, path, *options)

        for kind, given, name, content, tells in (
            ("wrong dtype", "a table with a word for a coordinate", "peaks.csv", TABLE.replace("-44", "left"), ("peaks.csv: line 2", "finite numbers")),
            ("NaN", "a table with NaN", "peaks.csv", TABLE.replace("-44", "nan"), ("peaks.csv: line 2", "finite numbers")),
            ("infinity", "a table with infinity", "peaks.csv", TABLE.replace("-44", "inf"), ("peaks.csv: line 2", "finite numbers")),
            ("empty", "an empty table", "peaks.csv", "", ("peaks.csv: is empty",)),
            ("wrong shape", "a table without x", "peaks.csv", TABLE.replace(",x,", ",v,"), ("peaks.csv: missing column",)),
            ("wrong dtype", "a picture", "foci.txt", b"\x89PNG\xff\xfe", ("foci.txt", "UTF-8")),
            ("wrong space", "peaks of an unknown space", "foci.txt", SLEUTH.replace("MNI", "native"), ("foci.txt: line 1", "write MNI or Talairach")),
            ("truncated gzip", "a gzipped table cut off", "peaks.csv.gz", gzip.compress(TABLE.encode() * 50)[:60], ("peaks.csv.gz", "download it again")),
            ("bomb", "brackets 100,000 deep", "studies.json", "[" * 100_000, ("studies.json", "Check the file")),
            ("bomb", "a gzipped table that unpacks to a thousand times its size", "peaks.csv.gz", gzip.compress(b"0" * 2**27, compresslevel=1), ("peaks.csv.gz: unpacks to", "by hand")),
            ("missing or foreign file", "a file of no known form", "notes.docx", "hello", ("notes.docx", "form")),
        ):  # fmt: skip
            yield Case(
                f"mnm {command}", kind, f"studies: {given}",
                lambda w, call=call, n=name, c=content: call(w, w.file(n, c)), CommandError, tells,
            )  # fmt: skip

        def locked(w: Workshop, call: Any = call) -> Any:
            path = w.file("peaks.csv", TABLE)
            w.encoder, w.model  # noqa: B018
            with as_nobody(path):
                return call(w, path)

        yield Case(
            f"mnm {command}",
            "no permission",
            "studies: of somebody else",
            locked,
            CommandError,
            ("peaks.csv", "does not exist|Permission denied"),
        )
    for command in ("fit", "evaluate"):
        yield Case(
            f"mnm {command}", "missing or foreign file", "studies: not there",
            lambda w, c=command: run(w, c, w.folder / "absent.csv", *(("-o", w.folder / "m") if c == "fit" else _option(w))),
            CommandError, ("does not exist",),
        )  # fmt: skip
    yield Case(
        "mnm info", "missing or foreign file", "studies: not there",
        lambda w: run(w, "info", w.folder / "absent.csv"), CommandError, ("absent.csv", "Check the name"),
    )  # fmt: skip
    yield Case(
        "mnm info", "control characters", "studies: a column with control characters",
        lambda w: run(w, "info", w.file("peaks.csv", TABLE.replace("title", "tit\x1b[31mle"))),
        "a warning and what there is, without what would steer a terminal",
        holds=lambda ended: "\x1b" not in ended.stdout and "\N{REPLACEMENT CHARACTER}[31m" in ended.stdout,
    )  # fmt: skip
    yield Case(
        "mnm fit", "one sample", "studies: one",
        lambda w: run(w, "fit", w.file("foci.txt", SLEUTH), "-o", w.folder / "m", "--n-regions", 2),
        CommandError, ("n_regions|min_df|studies", "fewer|more|needed"),
    )  # fmt: skip
    yield Case(
        "mnm fit", "all-zero text", "studies: without words",
        lambda w: run(w, "fit", w.file("peaks.csv", "id,x,y,z,title\n" + "".join(f"{n},{n},{n},{n},\n" for n in range(9))), "-o", w.folder / "m", "--n-regions", 5),
        CommandError, ("empty vocabulary", "documents with words"),
    )  # fmt: skip
    yield Case(
        "mnm fit", "all-zero map", "studies: without peaks",
        lambda w: run(w, "fit", w.file("peaks.csv", "id,x,y,z,title\n" + "".join(f"{n},,,,pain\n" for n in range(9))), "-o", w.folder / "m"),
        CommandError, ("none lies in the mask",),
    )  # fmt: skip
    yield Case(
        "mnm fit", "missing or foreign file", "--output: a folder that is there",
        lambda w: run(w, "fit", w.file("foci.txt", SLEUTH), "-o", w.folder), CommandError, ("exists", "--overwrite"),
    )  # fmt: skip
    yield Case(
        "mnm evaluate", "duplicated studies", "studies: those of the fit",
        lambda w: run(w, "evaluate", _sleuth_of(w), *_option(w), "--level", "study"),
        CommandError, ("fitted to all 80 studies", "--seen"),
    )  # fmt: skip
    for command, arguments in (
        ("fetch", ("neuroquery",)), ("fetch", ("neurosynth",)),
    ):  # fmt: skip
        yield Case(
            f"mnm {command}", "missing or foreign file", f"{arguments[0]} --mirror: a folder without the files",
            lambda w, c=command, a=arguments: run(w, c, *a, "--data-dir", w.folder / "d", "--mirror", w.folder.as_uri()),
            CommandError, ("could not be had", "mirror"),
        )  # fmt: skip
    yield Case(
        "mnm fetch", "wrong dtype", "--mirror: no address",
        lambda w: run(w, "fetch", "neuroquery", "--data-dir", w.folder, "--mirror", "ftp://x"),
        CommandError, ("mirror='ftp://x'", "http://"),
    )  # fmt: skip

    def locked_fetch(w: Workshop) -> Any:
        import ftplib  # noqa: F401  # which nobody could not import then

        import pooch  # noqa: F401

        mirror = w.folder.as_uri()
        with as_nobody(w.folder):
            return run(w, "fetch", "neuroquery", "--data-dir", w.folder / "d", "--mirror", mirror)

    yield Case(
        "mnm fetch",
        "no permission",
        "--data-dir: in a folder of somebody else",
        locked_fetch,
        CommandError,
        ("neuroquery: cannot be read", "who may read"),
    )
    yield Case(
        "mnm fetch", "unknown choice", "database: a word", lambda w: run(w, "fetch", "brainmap"),
        CommandError, ("brainmap", "neuroquery"),
    )  # fmt: skip


def _app_cases() -> Iterator[Case]:
    for kind, given, make, tells in (
        ("missing or foreign file", "a folder that is not there", lambda w: w.folder / "absent", ("there is no folder", "Give that of a model")),
        ("missing or foreign file", "a folder without a model", lambda w: w.folder, ("model.json: there is no such file", "save_model")),
        ("truncated gzip", "a folder whose weights are cut off", lambda w: _damaged(w, "weights.safetensors"), ("weights.safetensors", "Fetch both again")),
        ("truncated gzip", "a folder whose description is cut off", lambda w: _damaged(w, "model.json"), ("model.json", "fetch it or save")),
        ("unknown choice", "terms, which are no whole model", _terms_alone, ("TermVectorizer", "an MNMEncoder or MNMDecoder is needed")),
        ("unknown choice", "a model that knows no places", _placeless, ("where regions are", "Fit it")),
        ("control characters", "a name with a null character", lambda w: "a\0b", ("there is no folder|no file can have this name",)),
    ):  # fmt: skip
        yield Case(
            "mnm app", kind, f"--model: {given}", lambda w, m=make: run(w, "app", "-m", m(w), "--port", 0),
            CommandError, tells,
        )  # fmt: skip
    for kind, option, value, tells in (
        ("huge values", "--port", "99999", ("--port", "range|less")),
        ("negative values", "--port", "-1", ("--port", "range|greater")),
        ("wrong dtype", "--port", "http", ("--port", "valid int")),
        ("wrong dtype", "--port", "80.5", ("--port", "valid int")),
        ("empty", "--port", "", ("--port", "valid int")),
        ("unknown choice", "--max-upload-mb", "0", ("--max-upload-mb", "range|greater")),
        ("negative values", "--max-upload-mb", "-1", ("--max-upload-mb", "range|greater")),
        ("NaN", "--max-upload-mb", "nan", ("max.upload.mb", "number above 0|greater")),
        ("infinity", "--max-upload-mb", "inf", ("max_upload_mb=inf", "number above 0")),
        ("huge values", "--max-upload-mb", "1e308", ("max_upload_mb=1e\\+308", "number above 0")),
        ("wrong dtype", "--max-upload-mb", "much", ("--max-upload-mb", "valid (number|float)")),
        ("unknown choice", "--host", "192.0.2.1", ("host='192.0.2.1'", "cannot listen there", "Choose others")),
        ("huge values", "--host", "a" * 64, ("host='aaa", "cannot listen there", "Choose others")),
        ("control characters", "--host", "a\0b", ("host=", "cannot listen there", "Choose others")),
    ):  # fmt: skip
        shown = (
            f"{len(value)} letters" if len(value) > 60 else value.replace("\0", "\\0") or "empty"
        )
        # What listens nowhere ends by itself, should the option be taken.
        more = ("--port", 0) if option == "--host" else ("--host", "192.0.2.1")
        yield Case(
            "mnm app", kind, f"{option}: {shown}",
            lambda w, o=option, v=value, m=more: run(w, "app", *_option(w), *m, o, v), CommandError, tells,
        )  # fmt: skip

    def taken(w: Workshop) -> Any:
        with taken_port() as port:
            return run(w, "app", *_option(w), "--port", port)

    yield Case(
        "mnm app", "unknown choice", "--port: one that is taken", taken, CommandError,
        ("host='127.0.0.1', port=", "port 0 takes one that is free"),
    )  # fmt: skip

    def locked(w: Workshop) -> Any:
        model = w.model
        with as_nobody(model / "model.json"):
            return run(w, "app", "-m", model, "--port", 0)

    yield Case(
        "mnm app", "no permission", "--model: of somebody else", locked, CommandError,
        ("model.json: cannot be read", "who may read"),
    )  # fmt: skip


def _damaged(w: Workshop, name: str) -> Any:
    for path in w.model.iterdir():
        content = path.read_bytes()
        # What is told of a description names a place, and numbers in it are longer on some machines.
        kept = 60 if name == "model.json" else len(content) // 2
        w.file(f"model/{path.name}", content[:kept] if path.name == name else content)
    return w.folder / "model"


def _terms_alone(w: Workshop) -> Any:
    save_model(w.vectorizer, w.folder / "terms")
    return w.folder / "terms"


def _placeless(w: Workshop) -> Any:
    save_model(w.placeless, w.folder / "arrays")
    return w.folder / "arrays"


def _sleuth_of(w: Workshop) -> Any:
    """Studies whose ids are those of the fit."""
    lines = ["// Reference=MNI"]
    for name in w.studies.ids:
        lines += [f"// {name}: 1", "// Subjects=12", "1 2 3", ""]
    return w.file("foci.txt", "\n".join(lines))


def cases() -> Iterator[Case]:
    """Yield all cases of commands."""
    yield from _map_cases()
    yield from _text_cases()
    yield from _studies_cases()
    yield from _app_cases()


def command_names() -> Iterator[str]:
    """Yield ``"mnm <command>"``."""
    import typer

    from sklearn_mnm.cli._app import app

    group: Any = typer.main.get_command(app)
    yield from (f"mnm {name}" for name in group.commands)
