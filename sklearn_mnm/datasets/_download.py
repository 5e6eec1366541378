"""Files from the network, a mirror or a folder: whole, checked, and fetched once."""

from __future__ import annotations

import errno
import gzip
import hashlib
import logging
import os
import shutil
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from sklearn_mnm._tools.files import alone_in, replacing
from sklearn_mnm._tools.storage import FULL, reading, storing
from sklearn_mnm.exceptions import DownloadError, InvalidInputError

CACHE_VARIABLE, MIRROR_VARIABLE = "SKLEARN_MNM_CACHE", "SKLEARN_MNM_MIRROR"
#: File, beside the others, of the checksums of what was fetched, as ``sha256sum -c`` reads it. The
#: first line is a comment that holds the checksum of the others.
RECORD = "SHA256SUMS"
_TRIES_MORE = 2
_TIMEOUT = 30
# What is lost at most when a connection breaks.
_CHUNK = 2**13

Progress = Callable[[str, int, int], None]


def cache_folder(data_dir: str | Path | None = None) -> Path:
    """Return the folder of fetched data.

    Parameters
    ----------
    data_dir : str or pathlib.Path, default=None
        If None, use the environment variable ``SKLEARN_MNM_CACHE``, else the cache folder of the
        operating system.

    Returns
    -------
    folder : pathlib.Path
        It may not exist yet.
    """
    import pooch

    chosen = data_dir or os.environ.get(CACHE_VARIABLE) or pooch.os_cache("sklearn-mnm")
    return Path(chosen).expanduser()


def checked_base(mirror: str | None, upstream: str) -> str:
    """Return the address of the folder to fetch from, with a slash at its end.

    Parameters
    ----------
    mirror : str or None
        If None, use the environment variable ``SKLEARN_MNM_MIRROR``, else `upstream`.
    upstream : str
        Where the files come from.

    Raises
    ------
    InvalidInputError
        If the mirror is no address that starts with ``http://``, ``https://`` or ``file://``.
    """
    base = mirror or os.environ.get(MIRROR_VARIABLE) or upstream
    if not base.startswith(("http://", "https://", "file://")):
        raise InvalidInputError(
            f"mirror={base!r}: expected the address of a folder that starts with http://, "
            "https:// or file://, e.g. 'file:///data/neuroquery/'."
        )
    return base if base.endswith("/") else f"{base}/"


def fetch_files(
    names: Sequence[str],
    *,
    folder: Path,
    base: str,
    sha256: Mapping[str, str],
    progress: Progress | None = None,
) -> list[Path]:
    """Fetch the files that a folder does not hold yet; check all of them.

    A download that breaks off is tried again from where it broke, also by a later call, if the
    server allows it, else from the start. A file appears under its name when it is complete and
    checked: against its known checksum, else by the checksums inside gzip and zip archives, and
    from then on against the checksum that was written down when it was first seen. One process at
    a time fetches to a folder: others wait, and then find the files there.

    Parameters
    ----------
    names : sequence of str
        Of the files.
    folder : pathlib.Path
        Where they go; made if needed.
    base : str
        Address of the folder to fetch from, see :func:`checked_base`.
    sha256 : mapping of str to str
        Known checksums by name; others are recorded in `folder` when they are first seen.
    progress : callable, default=None
        Called with name, bytes so far and bytes in all (0 if unknown) as these come in.

    Raises
    ------
    DownloadError
        If a file cannot be fetched or is not what it should be.
    StorageError
        If the disk is full. What came so far from a server stays, to go on from.
    """
    with reading(folder, DownloadError), alone_in(folder):
        return _fetch_files(names, folder, base, sha256, _Downloader(progress))


def _fetch_files(
    names: Sequence[str],
    folder: Path,
    base: str,
    sha256: Mapping[str, str],
    downloader: _Downloader,
) -> list[Path]:
    import pooch

    recorded = _read_record(folder)
    known = {name: sha256.get(name, recorded.get(name)) for name in names}
    with _quiet(pooch.get_logger()):
        store = pooch.create(
            path=folder, base_url=base, registry=known, retry_if_failed=_TRIES_MORE
        )
        for name in names:
            try:
                if known[name] is None:
                    _remove_damaged(folder / name)
                store.fetch(name, downloader=downloader)
            # ValueError is a wrong checksum; the errors of requests are OSErrors.
            except (OSError, ValueError) as error:
                if getattr(error, "errno", None) in (*FULL, errno.EROFS):
                    with storing(folder / name):
                        raise
                raise _failure(error, name, names, folder, base) from error
            if known[name] is None:  # fetched just now, or put there by hand
                recorded[name] = pooch.file_hash(str(folder / name))
                _write_record(folder, recorded)
    return [folder / name for name in names]


class _Downloader:
    """What pooch calls to get one file; it tries again when this raises."""

    def __init__(self, progress: Progress | None) -> None:
        self.progress = progress

    def __call__(self, url: str, output_file: str, store: Any) -> None:
        name = url.rsplit("/", 1)[1]
        if url.startswith("file:"):
            shutil.copyfile(url2pathname(urlsplit(url).path), output_file)
            if store.registry[name] is None:
                _check_whole(Path(output_file), name)
        else:
            # By address, so that parts of different origin do not mix.
            number = hashlib.sha256(url.encode()).hexdigest()[:16]
            part = Path(store.path) / f".{number}.part"
            self._download(url, part, name)
            if store.registry[name] is None:
                # Before it is moved: what is downloaded stays if the process is killed meanwhile.
                _check_download(part, name)
            os.replace(part, output_file)

    def _download(self, url: str, part: Path, name: str) -> None:
        import requests

        start = part.stat().st_size if part.is_file() else 0
        # As stored on the server: bytes that are packed for the way could not be counted.
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
        with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT) as response:
            if start and response.status_code != requests.codes.ok:
                if response.headers.get("Content-Range") == f"bytes */{start}":
                    return  # it was complete
                goes_on = response.headers.get("Content-Range", "").startswith(f"bytes {start}-")
                if not goes_on:
                    part.unlink()  # so that the next try starts anew
                    response.raise_for_status()
                    raise requests.ConnectionError("the server does not go on where it broke off")
            else:
                response.raise_for_status()
                start = 0
            total = start + int(response.headers.get("Content-Length", 0))
            with part.open("ab" if start else "wb") as stream:
                for chunk in response.iter_content(_CHUNK):
                    stream.write(chunk)
                    if self.progress is not None:
                        self.progress(name, stream.tell(), total)
        size = part.stat().st_size
        if size < total:
            raise requests.ConnectionError(f"the connection broke after {size} of {total} bytes")


def _check_whole(path: Path, name: str) -> None:
    """Raise ValueError if a gzip or zip archive of this name is cut off or damaged inside."""
    try:
        if name.endswith(".gz"):
            with gzip.open(path) as stream:
                while stream.read(_CHUNK):
                    pass
        elif name.endswith(".npz"):
            with zipfile.ZipFile(path) as archive:
                if damaged := archive.testzip():
                    raise zipfile.BadZipFile(f"wrong checksum of {damaged}")
    except (EOFError, OSError, zlib.error, zipfile.BadZipFile) as error:
        raise ValueError(f"{name} is damaged: {error}") from error


def _check_download(part: Path, name: str) -> None:
    try:
        _check_whole(part, name)
    except ValueError:
        part.unlink()  # so that the next try starts anew
        raise


def _remove_damaged(path: Path) -> None:
    if path.is_file():
        try:
            _check_whole(path, path.name)
        except ValueError:
            path.unlink()


def _failure(
    error: Exception, name: str, names: Sequence[str], folder: Path, base: str
) -> DownloadError:
    missing = [other for other in names if not (folder / other).is_file()] or [name]
    return DownloadError(
        f"{name} could not be had from {base} ({' '.join(str(error).split())}). Connect to the "
        f"network and try again; or put {', '.join(missing)} into {folder}; or give mirror=... or "
        f"{MIRROR_VARIABLE} the address, http(s):// or file://, of a folder that holds them."
    )


def _read_record(folder: Path) -> dict[str, str]:
    """Checksums by name; none of a damaged record, to whose checksums no download would be true."""
    path = folder / RECORD
    if not path.is_file():
        return {}
    first, _, rest = path.read_text("utf-8", "replace").partition("\n")
    if first.startswith("#"):
        if first != _seal(rest):
            return {}
    else:  # of other origin
        rest = f"{first}\n{rest}"
    lines = [line.split(maxsplit=1) for line in rest.splitlines()]
    return {parts[1]: parts[0] for parts in lines if len(parts) == 2}


def _write_record(folder: Path, recorded: Mapping[str, str]) -> None:
    lines = "".join(f"{checksum}  {name}\n" for name, checksum in sorted(recorded.items()))
    with storing(folder / RECORD), replacing(folder / RECORD) as temporary:
        temporary.write_text(f"{_seal(lines)}\n{lines}", encoding="utf-8")


def _seal(lines: str) -> str:
    return f"# SHA-256 of the lines below: {hashlib.sha256(lines.encode()).hexdigest()}"


@contextmanager
def _quiet(logger: logging.Logger) -> Iterator[None]:
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)
