"""Models that come with the package."""

from pathlib import Path
from typing import Any, NamedTuple

from sklearn_mnm.exceptions import InvalidInputError
from sklearn_mnm.persistence.files import load_model

_FOLDER = Path(__file__).parent / "pretrained_models"


class Pretrained(NamedTuple):
    """Both directions of one fitted model.

    Attributes
    ----------
    encoder : MNMEncoder
        From texts to maps.
    decoder : MNMDecoder
        From maps to terms; shares all parts with the encoder.
    """

    encoder: Any
    decoder: Any


def load_pretrained(name: str = "neuroquery") -> Pretrained:
    """Load a model that comes with the package; nothing is downloaded.

    Parameters
    ----------
    name : {"neuroquery"}, default="neuroquery"
        ``"neuroquery"`` is fitted to 12,000 studies of the NeuroQuery release. It holds
        coefficients, vocabulary, and of the studies PubMed ids, titles, embeddings and which terms
        they hold, but neither abstracts nor peaks. :func:`model_card` tells about data, licence,
        quality and limits.

    Returns
    -------
    model : Pretrained
        ``encoder, decoder = load_pretrained()``.

    Raises
    ------
    InvalidInputError
        If there is no such model.

    Examples
    --------
    >>> from sklearn_mnm import load_pretrained
    >>> encoder, decoder = load_pretrained()
    >>> image = encoder.predict_img(["reward anticipation"])
    >>> "reward" in decoder.predict(image)[0]
    True
    """
    encoder = load_model(_folder(name))
    return Pretrained(encoder, encoder.decoder())


def model_card(name: str = "neuroquery") -> str:
    """Read the card of a model: data, licence, how it was made, quality and limits.

    Parameters
    ----------
    name : str, default="neuroquery"
        See :func:`load_pretrained`.

    Returns
    -------
    card : str
        Markdown.
    """
    return (_folder(name).parent / f"{name}.md").read_text(encoding="utf-8")


def _folder(name: str) -> Path:
    known = sorted(path.stem for path in _FOLDER.glob("*.md"))
    if name not in known:
        raise InvalidInputError(
            f"name={name!r} is none of the models that come with the package: {known}. "
            "load_model() loads one from a folder."
        )
    return _FOLDER / name
