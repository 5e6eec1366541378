"""One image of NeuroVault by its number."""

from __future__ import annotations

import logging
import warnings
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import NamedTuple

from sklearn_mnm._tools.arrays import check_count
from sklearn_mnm.exceptions import DownloadError, InvalidInputError

# What is written before a number where a file could be given, too.
PREFIX = "neurovault:"
# Seconds that a request may take.
_TIMEOUT = 10.0


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
        with warnings.catch_warnings(), redirect_stdout(said), redirect_stderr(said):
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
            "Try again, or download it from there and give the file."
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


def is_neurovault_id(text: str) -> bool:
    """Whether a text names an image of NeuroVault, as ``neurovault:10426`` does."""
    return text.lower().startswith(PREFIX) and text[len(PREFIX) :].strip().isdecimal()


def _check_kind(image_id: int, about: dict) -> None:
    kind = str(about.get("image_type") or "statistic_map")
    if kind != "statistic_map":
        raise InvalidInputError(
            f"image_id={image_id}: NeuroVault says that this is no statistical map but of the kind "
            f"{kind!r}. Choose a statistical map."
        )
    if str(about.get("map_type", "")).lower().startswith("p map"):
        raise InvalidInputError(
            f"image_id={image_id}: NeuroVault says that this holds p values. Download it there and "
            "make z of them with sklearn_mnm.brain.z_from_p, or 'mnm decode --p-values'."
        )


def _notes(about: dict) -> tuple[str, ...]:
    notes = []
    if about.get("not_mni"):
        notes.append("NeuroVault says that it is not in MNI152 space; places would be wrong.")
    if str(about.get("analysis_level", "")).lower().startswith("single"):
        notes.append("NeuroVault says that it is of a single person; the model knows group maps.")
    return tuple(notes)
