"""Files that users send: counted while they arrive, and forgotten after a while."""

import asyncio
import secrets
from collections import OrderedDict
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from starlette.exceptions import HTTPException
from starlette.requests import Request

from sklearn_mnm.app._nifti import MapRefused
from sklearn_mnm.app._questions import MapQuestion

# Names of fields of the form.
_FILE, _THRESHOLD = "image", "threshold"
# Around the file: the other field, and what separates them.
_AROUND = 10_000
# Files that arrive at a time, and seconds that one may take.
_N_ARRIVING, _PATIENCE = 4, 120
# What is too large is still received, up to this multiple, as browsers show no answer before they
# have sent all.
_RECEIVED = 4
_LONGEST_NAME = 80
# Threshold that any map has values below: none may be larger.
_HIGHEST = 1e30
# Of the length of a request, more than any has.
_DIGITS = 20


class Upload(NamedTuple):
    """A file as it came, and what is wanted of it.

    Attributes
    ----------
    file : binary file
        Without a name.
    name : str
        That the user gave it; to show, nothing else.
    threshold : float or None
    """

    file: Any
    name: str
    threshold: float | None


class UploadReader:
    """Receives forms with a file.

    Parameters
    ----------
    max_bytes : int
        Of a file.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._arriving = asyncio.Semaphore(_N_ARRIVING)

    @asynccontextmanager
    async def receive(self, request: Request) -> Any:
        """Receive a form, and throw the file away at the end.

        Yields
        ------
        upload : Upload

        Raises
        ------
        MapRefused
            If the file is too large, takes too long, or is none, or the threshold is no number.
        """
        async with self._arriving:
            try:
                form = await asyncio.wait_for(self._form(request), _PATIENCE)
            except asyncio.TimeoutError as error:
                raise MapRefused("The file did not arrive in time.", status=408) from error
        try:
            yield _upload(form)
        finally:
            await form.close()

    async def _form(self, request: Request) -> Any:
        if not request.headers.get("content-type", "").startswith("multipart/form-data"):
            raise MapRefused(
                f"Send the map as the field {_FILE!r} of a form (multipart/form-data).", status=415
            )
        limit = self.max_bytes + _AROUND
        n_bytes = 0

        async def receive() -> Any:
            nonlocal n_bytes
            message = await request.receive()
            n_bytes += len(message.get("body", b""))
            if n_bytes > limit:
                await self._discard(request, n_bytes, message)
                raise self._too_large()
            return message

        declared = request.headers.get("content-length", "0")
        if not declared.isdecimal():
            raise MapRefused(f"Content-Length: {declared[:_DIGITS]!r} is no number of bytes.")
        # Of thousands of digits Python makes no number.
        if int(declared[:_DIGITS]) > limit:
            await self._discard(request, 0, {"more_body": True})
            raise self._too_large()
        counted = Request(request.scope, receive)
        try:
            return await counted.form(max_files=1, max_fields=1)
        except HTTPException as error:
            raise MapRefused(f"The form cannot be read: {error.detail}") from error

    async def _discard(self, request: Request, n_bytes: int, message: Any) -> None:
        while message.get("more_body", False) and n_bytes <= _RECEIVED * self.max_bytes:
            message = await request.receive()
            n_bytes += len(message.get("body", b""))

    def _too_large(self) -> MapRefused:
        return MapRefused(
            f"The file is larger than {self.max_bytes / 2**20:g} MB. Compress it (.nii.gz) or "
            "resample it to 2 mm; --max-upload-mb raises the limit.",
            status=413,
        )


def _upload(form: Any) -> Upload:
    file, threshold = form.get(_FILE), form.get(_THRESHOLD) or None
    if file is None or isinstance(file, str) or not file.filename:
        raise MapRefused("No file was chosen. Choose a NIfTI file, .nii or .nii.gz.")
    number = None
    if threshold is not None:
        try:
            number = float(threshold)
        except (TypeError, ValueError):
            number = -1.0
        if not 0 <= number <= _HIGHEST:
            raise MapRefused(
                f"The threshold must be a number from 0 to {_HIGHEST:g}, or left empty."
            )
    # What a browser sends is the name alone; of paths the end is shown.
    name = file.filename.replace("\\", "/").rpartition("/")[2]
    name = "".join(letter for letter in name if letter.isprintable())
    return Upload(file.file, name[:_LONGEST_NAME] or "map", number)


class UploadedMaps:
    """The maps uploaded last, by tokens that nobody can guess.

    Parameters
    ----------
    max_maps : int
        With more, those looked at longest ago are forgotten.
    """

    def __init__(self, max_maps: int) -> None:
        self.max_maps = max_maps
        self._questions: OrderedDict[str, MapQuestion] = OrderedDict()

    def add(self, question: MapQuestion) -> str:
        """Keep a map and return its token."""
        token = secrets.token_urlsafe(16)
        self._questions[token] = question
        while len(self._questions) > self.max_maps:
            self._questions.popitem(last=False)
        return token

    def get(self, token: str) -> MapQuestion | None:
        """Return the map of a token, None if there is none any more."""
        if token not in self._questions:
            return None
        self._questions.move_to_end(token)
        return self._questions[token]
