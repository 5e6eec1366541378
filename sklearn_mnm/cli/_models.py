"""Find the model that a command is asked to use."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sklearn_mnm._tools.storage import reading
from sklearn_mnm.exceptions import InvalidInputError

if TYPE_CHECKING:
    from sklearn_mnm.decoder import MNMDecoder
    from sklearn_mnm.encoder import MNMEncoder

BUNDLED = "neuroquery"
HUB = "hub:"


def _complete(start: str) -> list[str]:
    folders = (path.parent for path in Path().glob("*/model.json"))
    return [name for name in (BUNDLED, *map(str, folders)) if name.startswith(start)]


#: The option of commands that use a model.
Model = Annotated[
    str,
    typer.Option(
        "--model",
        "-m",
        help=f"Folder of a saved model, {HUB}owner/name on the Hugging Face hub, or "
        f"{BUNDLED}, which comes with the package.",
        autocompletion=_complete,
    ),
]


def is_bundled(name: str) -> bool:
    """Return whether a name is that of a model of the package.

    A folder of this name is a model only if it holds one: 'mnm fetch' makes folders of such names.
    """
    return name == BUNDLED and not (Path(name) / "model.json").is_file()


def load_fitted(name: str) -> "MNMEncoder | MNMDecoder":
    """Load a model in the direction in which it was saved.

    Parameters
    ----------
    name : str
        Folder, ``hub:owner/name``, or name of a model that comes with the package.

    Raises
    ------
    InvalidInputError
        If there is no such model, or it is neither an encoder nor a decoder.
    """
    from sklearn_mnm.decoder import MNMDecoder
    from sklearn_mnm.encoder import MNMEncoder

    if name.startswith(HUB):
        from sklearn_mnm.persistence.hub import load_from_hub

        model = load_from_hub(name.removeprefix(HUB))
    elif is_bundled(name):
        return MNMEncoder.from_pretrained(name)
    elif _is_folder(name):
        from sklearn_mnm.persistence.files import load_model

        model = load_model(name)
    else:
        raise InvalidInputError(
            f"model: there is no folder {name!r}. Give that of a model that 'mnm fit' or "
            f"save_model wrote, {HUB}owner/name, or {BUNDLED!r}."
        )
    if isinstance(model, MNMEncoder | MNMDecoder):
        if not hasattr(model, "neighbours_"):
            raise InvalidInputError(f"model: {name} is not fitted. Make one with 'mnm fit'.")
        return model
    raise InvalidInputError(
        f"model: {name} is a {type(model).__name__}; an MNMEncoder or MNMDecoder is needed."
    )


def load_encoder(name: str) -> "MNMEncoder":
    """Load a model, as :func:`load_fitted` does, in the direction from text to maps."""
    from sklearn_mnm.decoder import MNMDecoder

    model = load_fitted(name)
    return model.encoder() if isinstance(model, MNMDecoder) else model


def _is_folder(name: str) -> bool:
    with reading(name):
        return Path(name).is_dir()
