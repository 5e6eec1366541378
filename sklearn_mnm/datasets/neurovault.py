"""One image of NeuroVault by its number."""

from __future__ import annotations

import logging
import re
import warnings
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from threading import Lock
from typing import NamedTuple

from sklearn_mnm._tools.arrays import check_count
from sklearn_mnm.exceptions import DownloadError, InvalidInputError

# What is written before a number where a file could be given, too.
PREFIX = "neurovault:"
# An address of an image there.
_ADDRESS = re.compile(r"^https?://(?:www\.)?neurovault\.org/images/([0-9]+)/?$", re.IGNORECASE)
# Seconds that a request may take.
_TIMEOUT = 10.0
# What is written where is of the process, and nilearn writes: one at a time.
_lock = Lock()
# Kinds of maps, as NeuroVault calls them, that are none of a statistic; they are refused.
_NO_STATISTICS = ("roi", "mask", "parcellation", "anatomical")


class NeuroVaultImage(NamedTuple):
    """An image of NeuroVault, on this computer.

    Attributes
    ----------
    path : pathlib.Path
        Of a NIfTI file.
    name : str
        As NeuroVault calls it, with its number.
    notes : tuple of str
        Why it may not be what can be decoded, as NeuroVault tells of it.
    """

    path: Path
    name: str
    notes: tuple[str, ...]


def fetch_neurovault_image(image_id: int, data_dir: str | Path | None = None) -> NeuroVaultImage:
    """Fetch a statistical map from https://neurovault.org, once.

    It is :func:`nilearn.datasets.fetch_neurovault_ids` for one image, which keeps images and what
    is known of them; without a network, those that are there are found.

    Parameters
    ----------
    image_id : int
        As in ``https://neurovault.org/images/<image_id>/``.
    data_dir : str or pathlib.Path, default=None
        Of nilearn's data. If None, it is nilearn's own choice, the environment variable
        ``NILEARN_DATA`` or ``~/nilearn_data``.

    Returns
    -------
    image : NeuroVaultImage

    Raises
    ------
    InvalidInputError
        If the number is none, or the image is no statistical map, or one of p values.
    DownloadError
        If NeuroVault cannot be reached or has no such image.

    Examples
    --------
    >>> from sklearn_mnm.datasets import fetch_neurovault_image
    >>> fetch_neurovault_image(10426).path  # doctest: +SKIP
    """
    check_count(image_id, "image_id")
    from nilearn.datasets import fetch_neurovault_ids

    said = StringIO()
    try:
        # Of a failure nilearn writes the traceback, whatever `verbose` is.
        with _lock, warnings.catch_warnings(), redirect_stdout(said), redirect_stderr(said):
            warnings.simplefilter("ignore")
            found = fetch_neurovault_ids(
                image_ids=[int(image_id)],
                data_dir=None if data_dir is None else str(data_dir),
                timeout=_TIMEOUT,
                verbose=0,
            )
    except Exception as error:  # of many packages
        raise DownloadError(
            f"image_id={image_id}: nilearn could not fetch this image of NeuroVault ({error}). "
            "Try again, or download it from there and give the file. If this goes on, a file of "
            f"nilearn's cache may be damaged: look into {_cache(data_dir)}."
        ) from error
    logging.getLogger(__name__).debug("nilearn said: %s", said.getvalue())
    if not found.images:
        raise DownloadError(
            f"image_id={image_id}: NeuroVault cannot be reached, or has no such public image. Look "
            f"at https://neurovault.org/images/{image_id}/, or download it there and give the file."
        )
    about = found.images_meta[0]
    _check_kind(image_id, about)
    return NeuroVaultImage(
        Path(found.images[0]),
        f"{about.get('name') or 'image'} (NeuroVault {image_id})",
        _notes(about),
    )


def neurovault_id(text: str) -> int | None:
    """Read the number of an image of NeuroVault, None if the text does not speak of one.

    Parameters
    ----------
    text : str
        Such as ``neurovault:10426``, or the address of the image there.

    Raises
    ------
    InvalidInputError
        If it begins as a number does, and none follows.
    """
    if found := _ADDRESS.match(text.strip()):
        return int(found[1])
    if not text.lower().startswith(PREFIX):
        return None
    number = text[len(PREFIX) :].strip()
    if not number.isascii() or not number.isdecimal():
        raise InvalidInputError(
            f"{text!r}: give the number of an image of NeuroVault, as in {PREFIX}10426 for "
            "https://neurovault.org/images/10426/."
        )
    return int(number)


def _cache(data_dir: str | Path | None) -> Path:
    from nilearn.datasets import get_data_dirs

    folder = None if data_dir is None else str(data_dir)
    return Path(get_data_dirs(folder)[0]) / "neurovault"


def _check_kind(image_id: int, about: dict) -> None:
    kind = str(about.get("image_type") or "statistic_map")
    if kind != "statistic_map":
        raise InvalidInputError(
            f"image_id={image_id}: NeuroVault says that this is no statistical map but of the kind "
            f"{kind!r}. Choose a statistical map."
        )
    map_type = str(about.get("map_type") or "")
    if map_type.lower().startswith(_NO_STATISTICS):
        raise InvalidInputError(
            f"image_id={image_id}: NeuroVault says that this is no statistical map but of the type "
            f"{map_type!r}. Choose a statistical map."
        )
    if map_type.lower().startswith(("p map", "1-p map")):
        raise InvalidInputError(
            f"image_id={image_id}: NeuroVault says that this holds p values. Download it there and "
            "make z of them with sklearn_mnm.brain.z_from_p, or 'mnm decode --p-values'."
        )


def _notes(about: dict) -> tuple[str, ...]:
    notes = []
    if about.get("not_mni"):
        notes.append("NeuroVault says that it is not in MNI152 space; places would be wrong.")
    template = str(about.get("target_template_image") or "MNI")
    if "mni" not in template.lower():
        notes.append(f"NeuroVault says that its template is {template}; places would be wrong.")
    if str(about.get("map_type") or "").lower().startswith(("f map", "chi")):
        notes.append(
            "NeuroVault says that it holds F or chi-squared, where activation and deactivation "
            "look alike."
        )
    if str(about.get("analysis_level", "")).lower().startswith("single"):
        notes.append("NeuroVault says that it is of a single person; the model knows group maps.")
    return tuple(notes)
