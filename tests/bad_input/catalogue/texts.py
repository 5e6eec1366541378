"""Texts and term counts, given to all that takes them."""

# ruff: noqa: E501  # rows of a table stay on one line
from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils._param_validation import InvalidParameterError

from catalogue.case import Case
from catalogue.faults import Fault, case, finite
from catalogue.workshop import Workshop
from sklearn_mnm import MNMEncoder, PeaksToRegions, SentenceTransformerVectorizer, TermVectorizer
from sklearn_mnm.exceptions import (
    DataWarning,
    InvalidInputError,
    UnknownQueryWarning,
)
from sklearn_mnm.text import check_query, explain_query, learn_synonyms, match_terms, sided_phrases


def texts(*values: Any) -> Callable[[Workshop], Any]:
    """Make texts."""
    return lambda w: list(values)


def counts(change: Callable[[np.ndarray], Any]) -> Callable[[Workshop], Any]:
    """Make a fault of a change of term counts with the columns that the vectorizer knows."""
    return lambda w: change(np.ones((3, w.vectorizer.n_features_in_)))


#: What is neither texts nor counts.
NO_TEXTS = (
    Fault("wrong shape", "one string", lambda w: "finger tapping", InvalidInputError, ("{x}: expected several", "write")),
    Fault("wrong shape", "lists of strings", texts(["finger"], ["motion"]), InvalidInputError, ("{x}: could not convert string", "Give a list of strings")),
    Fault("wrong dtype", "numbers", texts(1, 2), InvalidInputError, ("{x}: Expected 2D array", "Give a list of strings")),
    Fault("wrong dtype", "bytes", texts(b"finger"), InvalidInputError, ("{x}: could not convert string", "Give a list of strings")),
    Fault("wrong dtype", "a dictionary", lambda w: {"finger": 1}, InvalidInputError, ("{x}: expected a list of strings, got",)),
    Fault("wrong dtype", "nothing", lambda w: None, InvalidInputError, ("{x}: Expected 2D array, got scalar|{x}: expected a list", "list of strings")),
    Fault("wrong dtype", "a data frame of strings", lambda w: pd.DataFrame({"text": ["finger"]}), InvalidInputError, ("{x}: could not convert string", "Give a list of strings")),
    Fault("NaN", "NaN for a text", texts("finger", float("nan")), InvalidInputError, ("{x}: row 1", "empty string")),
    Fault("object array", "nothing among strings", lambda w: np.array(["finger", None], object), InvalidInputError, ("{x}: row 1", "empty string")),
)  # fmt: skip


def _of_strings(fault: Fault) -> tuple[str, ...]:
    """What is told of a fault of `NO_TEXTS` where counts are no texts either."""
    if fault.given in ("a dictionary", "nothing"):
        return ("{x}: expected a list of strings, got",)
    if fault.given == "one string":
        return ("{x}: expected several strings, got one", "write")
    return ("{x}: row [01] is .*, not a string", "give an empty string")


def _of_queries(fault: Fault) -> tuple[str, ...]:
    """What is told of a fault of `NO_TEXTS` where there is no empty query."""
    if fault.given in ("one string", "a dictionary"):
        return ("{x}: expected a list of strings, got", "write")
    return ("{x}: entry 0 is", "at least one word")


#: Counts that are none.
NO_COUNTS = (
    Fault("wrong shape", "counts of 5 terms", lambda w: np.ones((3, 5)), InvalidInputError, ("{x}: X has 5 features", "Give")),
    Fault("NaN", "counts with NaN", counts(lambda c: c * np.nan), InvalidInputError, ("{x}: .*NaN", "Give")),
    Fault("infinity", "counts with infinity", counts(lambda c: c + np.inf), InvalidInputError, ("{x}: .*infinity", "Give")),
    Fault("negative values", "negative counts", counts(np.negative), InvalidInputError, ("{x}: Negative", "none negative")),
)  # fmt: skip

#: Texts that say little.
SILENT = (
    Fault("empty", "no text", texts(), InvalidInputError, ("X: Expected 2D array", "Give a list of strings")),
    Fault("empty", "an empty string", texts(""), InvalidInputError, ("X: entry 0", "at least one word")),
    Fault("all-zero text", "unknown words only", texts("qwxzzy"), InvalidInputError, ("holds no known term", "Use other words")),
    Fault("all-zero text", "one text of unknown words", texts("qwxzzy", "finger"), UnknownQueryWarning, ("X: 1 of 2 hold no known term", "entry 0"), rows=2),
    Fault("all-zero text", "counts of zeros", counts(lambda c: 0 * c), "what is predicted of no text", rows=3),
    Fault("control characters", "control characters and half a surrogate pair", texts("finger\x00\x1b[31m\ud800 tapping"), "the result of the words between them", rows=1),
    Fault("huge values", "a text of 200,000 words", texts("finger " * 200_000), "a finite result", rows=1),
    Fault("huge values", "counts of 1e300", counts(lambda c: c * 1e300), "a finite result", rows=3),
    Fault("one sample", "one text", texts("finger"), "one row of results", rows=1),
    Fault("duplicated studies", "the same text five times", texts(*["finger"] * 5), "the same row five times", rows=5),
)  # fmt: skip


def _of(method: str) -> Callable[[Workshop, Any], Any]:
    return lambda w, given: getattr(w.placeless, method)(given)


def _image_of(w: Workshop, given: Any) -> Any:
    vectorizer = w.encoder.vectorizer_
    if isinstance(given, np.ndarray) and given.ndim == 2 and given.shape[1] != 5:
        given = np.resize(given, (len(given), vectorizer.n_features_in_))
    elif isinstance(given, list):
        # In the words of the encoder of peaks, which are made up.
        term = str(w.encoder.terms_[0])
        given = [t.replace("finger", term) if isinstance(t, str) else t for t in given]
    return w.encoder.predict_img(given)


def _encoder_cases() -> Iterator[Case]:
    calls = {
        name: _of(name)
        for name in ("transform", "predict", "predict_z", "predict_interval", "retrieve")
    }
    calls["predict_img"] = _image_of
    for name, call in calls.items():
        for fault in NO_TEXTS + NO_COUNTS + SILENT:
            yield case(fault, f"MNMEncoder.{name}", call)
    for fault in NO_TEXTS:
        if fault.given != "one string":  # which is one text
            yield case(
                fault, "MNMEncoder.fit",
                lambda w, t: clone(w.placeless).fit(t, w.maps[:2]),
            )  # fmt: skip
            # Without texts those of the maps are taken, and numbers are counts of one term.
            if fault.given not in ("nothing", "numbers"):
                yield case(
                    fault, "MNMDecoder.fit",
                    lambda w, t: clone(w.placeless.decoder()).fit(w.maps[:2], t),
                )  # fmt: skip
            yield case(
                fault, "MNMEncoder.partial_fit", lambda w, t: w.learning.partial_fit(t, w.maps[:2])
            )
            yield case(fault, "MNMEncoder.score", lambda w, t: w.placeless.score(t, w.maps[:2]))
    for given, remedy in (
        (["", ""], "documents with words"),
        (["the", "of"], "documents with words"),
    ):
        yield Case(
            "MNMEncoder.fit", "all-zero text", f"X: {given}",
            lambda w, given=given: clone(w.placeless).fit(given, w.maps[:2]),
            InvalidInputError, ("X: empty vocabulary", remedy),
        )  # fmt: skip
    yield Case(
        "MNMEncoder.fit", "all-zero text", "X: a text of no word",
        lambda w: clone(w.placeless).fit(["", *w.texts[1:]], w.maps),
        DataWarning, ("1 of 40 studies are left out", "no known term"),
        holds=lambda model: len(model.neighbours_.ids) == 39,
    )  # fmt: skip
    yield Case(
        "MNMEncoder.fit", "duplicated studies", "one study forty times",
        lambda w: clone(w.placeless).fit(w.texts[:1] * 40, w.maps[[0] * 40]),
        "a model that predicts that study",
        holds=lambda model: finite(model.predict(["finger"])),
    )  # fmt: skip
    yield Case(
        "MNMEncoder.fit", "unknown choice", "hierarchy: a word",
        lambda w: clone(w.placeless).set_params(hierarchy="lobes").fit(w.texts, w.maps),
        InvalidParameterError, ("'hierarchy'", "ward"),
    )  # fmt: skip
    for method in ("predict", "predict_z", "predict_interval"):
        yield Case(
            f"MNMEncoder.{method}", "unknown choice", "level: one that is not there",
            lambda w, m=method: getattr(w.placeless, m)(["finger"], level="lobe"),
            InvalidInputError, ("level='lobe'", "none of"),
        )  # fmt: skip
    for kind, value in (("huge values", 2), ("wrong dtype", "0.9")):
        yield Case(
            "MNMEncoder.predict_interval", kind, f"coverage: {value!r}",
            lambda w, v=value: w.placeless.predict_interval(["finger"], coverage=v),
            InvalidInputError, (f"coverage={value!r}", r"0\.5"),
        )  # fmt: skip
    yield Case(
        "MNMEncoder.predict_img", "unknown choice", "a model that knows no places",
        lambda w: w.placeless.predict_img(["finger"]),
        InvalidInputError, ("where regions are", "Fit to peaks or images"),
    )  # fmt: skip
    yield Case(
        "MNMEncoder.predict_img", "unknown choice", "kind: a word",
        lambda w: w.encoder.predict_img(["finger"], kind="t"),
        InvalidInputError, ("kind='t'", "choose"),
    )  # fmt: skip
    for k in (0, 41, 2.5):
        yield Case(
            "MNMEncoder.retrieve", "unknown choice", f"k: {k} of 40 studies",
            lambda w, k=k: w.placeless.retrieve(["finger"], k=k),
            InvalidInputError, (f"k={k}", "40"),
        )  # fmt: skip
    yield Case(
        "MNMEncoder.retrieve", "unknown choice", "by: a word",
        lambda w: w.placeless.retrieve(["finger"], by="title"),
        InvalidInputError, ("by='title'", "brain"),
    )  # fmt: skip
    for method in ("explain", "walk"):
        for kind, given, text, tells in (
            ("empty", "an empty string", "", ("at least one word",)),
            (
                "wrong dtype",
                "a number",
                3,
                ("text: got 3; give a string|X: Expected 2D .*Give a list of strings",),
            ),
            (
                "wrong dtype",
                "nothing",
                None,
                ("text: got None; give a string|X: Expected 2D .*Give a list of strings",),
            ),
        ):
            yield Case(
                f"MNMEncoder.{method}", kind, f"text: {given}",
                lambda w, m=method, t=text: getattr(w.placeless, m)(t),
                InvalidInputError, tells,
            )  # fmt: skip
    yield Case(
        "MNMEncoder.walk", "all-zero text", "text: an unknown word",
        lambda w: w.placeless.walk("qwxzzy"), InvalidInputError, ("holds no known term", "other words"),
    )  # fmt: skip
    yield Case(
        "MNMEncoder.walk", "unknown choice", "n_steps: 0",
        lambda w: w.placeless.walk("finger", n_steps=0), InvalidInputError, ("n_steps=0", "at least"),
    )  # fmt: skip
    yield Case(
        "MNMEncoder.ancestors", "all-zero text", "X: an unknown word",
        lambda w: w.placeless.ancestors(["qwxzzy"]), InvalidInputError, ("holds no known term", "other words"),
    )  # fmt: skip
    yield Case(
        "MNMEncoder.ancestors", "unknown choice", "min_probability: 2",
        lambda w: w.placeless.ancestors(["finger"], min_probability=2), InvalidInputError, ("min_probability=2", "0 to 1"),
    )  # fmt: skip
    for kind, given, term, tells in (
        ("unknown choice", "a word of no text", "qwxzzy", ("'qwxzzy' is no term", "terms_")),
        ("wrong dtype", "a number", 3, ("term=3", "string")),
        ("empty", "an empty string", "", ("term='' is no term", "terms_")),
    ):
        yield Case(
            "MNMEncoder.descendants", kind, f"term: {given}",
            lambda w, t=term: w.placeless.descendants(t), InvalidInputError, tells,
        )  # fmt: skip
    yield Case(
        "MNMEncoder.explain", "unknown choice", "k: -1",
        lambda w: w.placeless.explain("finger", k=-1), InvalidInputError, ("k=-1", "at least 0"),
    )  # fmt: skip
    for name in ("MNMEncoder", "MNMDecoder"):
        yield Case(
            f"{name}.from_pretrained", "unknown choice", "name: of no model",
            lambda w, n=name: getattr(__import__("sklearn_mnm"), n).from_pretrained("brainmap"),
            InvalidInputError, ("name='brainmap'", "load_model"),
        )  # fmt: skip
        yield Case(
            name, "not fitted", "predict before fit",
            lambda w, n=name: getattr(__import__("sklearn_mnm"), n)().predict(["finger"]),
            NotFittedError, (f"{name} instance is not fitted", "fit"),
        )  # fmt: skip
    yield Case(
        "MNMEncoder.decoder", "unknown choice", "n_terms: 0, found when it is used",
        lambda w: w.placeless.decoder(n_terms=0).fit(w.maps, w.texts),
        InvalidParameterError, ("'n_terms'", "range"),
    )  # fmt: skip
    yield Case(
        "PeaksToRegions", "not fitted", "transform before fit",
        lambda w: PeaksToRegions().transform(w.peaks), NotFittedError, ("not fitted", "fit"),
    )  # fmt: skip
    yield Case(
        "PeaksToRegions", "negative values", "fwhm: -1",
        lambda w: PeaksToRegions(fwhm=-1).fit(w.studies), InvalidParameterError, ("'fwhm'", "range"),
    )  # fmt: skip


def _vectorizer_cases() -> Iterator[Case]:
    for method in ("fit", "fit_transform", "transform"):

        def call(w: Workshop, given: Any, method: str = method) -> Any:
            vectorizer = w.vectorizer if method == "transform" else TermVectorizer(min_df=1)
            return getattr(vectorizer, method)(given)

        name = f"TermVectorizer.{method}"
        for fault in NO_TEXTS:
            yield case(fault, name, call)
        for fault in NO_COUNTS:
            if method == "transform" or fault.kind != "wrong shape":
                yield case(fault, name, call)
        yield Case(
            name, "empty", "X: no text", lambda w, call=call: call(w, []),
            InvalidInputError, ("X: ", "Give a list"),
        )  # fmt: skip
    yield Case(
        "TermVectorizer.fit", "all-zero text", "X: texts of stop words",
        lambda w: TermVectorizer(min_df=1).fit(["the", "of"]),
        InvalidInputError, ("X: empty vocabulary", "Give documents with words"),
    )  # fmt: skip
    yield Case(
        "TermVectorizer.transform", "all-zero text", "X: unknown words",
        lambda w: w.vectorizer.transform(["qwxzzy"]), "a row of zeros", holds=lambda X: X.nnz == 0,
    )  # fmt: skip
    yield Case(
        "TermVectorizer.transform", "unaligned parts", "X: texts, after a fit to unnamed columns",
        lambda w: TermVectorizer(min_df=1).fit(w.counts).transform(["finger"]),
        InvalidInputError, ("X: raw documents need a vocabulary", "before fitting"),
    )  # fmt: skip
    yield Case(
        "TermVectorizer.fit", "unaligned parts", "vocabulary: fewer terms than columns",
        lambda w: TermVectorizer(["pain"]).fit(w.counts),
        InvalidInputError, ("X has 8 columns but vocabulary has 1",),
    )  # fmt: skip
    yield Case(
        "TermVectorizer.get_feature_names_out", "unaligned parts", "input_features: too few",
        lambda w: TermVectorizer(min_df=1).fit(w.counts).get_feature_names_out(["a"]),
        InvalidInputError, ("input_features", "Give the names"),
    )  # fmt: skip
    for kind, given, vocabulary, tells in (
        ("empty", "no term", [], ("vocabulary: is empty", "at least one")),
        ("wrong shape", "one string", "pain", ("'vocabulary'", "array-like")),
        ("control characters", "a term without a letter", ["\x00"], ("vocabulary", "no letter")),
        (
            "duplicated studies",
            "terms that differ by case",
            ["Pain", "pain"],
            ("vocabulary", "keep one"),
        ),
    ):
        yield Case(
            "TermVectorizer", kind, f"vocabulary: {given}",
            lambda w, v=vocabulary: TermVectorizer(v).fit(w.texts),
            InvalidParameterError if isinstance(vocabulary, str) else InvalidInputError, tells,
        )  # fmt: skip
    for method in ("fit", "transform"):
        for fault in NO_TEXTS:
            yield case(
                fault._replace(tells=_of_strings(fault)), f"SentenceTransformerVectorizer.{method}",
                lambda w, t, m=method: getattr(w.sentences, m)(t),
            )  # fmt: skip
    yield Case(
        "SentenceTransformerVectorizer.transform", "all-zero text", "X: an empty string",
        lambda w: w.sentences.transform([""]), "a row of zeros", holds=lambda X: not X.any(),
    )  # fmt: skip
    yield Case(
        "SentenceTransformerVectorizer.transform", "control characters", "X: control characters",
        lambda w: w.sentences.transform(["pain\x00\x1b[31m"]), "a finite row", holds=finite,
    )  # fmt: skip
    yield Case(
        "SentenceTransformerVectorizer", "missing or foreign file", "model: no such folder",
        lambda w: SentenceTransformerVectorizer(w.folder / "absent").fit(["pain"]),
        InvalidInputError, ("model=", "no such folder"),
    )  # fmt: skip
    yield Case(
        "SentenceTransformerVectorizer", "missing or foreign file", "model: a folder without a model",
        lambda w: SentenceTransformerVectorizer(w.folder).fit(["pain"]),
        InvalidInputError, ("model=", "Give the name"),
    )  # fmt: skip


def _query_cases() -> Iterator[Case]:
    for fault in NO_TEXTS[:5]:
        yield case(
            fault._replace(tells=_of_queries(fault)), "check_query",
            lambda w, t: check_query(t, w.vectorizer), "texts",
        )  # fmt: skip
        yield case(
            fault._replace(tells=_of_strings(fault)), "match_terms",
            lambda w, t: match_terms(t, w.vectorizer), "names",
        )  # fmt: skip
    yield Case(
        "sided_phrases", "wrong dtype", "text: a number",
        lambda w: sided_phrases(3), InvalidInputError, ("text: got 3", "give a string"),
    )  # fmt: skip
    yield Case(
        "learn_synonyms", "wrong shape", "features: of two studies for one title",
        lambda w: learn_synonyms(["heat"], np.ones((2, 1)), ["pain"]), InvalidInputError, ("shape .2, 1.", "a row per title"),
    )  # fmt: skip
    yield Case(
        "learn_synonyms", "wrong dtype", "titles: one string",
        lambda w: learn_synonyms("heat", np.ones((1, 1)), ["pain"]), InvalidInputError, ("titles: expected several", "write"),
    )  # fmt: skip
    for kind, given, synonyms, told in (
        (
            "wrong dtype",
            "a number for terms",
            {"heat": 1},
            ("synonyms..heat.. is 1", "Give a term"),
        ),
        (
            "unknown choice",
            "no term",
            {"heat": "qwxzzy"},
            ("no term of the vocabulary", "Name terms"),
        ),
        (
            "negative values",
            "a weight of -1",
            {"heat": {"finger": -1}},
            ("is {'finger': -1}", "weights above 0"),
        ),
        ("wrong dtype", "no word", {3: "finger"}, ("3 is no word", "Give a dict from words")),
    ):
        yield Case(
            "TermVectorizer.fit", kind, f"synonyms: {given}",
            lambda w, s=synonyms: TermVectorizer(["finger", "pain"], min_df=1, synonyms=s).fit([[1, 1]]), InvalidInputError, told,
        )  # fmt: skip
    yield Case(
        "check_query", "empty", "texts: none", lambda w: check_query([], w.vectorizer),
        InvalidInputError, ("texts: holds no query", "at least one"),
    )  # fmt: skip
    yield Case(
        "check_query", "all-zero text", "texts: an unknown word",
        lambda w: check_query(["qwxzzy"], w.vectorizer),
        UnknownQueryWarning, ("texts: 1 of 1 hold no known term",), holds=lambda usable: not usable[0],
    )  # fmt: skip
    yield Case(
        "match_terms", "all-zero text", "names: an unknown word",
        lambda w: match_terms(["qwxzzy"], w.vectorizer),
        DataWarning, ("names: 1 of 1 hold no known term",), holds=lambda table: len(table) == 1,
    )  # fmt: skip
    yield Case(
        "match_terms", "wrong shape", "vocabulary: one string", lambda w: match_terms(["pain"], "pain"),
        InvalidInputError, ("vocabulary: expected several", "write"),
    )  # fmt: skip
    for kind, given, text in (
        ("empty", "an empty string", ""), ("wrong dtype", "a number", 3),
    ):  # fmt: skip
        yield Case(
            "explain_query", kind, f"text: {given}", lambda w, t=text: explain_query(t, w.vectorizer),
            InvalidInputError, ("text: got", "at least one word"),
        )  # fmt: skip
    yield Case(
        "explain_query", "NaN", "weights: NaN",
        lambda w: explain_query("finger", w.vectorizer, np.full(len(w.vectorizer.vocabulary_), np.nan)),
        InvalidInputError, ("weights", "finite"),
    )  # fmt: skip
    yield Case(
        "explain_query", "wrong dtype", "vectorizer: another one",
        lambda w: explain_query("finger", MNMEncoder()), InvalidInputError, ("vectorizer", "TermVectorizer"),
    )  # fmt: skip


def cases() -> Iterator[Case]:
    """Yield all cases of texts."""
    yield from _encoder_cases()
    yield from _vectorizer_cases()
    yield from _query_cases()
