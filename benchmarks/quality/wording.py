"""Measure queries in the words of people: ``python -m benchmarks wording``.

Needs ``SKLEARN_MNM_DATA``.

Models are fitted to the counts of the training studies, with 64 components, and asked by the titles
of the test studies as raw text. "terms" finds terms as the vocabulary spells them, "forms" other
forms of their words, too, "synonyms" reads all other words as `learn_synonyms` learns it from the
titles of the training studies. A word that is said in studies of all topics counts as known. Known
titles are those with more than half of their words, without stop words, numbers and single letters,
known.

Sides: titles that name one side only, and their maps as the model predicts them with that side and
without. Queries are each of the phrases of `sided.py` with "left" and with "right": the larger sum
of the highest tenth of the positive voxels is on the side that anatomy says. How much a side counts
was chosen on the titles of all studies, these included; half and one and a half times as much
differ little. Mean ± standard deviation over folds, one seed; the interval is over titles of all
folds.
"""

import argparse
import re
import sys
import warnings
from functools import partial
from pathlib import Path

import numpy as np
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

from benchmarks.common.protocol import EVERYDAY_FOLDS, load_corpus, retrieval_scores, split
from benchmarks.common.sections import replace_section
from benchmarks.common.table import markdown_table
from benchmarks.making.pretrained import fit
from benchmarks.quality.sided import QUERIES, on_side_of_anatomy
from sklearn_mnm import MNMEncoder, Studies
from sklearn_mnm.exceptions import DataWarning
from sklearn_mnm.metrics import map_correlation
from sklearn_mnm.text import learn_synonyms, sided_phrases
from sklearn_mnm.text.reading import TextReader

WORD = re.compile(r"[^\W\d]{2,}")
WAYS = ("terms", "forms", "synonyms")


def read_by(encoder: MNMEncoder, way: str, train: Studies) -> None:
    """Let the vectorizer read texts in one of the ways."""
    vectorizer = encoder.vectorizer_
    terms, known = vectorizer._reader.terms, list(vectorizer.vocabulary_)
    read_as = None
    if way == "synonyms":
        features = vectorizer.transform(train.counts)
        read_as = learn_synonyms([str(title) for title in train.titles], features, known)
    vectorizer._reader = TextReader(terms, read_as)
    vectorizer._reader.keep(known)
    if way == "terms":
        vectorizer._reader.forms.respell = partial(map, str.lower)


def known_titles(encoder: MNMEncoder, titles: list[str]) -> float:
    """Percentage of titles with more than half of their words known."""
    n_known = 0
    for title in titles:
        words = [
            w for w in re.findall(r"[^\W\d]{2,}", title.lower()) if w not in ENGLISH_STOP_WORDS
        ]
        unknown = encoder.explain(title).unknown
        n_unknown = sum(len(re.findall(r"[^\W\d]{2,}", word)) for word in unknown["word"])
        n_known += len(words) > 2 * n_unknown
    return 100 * n_known / len(titles)


def measure(fold: int, studies: Studies, folds: np.ndarray) -> tuple[dict, np.ndarray, dict]:
    """Figures of a fold: of titles by way of reading, gains by sides, right sides of queries."""
    train, test = split(studies, folds, fold)
    encoder = fit(train)
    titles = [str(title) for title in test.titles]
    observed = encoder.regions_.transform(test)
    brains = encoder.embedder_.transform_brain(observed)
    figures = {}
    for way in WAYS:
        read_by(encoder, way, train)
        texts = encoder.embedder_.transform(encoder.vectorizer_.transform(titles))
        scores = retrieval_scores(encoder.embedder_.similarity(texts, brains))
        predicted = encoder.embedder_.inverse_transform(texts)
        figures[way] = {
            "text to brain R@10, %": scores["t2b R@10"],
            "brain to text R@10, %": scores["b2t R@10"],
            "map correlation": float(np.nanmean(map_correlation(predicted, observed))),
            "titles known, %": known_titles(encoder, titles),
        }
    sided = [i for i, t in enumerate(titles) if len({p.hemisphere for p in sided_phrases(t)}) == 1]
    with_side = map_correlation(encoder.predict([titles[i] for i in sided]), observed[sided])
    without = map_correlation(predicted[sided], observed[sided])
    right = {kind: right_sides(encoder, kind) for kind in ("activation", "z")}
    return figures, with_side - without, right


def right_sides(encoder: MNMEncoder, kind: str) -> float:
    """Percentage of queries whose map is larger on the side that anatomy says."""
    right = [
        on_side_of_anatomy(encoder.predict_img([f"{side} {phrase}"], kind=kind), side, phrase)
        for side, phrase in QUERIES
    ]
    return 100 * float(np.mean(right))


def main() -> None:
    """Measure on folds and print or write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folds", nargs="+", type=int, default=EVERYDAY_FOLDS)
    parser.add_argument("--output", type=Path, help="Markdown file whose section is replaced")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", DataWarning)
    corpus = load_corpus()
    measured = []
    for fold in arguments.folds:
        measured.append(measure(fold, *corpus))
        print(fold, measured[-1][0], measured[-1][2], file=sys.stderr, flush=True)

    def cell(values: list[float], digits: int) -> str:
        return f"{np.mean(values):.{digits}f} ± {np.std(values, ddof=1):.{digits}f}"

    names = list(measured[0][0]["terms"])
    rows = [
        [way, *(cell([m[0][way][n] for m in measured], 3 if "corr" in n else 1) for n in names)]
        for way in WAYS
    ]
    gains = np.concatenate([gain for _, gain, _ in measured])
    half = 1.96 * gains.std(ddof=1) / np.sqrt(len(gains))
    right = {kind: cell([m[2][kind] for m in measured], 1) for kind in ("activation", "z")}
    text = (
        f"Made by `python -m benchmarks wording`.\n\n{__doc__.split(chr(10) * 2, 2)[2]}\n"
        f"{markdown_table(['read by', *names], rows, 1)}\n\n"
        f"{len(gains)} titles that name a side: map correlation {gains.mean():+.4f} "
        f"[{gains.mean() - half:+.4f}, {gains.mean() + half:+.4f}] with it. Maps on the right "
        f"side, of {len(QUERIES)} queries, %: activation {right['activation']}, z "
        f"{right['z']}.\n"
    )
    print(text)
    if arguments.output:
        replace_section(arguments.output, "wording", "Queries in the words of people", text)
