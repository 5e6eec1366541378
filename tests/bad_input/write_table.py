"""Try every case of the catalogue and write the table of the manual.

Run ``python tests/bad_input/write_table.py``; a test checks that the table says what the cases do.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from pathlib import Path

# As in the tests: nobody is asked whether there is such a model.
os.environ["HF_HUB_OFFLINE"] = "1"

from catalogue import Case, Outcome, Outcomes, all_cases
from catalogue.commands import CommandError
from catalogue.page import PageError

PAGE = Path(__file__).resolve().parents[2] / "docs" / "bad_input.md"
_HEAD = """# Bad input

What comes of input that cannot be right. The table is written by the tests that try each line:
`python tests/bad_input/write_table.py` makes it anew, and `pytest tests/bad_input` fails where it
does not say what happens. Errors and warnings are those of {mod}`sklearn_mnm.exceptions`;
parameters of estimators are checked by scikit-learn, which raises `InvalidParameterError`, and
`NotFittedError` before a fit. A command ends with an exit code, and the page of `mnm app` answers
with a status of HTTP. Paths are shortened; what other packages say, mostly in brackets, depends on
their versions.

"""
_COLUMNS = "| called with | what happens | message |\n| --- | --- | --- |\n"
_ESCAPED = re.compile(r"([\\`*_{}\[\]<>|$~#&^@])")


def page(outcomes: Outcomes, *, own_words: bool = False) -> str:
    """Return the page of the manual.

    Functions of a section to which the same happens share a line.

    Parameters
    ----------
    outcomes : Outcomes
    own_words : bool
        Whether "…" stands for the words of other packages.
    """
    alike: dict[str, dict[tuple[str, str, str], tuple[list[str], str]]] = defaultdict(dict)
    for case in all_cases():
        section, function = _place(case.name)
        outcome = outcomes.of(case)
        line = case.given, _happens(case, outcome), outcome.own_words
        message = outcome.own_words if own_words else outcome.shown
        functions, _ = alike[section].setdefault(line, ([], message))
        if function not in functions:
            functions.append(function)
    parts = [_HEAD]
    for section in sorted(alike, key=lambda name: (name.startswith("The "), name)):
        parts.append(f"## {section}\n\n{_COLUMNS}")
        for (given, happens, _), (functions, message) in alike[section].items():
            names = ", ".join(f"`{name}`" for name in functions)
            parts.append(f"| {names}: {_text(given)} | {happens} | {_text(message)} |\n")
        parts.append("\n")
    return "".join(parts).rstrip("\n") + "\n"


def _place(name: str) -> tuple[str, str]:
    """Section of a name, and the name there."""
    if name.startswith("mnm "):
        return "The command mnm", name
    if " " in name:
        return "The page of mnm app", name
    if "." in name:
        of_class, method = name.split(".", 1)
        return of_class, method
    return (name, name) if name[0].isupper() else ("Functions", name)


def _happens(case: Case, outcome: Outcome) -> str:
    if isinstance(outcome.error, CommandError):
        return f"exit code {outcome.error.code}"
    if isinstance(outcome.error, PageError):
        return f"status {outcome.error.status}"
    if outcome.error is not None:
        return f"`{type(outcome.error).__name__}`"
    if case.is_warning:
        return f"`{case.comes.__name__}`, and the result"  # type: ignore[union-attr]
    return str(case.comes)


def _text(text: str) -> str:
    """Text that Markdown shows as it is; what cannot be seen is written as in Python."""
    seen = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
    return _ESCAPED.sub(r"\\\1", seen)


if __name__ == "__main__":
    with Outcomes() as outcomes:
        PAGE.write_text(page(outcomes), encoding="utf-8")
