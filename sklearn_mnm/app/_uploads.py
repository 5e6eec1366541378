"""Files that users send: counted while they arrive, and forgotten after a while."""

import asyncio
import secrets
from collections import Counter, OrderedDict
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from starlette.exceptions import HTTPException
from starlette.requests import Request

from sklearn_mnm.app._nifti import MapRefused
from sklearn_mnm.app._questions import MapQuestion
from sklearn_mnm.app._workers import TooBusy

# Names of fields of the form.
_FILE, _THRESHOLD, _NEGATIVE, _NEUROVAULT = "image", "threshold", "negative", "neurovault"
_LARGEST_ID = 10**9
# Around the files: the other fields, and what separates them.
_AROUND = 10_000
# Files that arrive at a time, of all and of one client, and seconds that one may take.
_N_ARRIVING, _N_OF_CLIENT, _PATIENCE = 12, 4, 120
# Bytes of a part, and seconds that it may take: who sends by the drop holds no place for long.
_PART, _PART_PATIENCE = 64 * 1024, 10
# Seconds that a file waits for a place, and how many may wait.
_WAIT, _MOST_WAITING = 5.0, 100
# What is too large is still received, up to this multiple, as browsers show no answer before they
# have sent all.
_RECEIVED = 4
_LONGEST_NAME = 80
# Threshold that any map has values below: none may be larger.
_HIGHEST = 1e30
# Of the length of a request, more than any has.
_DIGITS = 20


class Upload(NamedTuple):
    """A file as it came, or where it is to be had, and what is wanted of it.

    Attributes
    ----------
    file : binary file or int
        Without a name; or the number of an image of NeuroVault.
    name : str
        That the user gave it; to show, nothing else.
    threshold : float or None
    negative : bool
        Whether the negative side is to be decoded, too.
    """

    file: Any
    name: str
    threshold: float | None
    negative: bool


class UploadReader:
    """Receives forms with files.

    Parameters
    ----------
    max_bytes : int
        Of the files of a form together.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._arriving: Counter[str] = Counter()
        self._n_waiting = 0

    @asynccontextmanager
    async def receive(self, request: Request, max_files: int = 1) -> Any:
        """Receive a form, and throw its files away at the end.

        Yields
        ------
        uploads : list of Upload
            At least one.

        Raises
        ------
        MapRefused
            If files are too large or too many, take too long, or are none, or the threshold is no
            number.
        TooBusy
            If too many files are arriving, of this client or of all.
        """
        async with self._place(_client(request)):
            try:
                form = await asyncio.wait_for(self._form(request, max_files), _PATIENCE)
            except asyncio.TimeoutError as error:
                raise MapRefused(
                    "The file did not arrive in time. Compress it (.nii.gz), or try again over a "
                    "faster connection.",
                    status=408,
                ) from error
        try:
            yield _uploads(form)
        finally:
            await form.close()

    @asynccontextmanager
    async def _place(self, client: str) -> Any:
        """Take a place for a file that arrives, once there is one."""
        if self._n_waiting >= _MOST_WAITING:
            raise TooBusy
        self._n_waiting += 1
        try:
            waited = 0.0
            while self._arriving.total() >= _N_ARRIVING or self._arriving[client] >= _N_OF_CLIENT:
                if waited >= _WAIT:
                    raise TooBusy
                await asyncio.sleep(0.05)
                waited += 0.05
        finally:
            self._n_waiting -= 1
        self._arriving[client] += 1
        try:
            yield
        finally:
            self._arriving[client] -= 1
            self._arriving += Counter()  # those without a place are forgotten

    async def _form(self, request: Request, max_files: int) -> Any:
        if not request.headers.get("content-type", "").startswith("multipart/form-data"):
            raise MapRefused(
                f"Send the map as the field {_FILE!r} of a form (multipart/form-data).", status=415
            )
        limit = self.max_bytes + _AROUND
        arrival = _Arrival(request)

        async def receive() -> Any:
            message = await arrival.receive()
            if arrival.n_bytes > limit:
                await self._discard(arrival, message)
                raise self._too_large()
            return message

        declared = request.headers.get("content-length", "0")
        if not declared.isdecimal():
            raise MapRefused(f"Content-Length: {declared[:_DIGITS]!r} is no number of bytes.")
        # Of thousands of digits Python makes no number.
        if int(declared[:_DIGITS]) > limit:
            await self._discard(arrival, {"more_body": True})
            raise self._too_large()
        counted = Request(request.scope, receive)
        try:
            return await counted.form(max_files=max_files, max_fields=3)
        except HTTPException as error:
            raise MapRefused(f"The form cannot be read: {error.detail}") from error

    async def _discard(self, arrival: "_Arrival", message: Any) -> None:
        while message.get("more_body", False) and arrival.n_bytes <= _RECEIVED * self.max_bytes:
            message = await arrival.receive()

    def _too_large(self) -> MapRefused:
        return MapRefused(
            f"What was sent is larger than {self.max_bytes / 2**20:g} MB. Compress it (.nii.gz), "
            "resample it to 2 mm, or send fewer files; --max-upload-mb raises the limit.",
            status=413,
        )


class _Arrival:
    """A body as it comes, each part of which has its time."""

    def __init__(self, request: Request) -> None:
        self.n_bytes = 0
        self._request, self._next = request, _PART
        self._due = asyncio.get_running_loop().time() + _PART_PATIENCE

    async def receive(self) -> Any:
        """Wait for a message; TimeoutError of asyncio if it comes too late."""
        now = asyncio.get_running_loop().time
        message = await asyncio.wait_for(self._request.receive(), self._due - now())
        self.n_bytes += len(message.get("body", b""))
        if self.n_bytes >= self._next:
            self._next, self._due = self.n_bytes + _PART, now() + _PART_PATIENCE
        return message


def _client(request: Request) -> str:
    """Whom a place is counted for: an address, or the network of one that has very many."""
    host = request.client.host if request.client else ""
    return ":".join(host.split(":")[:4]) if host.count(":") > 1 else host


def _uploads(form: Any) -> list[Upload]:
    if unknown := form.keys() - {_FILE, _THRESHOLD, _NEGATIVE, _NEUROVAULT}:
        raise MapRefused(
            f"{', '.join(sorted(unknown))}: there is no such field. Give {_FILE} or {_NEUROVAULT}, "
            f"and if you like {_THRESHOLD} and {_NEGATIVE}."
        )
    chosen = [
        file for file in form.getlist(_FILE) if not isinstance(file, str) and bool(file.filename)
    ]
    threshold = read_threshold(form.get(_THRESHOLD))
    negative = str(form.get(_NEGATIVE) or "").lower() not in ("", "0", "false", "no")
    if given := str(form.get(_NEUROVAULT) or "").strip():
        number = _neurovault_id(given)
        if chosen:
            raise MapRefused("Give files or the number of an image of NeuroVault, not both.")
        return [Upload(number, f"NeuroVault {number}", threshold, negative)]
    if not chosen:
        raise MapRefused(
            "No file was chosen. Choose a NIfTI file, .nii or .nii.gz, or give the number of an "
            "image of NeuroVault."
        )
    return [Upload(file.file, _name(file.filename), threshold, negative) for file in chosen]


def _neurovault_id(given: str) -> int:
    if given.isascii() and given.isdecimal() and 0 < int(given[:12]) <= _LARGEST_ID:
        return int(given)
    raise MapRefused(
        f"neurovault={given[:20]!r}: give the number of an image of NeuroVault, as in "
        "https://neurovault.org/images/10426/."
    )


def _name(given: str) -> str:
    """Take from the name of a file what may be shown."""
    # What a browser sends is the name alone; of paths the end is shown.
    name = given.replace("\\", "/").rpartition("/")[2]
    name = "".join(letter for letter in name if letter.isprintable())
    return name[:_LONGEST_NAME] or "map"


def read_threshold(given: Any) -> float | None:
    """Read a threshold that was typed, None if none was.

    Raises
    ------
    MapRefused
        If it is no number of at least 0.
    """
    if not given:
        return None
    try:
        number = float(given)
    except (TypeError, ValueError):
        number = -1.0
    if not 0 <= number <= _HIGHEST:
        raise MapRefused(f"The threshold must be a number from 0 to {_HIGHEST:g}, or left empty.")
    return number


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
