"""Models on the Hugging Face hub, as :mod:`sklearn_mnm.persistence` writes and reads them.

Nothing but the two files of a model is ever downloaded, and loading them executes nothing. The
hub is that of huggingface_hub: the public one, unless ``HF_ENDPOINT`` names another.
"""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import Any

import sklearn_mnm
from sklearn_mnm._tools.dependencies import import_optional
from sklearn_mnm.exceptions import HubError, InvalidInputError, ModelFormatError
from sklearn_mnm.persistence.files import MODEL_FILES, load_model, read_description, save_model

_LIBRARY = "sklearn-mnm"
_TAGS = ["neuroimaging", "fmri", "meta-analysis", "hyperbolic", "scikit-learn"]
_LOGIN = "log in with `hf auth login` or give token"

# Class -> what it is, and a line that uses `model`.
_CLASSES = {
    "MNMEncoder": ("texts to brain maps", 'maps = model.predict(["finger tapping"])'),
    "MNMDecoder": ("brain maps to terms", "terms = model.predict(maps)"),
    "HyperbolicBrainTextEmbedder": (
        "features of texts and activations of brain regions to points of one hyperbolic space",
        "points = model.transform(text_features)",
    ),
    "TermVectorizer": ("texts to weights of terms", 'features = model.transform(["some text"])'),
    "PeaksToRegions": ("peaks to activations of brain regions", "maps = model.transform(peaks)"),
}


def push_to_hub(
    model: Any,
    repo_id: str,
    *,
    license: str,
    description: str = "",
    precision: str = "full",
    private: bool | None = None,
    token: str | None = None,
) -> str:
    """Upload a fitted model to the Hugging Face hub, with a model card.

    Parameters
    ----------
    model : estimator or other object
        Fitted; what :func:`~sklearn_mnm.save_model` takes. An encoder or decoder holds the
        embeddings, ids and titles of the studies it was fitted to.
    repo_id : str
        Repository, as ``"owner/name"``. Made if there is none; else model and card are replaced
        in one commit, and the old ones stay in its history.
    license : str
        Licence of the model as the hub names it, such as ``"bsd-3-clause"`` or ``"cc-by-4.0"``.
    description : str, default=""
        Markdown for the card: which studies, how good the predictions are and where they are not
        to be used. The card says so if it is empty.
    precision : {"full", "compact"}, default="full"
        See :func:`~sklearn_mnm.save_model`.
    private : bool or None, default=None
        Whether a repository that is made can be seen by its owner only. If None, leave it to the
        settings of the owner.
    token : str or None, default=None
        Access token with the right to write. If None, use that of ``hf auth login`` or of the
        environment variable ``HF_TOKEN``.

    Returns
    -------
    commit : str
        Give it to :func:`load_from_hub` as `revision` to load this very model.

    Raises
    ------
    InvalidInputError
        If the model cannot be saved, or the hub does not take `repo_id` or `license`.
    sklearn.exceptions.NotFittedError
        If the model is not fitted.
    MissingDependencyError
        If huggingface_hub is not installed.
    HubError
        If the hub cannot be reached or refuses.

    See Also
    --------
    load_from_hub : Load it again.

    Examples
    --------
    >>> from sklearn_mnm import load_pretrained, push_to_hub
    >>> encoder, decoder = load_pretrained()
    >>> commit = push_to_hub(encoder, "me/my-encoder", license="bsd-3-clause")  # doctest: +SKIP
    """
    client = _client("push_to_hub")
    _check_repository(repo_id)
    if "/" not in repo_id:
        raise InvalidInputError(f"repo_id={repo_id!r} names no owner. Give 'owner/name'.")
    if not license or not isinstance(license, str):
        fault = f"={license!r} is no name of a licence" if license else " is empty"
        raise InvalidInputError(f"license{fault}. Name one, such as license='bsd-3-clause'.")
    if not isinstance(description, str):
        raise InvalidInputError(f"description={description!r} must be a string, Markdown.")
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent) / "model"
        save_model(model, folder, precision=precision)
        card = _card(client, model, read_description(folder), repo_id, license, description)
        (folder / "README.md").write_text(card, encoding="utf-8", newline="\n")
        api = _api(client, token)
        with _translated_errors(api.endpoint, repo_id):
            api.create_repo(repo_id, private=private, exist_ok=True)
            try:
                commit = api.upload_folder(
                    repo_id=repo_id,
                    folder_path=folder,
                    commit_message=f"Upload {type(model).__name__} with {_LIBRARY}",
                )
            except ValueError as error:
                if isinstance(error, OSError):  # an answer of the hub, rather than of the client
                    raise
                raise InvalidInputError(
                    f"license={license!r}: the hub does not take the model card ({_told(error)}). "
                    "Name one of its licences, such as 'bsd-3-clause', or 'other'."
                ) from error
    return commit.oid


def load_from_hub(
    repo_id: str,
    *,
    revision: str | None = None,
    token: str | None = None,
    cache_dir: str | Path | None = None,
) -> Any:
    """Load a model from the Hugging Face hub.

    Safe for models of any origin, as :func:`~sklearn_mnm.load_model` is: only the two files of a
    model are downloaded, whatever else the repository holds, and nothing of them is executed.

    Parameters
    ----------
    repo_id : str
        Repository, as ``"owner/name"``.
    revision : str or None, default=None
        Commit, tag or branch. If None, use the latest. Only a commit is sure to stay what it is:
        give one in what is to be repeated. With a commit, a model that was loaded before needs
        no network.
    token : str or None, default=None
        Access token, for private repositories. If None, use that of ``hf auth login`` or of the
        environment variable ``HF_TOKEN``.
    cache_dir : str, path or None, default=None
        Folder of downloads. If None, use that of huggingface_hub, which ``HF_HOME`` moves.

    Returns
    -------
    model : object
        See :func:`~sklearn_mnm.load_model`.

    Raises
    ------
    InvalidInputError
        If there is no such repository or revision, or it is not yours to read.
    MissingDependencyError
        If huggingface_hub is not installed.
    HubError
        If the hub cannot be reached, and the model was not downloaded before.
    ModelFormatError
        If the repository holds no model of this package, or a damaged one.

    See Also
    --------
    push_to_hub : Upload a model.

    Examples
    --------
    >>> from sklearn_mnm import load_from_hub
    >>> encoder = load_from_hub(
    ...     "me/my-encoder", revision="0123456789abcdef0123456789abcdef01234567"
    ... )  # doctest: +SKIP
    """
    client = _client("load_from_hub")
    _check_repository(repo_id)
    if not isinstance(revision, str | None):
        raise InvalidInputError(
            f"revision={revision!r} must be a string, a commit, tag or branch; None takes the "
            "latest."
        )
    if not isinstance(cache_dir, str | PathLike | None):
        raise InvalidInputError(f"cache_dir={cache_dir!r} must be the name of a folder, or None.")
    api = _api(client, token)
    with _translated_errors(api.endpoint, repo_id, revision):
        folder = api.snapshot_download(
            repo_id, revision=revision, cache_dir=cache_dir, allow_patterns=list(MODEL_FILES)
        )
    try:
        return load_model(folder)
    except ModelFormatError as error:
        raise ModelFormatError(f"repo_id={repo_id!r} holds no model to load: {error}") from error


def _client(purpose: str) -> Any:
    return import_optional("huggingface_hub", extra="hub", purpose=purpose)


def _check_repository(repo_id: Any) -> None:
    if not isinstance(repo_id, str):
        raise InvalidInputError(f"repo_id={repo_id!r} must be a string. Give 'owner/name'.")


def _api(client: Any, token: str | None) -> Any:
    if not isinstance(token, str | bool | None):  # which is not shown: it may be one by mistake
        raise InvalidInputError(f"token is a {type(token).__name__}; it must be a string, or None.")
    return client.HfApi(token=token, library_name=_LIBRARY, library_version=sklearn_mnm.__version__)


@contextmanager
def _translated_errors(endpoint: str, repo_id: str, revision: str | None = None) -> Iterator[None]:
    from huggingface_hub import errors

    try:
        yield
    except errors.HFValidationError as error:
        raise InvalidInputError(
            f"repo_id={repo_id!r} is no name of a repository ({_told(error)}). Give 'owner/name'."
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise InvalidInputError(
            f"repo_id={repo_id!r}: {endpoint} has no such repository, or does not show it to you. "
            f"Check the name; if it is private or gated, {_LOGIN}."
        ) from error
    except errors.RevisionNotFoundError as error:
        raise InvalidInputError(
            f"revision={revision!r}: {repo_id} at {endpoint} has no such commit, tag or branch. "
            "None takes the latest."
        ) from error
    # No network, offline on purpose, broken off: each layer of the client has errors of its own.
    except (OSError, RuntimeError, errors.HTTPError) as error:
        if status := getattr(getattr(error, "response", None), "status_code", None):
            refused = status in (401, 403)
            remedy = (
                f"If it is yours, {_LOGIN} with the right to write." if refused else "Try later."
            )
            raise HubError(f"{endpoint} refuses {repo_id!r} ({_told(error)}). {remedy}") from error
        raise HubError(
            f"{endpoint} could not be reached for {repo_id!r} ({_told(error)}). Connect to the "
            "network, and set HF_HUB_OFFLINE=0 if it is set. A model that was downloaded before is "
            "found without, given the same cache_dir and its commit as revision."
        ) from error


def _told(error: Exception) -> str:
    """Say what the client says, on one line."""
    return " ".join(str(error).split()).rstrip(".")


def _card(
    client: Any,
    model: Any,
    saved: dict[str, Any],
    repo_id: str,
    license: str,
    description: str,
) -> str:
    header = client.ModelCardData(license=license, library_name=_LIBRARY, tags=[_LIBRARY, *_TAGS])
    name = saved["class"]
    what, use = _CLASSES.get(name, ("a part of a model", ""))
    versions = ", ".join(f"{package} {version}" for package, version in saved["versions"].items())
    rows = {"class": name, **_facts(model), "precision": saved["precision"], "made by": versions}
    table = "\n".join(f"| {row} | {value} |" for row, value in rows.items())
    return f"""---
{header.to_yaml()}
---

# {repo_id.split("/")[-1]}

A fitted `{name}` of {_LIBRARY}, for brain-text meta-analysis in hyperbolic space: {what}.

## Load it

```sh
pip install "{_LIBRARY}[hub]"
```

```python
from sklearn_mnm import load_from_hub

# The commit under "Files and versions", as revision=..., makes sure that it stays the same.
model = load_from_hub({json.dumps(repo_id)})
{use}
```

Nothing in the files is executed.

## What it holds

| | |
| --- | --- |
{table}

## Data, quality and limits

{description.strip() or "Nothing was said about the studies, the quality or the limits."}
"""


def _facts(model: Any) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    embedder = getattr(model, "embedder_", model)
    if hasattr(embedder, "curvature_"):
        facts["text features"] = embedder.n_features_in_
        facts["regions"] = embedder.n_regions_
        facts["space"] = f"{embedder.n_components_} dimensions, curvature -{embedder.curvature_:g}"
    if hasattr(model, "neighbours_"):
        titles = " with titles" if model.neighbours_.titles is not None else ""
        facts["terms"] = len(model.terms_)
        facts["studies"] = f"{len(model.neighbours_.ids)}, as embeddings{titles}"
    return facts
