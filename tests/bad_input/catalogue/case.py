"""One entry of the catalogue, and how it is tried."""

from __future__ import annotations

import re
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sklearn.exceptions import NotFittedError
from sklearn.utils._param_validation import InvalidParameterError

from catalogue.workshop import Workshop
from sklearn_mnm.exceptions import MNMError, MNMWarning

#: Errors that may come out: those of this package, and the two by which scikit-learn's users know
#: a wrong parameter and an estimator that is not fitted.
ALLOWED = (MNMError, InvalidParameterError, NotFittedError)

#: What can be wrong. Every kind has cases.
KINDS = (
    "wrong shape",
    "wrong dtype",
    "NaN",
    "infinity",
    "empty",
    "one sample",
    "one region",
    "all-zero text",
    "all-zero map",
    "constant map",
    "duplicated studies",
    "negative values",
    "huge values",
    "unaligned parts",
    "object array",
    "control characters",
    "4D for 3D",
    "broken header",
    "wrong space",
    "left and right",
    "truncated gzip",
    "pickled objects",
    "bomb",
    "path out of the folder",
    "no permission",
    "full disk",
    "missing or foreign file",
    "unknown choice",
    "not fitted",
)


@dataclass(frozen=True)
class Case:
    """A call with bad input and what is to come of it.

    Attributes
    ----------
    name : str
        What is called: a public name such as ``"MNMDecoder.predict"``, a command,
        ``"mnm decode"``, or an address of the web page, ``"POST /map"``.
    kind : str
        One of `KINDS`.
    given : str
        The input, in words.
    call : callable
        Takes the workshop; returns the result.
    comes : type or str
        Class of the error or of the warning; or, where the input is taken, what it gives.
    tells : tuple of str
        What the message must say: the argument or file, and the remedy (regular expressions).
    holds : callable or None
        Takes the result; says whether it is what it should be. Where `comes` is a warning or a
        result.
    """

    name: str
    kind: str
    given: str
    call: Callable[[Workshop], Any]
    comes: type | str
    tells: tuple[str, ...] = ()
    holds: Callable[[Any], bool] | None = None

    @property
    def is_warning(self) -> bool:
        """Whether the input is taken with a warning."""
        return isinstance(self.comes, type) and issubclass(self.comes, Warning)

    @property
    def is_error(self) -> bool:
        """Whether the input is refused."""
        return isinstance(self.comes, type) and not self.is_warning

    @property
    def id(self) -> str:
        """Name of the test."""
        return re.sub(r"[^\w.<>=,()-]+", "_", f"{self.name}-{self.given}")


@dataclass(frozen=True)
class Outcome:
    """What came.

    Attributes
    ----------
    error : Exception or None
    warnings : list of warnings.WarningMessage
    result : object
    folder : str
        Of the files of the case, left out of what the manual shows.
    """

    error: BaseException | None
    warnings: list[warnings.WarningMessage]
    result: Any
    folder: str

    @property
    def message(self) -> str:
        """What the user reads: of the error, else of the warnings of this package."""
        if self.error is not None:
            return str(self.error)
        texts = [str(w.message) for w in self.warnings if issubclass(w.category, MNMWarning)]
        return " ".join(dict.fromkeys(texts))

    @property
    def shown(self) -> str:
        """The message for the manual: on one line, without the folders of this machine."""
        text = " ".join(self.message.split())
        root = str(Path(self.folder).parent)
        for path, short in ((f"{self.folder}/", ""), (self.folder, "folder"), (f"{root}/", "")):
            text = text.replace(path, short)
        return text

    @property
    def own_words(self) -> str:
        """The same with … for the words of other packages, which change with their versions."""
        text, cause = self.shown, self.error and self.error.__cause__
        if isinstance(self.error, InvalidParameterError):
            text = re.sub(r"\{.*?\}", "…", text)  # a set, in any order
        while cause is not None:
            if not isinstance(cause, MNMError):
                told = Outcome(cause, [], None, self.folder).shown
                first = told if len(told) < 4 or told in text else told.split(". ")[0].rstrip(":.")
                text = text.replace(first, "…") if len(first) > 3 else text
            cause = cause.__cause__
        return text


class Outcomes:
    """Try cases, each once, in a folder that is gone at the end."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory()
        # Some cases take rights away: from their own files, and those only.
        Path(self._folder.name).chmod(0o755)
        self._workshop = Workshop(Path(self._folder.name))
        self._known: dict[str, Outcome] = {}

    def __enter__(self) -> Outcomes:
        return self

    def __exit__(self, *_: object) -> None:
        self._workshop.close()
        self._folder.cleanup()

    def of(self, case: Case) -> Outcome:
        """Return what comes of a case."""
        if case.id not in self._known:
            self._known[case.id] = self._try(case)
        return self._known[case.id]

    def _try(self, case: Case) -> Outcome:
        result, error = None, None
        workshop = self._workshop
        workshop.start(case.id)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                result = case.call(workshop)
            except Exception as caught_error:
                error = caught_error
        return Outcome(error, list(caught), result, str(workshop.folder))
