"""Sentence embeddings as a scikit-learn transformer."""

from __future__ import annotations

import hashlib
import warnings
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, TransformerMixin, _fit_context
from sklearn.preprocessing import normalize
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted

from sklearn_mnm._tools.dependencies import import_optional
from sklearn_mnm.exceptions import DataWarning, InvalidInputError, StorageError
from sklearn_mnm.text._documents import as_documents
from sklearn_mnm.text._embedding_cache import EmbeddingCache

# Batches encoded between two visits to the cache: the model sorts texts by length within a
# call, which pays off with many of them, and an interrupted run keeps what was done before.
_BATCHES_PER_CALL = 16


class SentenceTransformerVectorizer(TransformerMixin, BaseEstimator):
    """Embed documents with a model of the sentence-transformers library.

    Choose it where the wording of a query may differ from that of the corpus; choose
    :class:`TermVectorizer` for features that can be read, and for speed.

    Parameters
    ----------
    model : str or pathlib.Path, default="sentence-transformers/all-MiniLM-L6-v2"
        Name on the Hugging Face Hub, or a local folder, which needs no network.
    batch_size : int, default=32
        Documents that go through the model together.
    normalize : bool, default=True
        Scale each embedding to length 1.
    cache_dir : str or pathlib.Path, default=None
        Folder in which embeddings are kept, so that a text is never embedded twice by the same
        model. If None, keep nothing. A local model is known by the content of its files, a model of
        the Hub by its name: use a new folder if it was changed there under the same name.
    device : str, default="auto"
        Device of torch, e.g. ``"cpu"`` or ``"cuda"``; ``"auto"`` takes the fastest at hand.

    Attributes
    ----------
    n_dimensions_ : int
        Length of an embedding.
    model_identity_ : str
        What tells the model from others in the cache.

    Notes
    -----
    Documents longer than the window of the model (256 word pieces for all-MiniLM-L6-v2) are cut
    at their end by the model, and counted in a warning when they are embedded (not when they come
    out of the cache). Empty or blank documents become zero vectors.

    Examples
    --------
    >>> vectorizer = SentenceTransformerVectorizer(cache_dir="embeddings")  # doctest: +SKIP
    >>> vectorizer.fit_transform(["n-back task", "painful heat"]).shape  # doctest: +SKIP
    (2, 384)
    """

    _parameter_constraints = {  # noqa: RUF012  # scikit-learn's convention
        "model": [str, Path],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "normalize": ["boolean"],
        "cache_dir": [str, Path, None],
        "device": [str],
    }

    def __init__(
        self,
        model: str | Path = "sentence-transformers/all-MiniLM-L6-v2",
        *,
        batch_size: int = 32,
        normalize: bool = True,
        cache_dir: str | Path | None = None,
        device: str = "auto",
    ) -> None:
        self.model = model
        self.batch_size = batch_size
        self.normalize = normalize
        self.cache_dir = cache_dir
        self.device = device

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None) -> SentenceTransformerVectorizer:
        """Check the documents and get hold of the model; nothing is learnt.

        Parameters
        ----------
        X : sequence of str, length n_documents
            Documents.
        y : ignored
            Accepted for use in pipelines.

        Returns
        -------
        self : SentenceTransformerVectorizer

        Raises
        ------
        InvalidInputError
            If an entry is not a string, or the model cannot be loaded.
        MissingDependencyError
            If sentence-transformers is not installed.
        """
        documents = as_documents(X)
        self.__dict__.pop("_model", None)
        self.model_identity_ = _model_identity(self.model)
        # A cached document tells the dimension without seconds spent on loading the model.
        known, _ = self._read_cache(document for document in documents[:1] if document.strip())
        if known:
            self.n_dimensions_ = len(next(iter(known.values())))
        else:
            self.n_dimensions_ = int(self._loaded_model().encode(["a"]).shape[1])
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Embed documents.

        Parameters
        ----------
        X : sequence of str, length n_documents
            Documents.

        Returns
        -------
        embeddings : ndarray of float32, shape (n_documents, n_dimensions_)

        Raises
        ------
        InvalidInputError
            If an entry is not a string.

        Warns
        -----
        DataWarning
            With counts, if texts are longer than the window of the model, which cuts them; if
            entries of the cache are damaged, which are computed anew; or if the cache cannot be
            written, as on a full disk: then the embeddings are returned, and not kept.
        """
        check_is_fitted(self)
        documents = as_documents(X)
        distinct = list(dict.fromkeys(text for text in documents if text.strip()))
        vectors, n_damaged = self._read_cache(distinct)
        if n_damaged:
            warnings.warn(
                f"{n_damaged} of {len(distinct)} cached embeddings in {self.cache_dir} were "
                "damaged and are computed anew.",
                DataWarning,
                stacklevel=2,
            )
        new = [text for text in distinct if text not in vectors]
        if n_cut := self._count_cut(new):
            warnings.warn(
                f"{n_cut} of {len(new)} texts are longer than the "
                f"{self._loaded_model().max_seq_length} word pieces that the model takes, and were "
                "cut at their end. Put what matters first, give shorter texts, or a model with a "
                "longer window.",
                DataWarning,
                stacklevel=2,
            )
        vectors.update(self._encode(new))
        embeddings = np.zeros((len(documents), self.n_dimensions_), dtype=np.float32)
        for row, text in enumerate(documents):
            if text in vectors:
                embeddings[row] = vectors[text]
        return normalize(embeddings, copy=False) if self.normalize else embeddings

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> np.ndarray:
        """Return ``"embedding0"``, ``"embedding1"``, ...

        Parameters
        ----------
        input_features : ignored
            Accepted for scikit-learn's interface.

        Returns
        -------
        names : ndarray of object, shape (n_dimensions_,)
        """
        check_is_fitted(self)
        return np.array([f"embedding{i}" for i in range(self.n_dimensions_)], dtype=object)

    def _read_cache(self, texts: Any) -> tuple[dict[str, np.ndarray], int]:
        """Return the vectors that are cached, and how many entries were damaged."""
        vectors: dict[str, np.ndarray] = {}
        n_damaged = 0
        if self.cache_dir is None:
            return vectors, n_damaged
        cache = EmbeddingCache(self.cache_dir, self.model_identity_)
        for text in texts:
            try:
                vector = cache.read(text)
            except ValueError:
                n_damaged += 1
                continue
            if vector is not None:
                vectors[text] = vector
        return vectors, n_damaged

    def _count_cut(self, texts: list[str]) -> int:
        """Count the texts of which the model will not see the end."""
        if not texts:
            return 0
        model = self._loaded_model()
        window, tokenizer = getattr(model, "max_seq_length", None), model.tokenizer
        if not window or not callable(tokenizer):
            return 0
        # A word piece has at least one character; two more mark beginning and end.
        long = [text for text in texts if len(text) > window - 2]
        if not long:
            return 0
        pieces = tokenizer(long, truncation=False, padding=False, verbose=False)["input_ids"]
        return sum(len(ids) > window for ids in pieces)

    def _encode(self, texts: list[str]) -> dict[str, np.ndarray]:
        vectors: dict[str, np.ndarray] = {}
        is_kept = self.cache_dir is not None
        step = _BATCHES_PER_CALL * self.batch_size
        for start in range(0, len(texts), step):
            block = texts[start : start + step]
            encoded = self._loaded_model().encode(
                block, batch_size=self.batch_size, show_progress_bar=False, convert_to_numpy=True
            )
            vectors.update(zip(block, encoded, strict=True))
            if is_kept:
                is_kept = self._write_cache(block, encoded)
        return vectors

    def _write_cache(self, texts: list[str], vectors: np.ndarray) -> bool:
        """Keep vectors; whether that went well: what was computed is not lost for a full disk."""
        cache = EmbeddingCache(str(self.cache_dir), self.model_identity_)
        try:
            for text, vector in zip(texts, vectors, strict=True):
                cache.write(text, vector)
        except StorageError as error:
            warnings.warn(f"Embeddings are not kept: {error}", DataWarning, stacklevel=4)
            return False
        return True

    def _loaded_model(self) -> Any:
        if not hasattr(self, "_model"):
            library = import_optional(
                "sentence_transformers", extra="text", purpose="SentenceTransformerVectorizer"
            )
            device = None if self.device == "auto" else self.device
            try:
                self._model = library.SentenceTransformer(str(self.model), device=device)
            except (OSError, ValueError, RuntimeError) as error:
                raise InvalidInputError(
                    f"model={str(self.model)!r} could not be loaded on device {self.device!r}: "
                    f"{error}. Give the name of a sentence-transformers model that can be "
                    "downloaded, or a local folder that holds one."
                ) from error
        return self._model

    def __getstate__(self) -> dict[str, Any]:
        # The network stays out of pickles; it is loaded again when first needed.
        state = dict(super().__getstate__())
        state.pop("_model", None)
        return state

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        tags.transformer_tags.preserves_dtype = []
        return tags


def _model_identity(model: str | Path) -> str:
    """Return the name of a model on the Hub, or a hash over the files of a local one."""
    folder = Path(model)
    if not folder.is_dir():
        if isinstance(model, Path) or str(model).startswith((".", "/", "~")):
            raise InvalidInputError(f"model={str(model)!r}: there is no such folder.")
        return str(model)
    overall = hashlib.blake2b()
    for path in sorted(file for file in folder.rglob("*") if file.is_file()):
        content = hashlib.blake2b()
        with path.open("rb") as stream:
            while block := stream.read(1 << 20):
                content.update(block)
        overall.update(path.relative_to(folder).as_posix().encode() + b"\0" + content.digest())
    return f"folder:{overall.hexdigest()}"
