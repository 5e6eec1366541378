import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.linear_model import Ridge

from sklearn_mnm import Studies, TermVectorizer

VOCABULARY = ["rare", "pain", "of", "memory", "working memory"]


def studies(counts, behind=()):
    """Studies of 3 peaks each; those that lie behind the others can be told by row."""
    random = np.random.default_rng(0)
    xyz = random.uniform([-45, -60, -10], [45, 30, 45], size=(len(counts), 3, 3))
    xyz[behind, :, 1] = -abs(xyz[behind, :, 1])
    ids = [f"study{row:04d}" for row in range(len(counts))]
    peaks = pd.DataFrame(xyz.reshape(-1, 3), columns=["x", "y", "z"]).assign(id=np.repeat(ids, 3))
    return Studies(ids, peaks=peaks, counts=sparse.csr_matrix(counts), vocabulary=VOCABULARY)


def texts(n_studies=1300):
    """Full texts and titles, which are parts of them; the first 1,000 studies are fold 0.

    Studies with "pain" in their full text lie behind the others.
    """
    random = np.random.default_rng(1)
    full = random.poisson([0.001, 0.5, 3, 0.8, 0.4], size=(n_studies, len(VOCABULARY)))
    title = random.binomial(full, 0.3)
    folds = np.where(np.arange(n_studies) < 1000, 0, -1)
    behind = full[:, 1] > 0
    return {
        "full text": (studies(full, behind), folds),
        "title": (studies(title, behind), folds),
    }


@pytest.fixture
def terms():
    """Of 40 texts 2 hold "rare", 4 "working memory", 8 "pain", 20 "memory" and all "of"."""
    holders = (2, 8, 40, 20, 4)
    return TermVectorizer(VOCABULARY).fit(
        np.stack([np.arange(40) < n for n in holders], axis=1).astype(int)
    )


def test_the_one_word_has_the_highest_tfidf_of_the_known_terms_of_the_title(terms):
    from benchmarks.quality.queries import one_word

    titles = studies(
        [
            [0, 1, 1, 1, 0],  # the rarest of three
            [0, 1, 9, 1, 0],  # (1 + log 9) * 1 = 3.2 of "of" is more than 1 + log(41 / 9) = 2.5
            [0, 1, 0, 1, 1],
            [3, 0, 1, 0, 0],  # "rare" is in too few texts to be known
        ]
    )
    words = one_word(titles, terms)
    chosen = [VOCABULARY[column] for column in words.counts.argmax(axis=1).A1]
    assert chosen == ["pain", "of", "working memory", "of"]
    assert words.counts.sum(axis=1).A1.tolist() == [1, 1, 1, 1]


def test_titles_without_a_known_term_have_no_word_and_keep_their_row(terms):
    from benchmarks.quality.queries import one_word

    titles = studies([[0, 0, 0, 0, 0], [0, 1, 0, 0, 0], [2, 0, 0, 0, 0], [0, 0, 0, 1, 0]])
    words = one_word(titles, terms)
    assert words.counts.toarray().tolist() == [
        [0, 0, 0, 0, 0],
        [0, 1, 0, 0, 0],
        [0, 0, 0, 0, 0],
        [0, 0, 0, 1, 0],
    ]
    assert words.ids.tolist() == titles.ids.tolist()
    pd.testing.assert_frame_equal(words.peaks, titles.peaks)


def test_rows_of_every_kind_of_query_are_the_same_studies():
    from benchmarks.quality.queries import fold_queries

    train, test, vectorizer = fold_queries(texts(), 0)
    assert [len(part["full text"]) for part in (train, test)] == [300, 1000]
    assert "rare" not in vectorizer.vocabulary_
    for part in (train, test):
        full, title, word = (part[kind] for kind in ("full text", "title", "one word of the title"))
        for other in (title, word):
            assert other.ids.tolist() == full.ids.tolist()
            pd.testing.assert_frame_equal(other.peaks, full.peaks)
        assert (full.counts.toarray() >= title.counts.toarray()).all()
        assert (title.counts.toarray() >= word.counts.toarray()).all()
        known = vectorizer.transform(title.counts).getnnz(axis=1) > 0
        assert 0 < known.sum() < len(known)
        np.testing.assert_array_equal(word.counts.sum(axis=1).A1, known)


def test_texts_without_a_known_term_are_misses_and_hide_no_other():
    from benchmarks.common.protocol import retrieval_scores
    from benchmarks.quality.queries import rank_unknown_last

    similarity = np.eye(200, dtype=np.float32)
    known = np.arange(200) % 4 > 0
    similarity[~known] = 5  # as near to every map as can be: would push all others out
    similarity[~known, ~known] = 6  # and would be hits
    before = similarity.copy()
    scores = retrieval_scores(rank_unknown_last(similarity, known))
    assert scores["t2b R@10"] == scores["b2t R@10"] == scores["t2b R@1"] == scores["b2t R@1"] == 75
    np.testing.assert_array_equal(similarity, before)
    everything = rank_unknown_last(np.eye(200), np.ones(200, dtype=bool))
    np.testing.assert_array_equal(everything, np.eye(200))


def records():
    from benchmarks.quality.queries import FEWER_FOLDS, FITS, KINDS, MAIN

    made = []
    for name in FITS:
        rows = ("ridge", "ridge by kind") if name == "ridge" else (name,)
        for fold in FEWER_FOLDS.get(name, (0, 1, 2)):
            value = {"ours": 20 + 10 * fold}.get(name, 15)
            scores = {kind: dict.fromkeys(MAIN, value) for kind in KINDS}
            made.append(
                {
                    "fold": fold,
                    "mean_terms": dict.fromkeys(KINDS, 4.0 + fold),
                    "n_unknown": dict.fromkeys(KINDS, 10 + fold),
                    "scores": dict.fromkeys(rows, scores),
                }
            )
    return made


def test_tables_hold_every_model_and_differences_are_paired_by_fold():
    from benchmarks.quality.queries import KINDS, ROWS, markdown

    text = markdown(records())
    for kind in KINDS:
        caption, table, *_ = text.split(f"Query: {kind}. ")[1].split("\n\n")
        assert caption == "5.0 known terms on average; studies without one, by fold: 10, 11, 12."
        rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()[2:]]
        assert [row[0] for row in rows] == list(ROWS.values())
        assert rows[0][1:] == ["30.0 ± 10.0"] * 2 + ["30.000 ± 10.000"] * 2 + [""] * 4
        # Differences 5, 15, 25: 15 +- 4.303 * 10 / sqrt(3), t of 0.975 at 2 degrees of freedom.
        assert rows[1][5] == "+15.0 [-9.8, +39.8]"
        # One fold: ours of that fold, no spread.
        assert rows[-1][1] == "15.0"
        assert rows[-1][5] == "+5.0"


@pytest.fixture(scope="module")
def ridges():
    """The ridge of the benchmark, that of `models`, and queries; few regions of large voxels."""
    from benchmarks.common import protocol
    from benchmarks.models import features, ridge
    from benchmarks.quality import queries

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(features, "N_REGIONS", 20)
        for module in (features, protocol):
            patch.setattr(module, "RESOLUTION", 12)
        for module in (ridge, queries):
            patch.setattr(module, "PREDICTION_ALPHAS", (5, 50))
        train, test, _ = queries.fold_queries(texts(2300), 0)
        reference = ridge.RidgeModel("terms", "regions", "sqrt").fit(train["full text"])
        fitted = queries.QueryRidge().fit_queries(train)
    return fitted, reference, train, test


def test_ridge_tuned_on_full_texts_is_the_ridge_of_the_models(ridges):
    ridge, reference, _, test = ridges
    ridge.tuned_on("full text")
    names = {"map alpha": "prediction alpha", "way back to voxels": "way back to voxels"}
    for ours, theirs in names.items():
        assert ridge.chosen[ours] == reference.chosen[theirs]
    for query in test.values():
        np.testing.assert_allclose(
            ridge.predict_voxels(query), reference.predict_voxels(query), atol=1e-5
        )


def test_each_kind_of_query_is_answered_with_its_own_penalty_by_all_training_studies(ridges):
    from benchmarks.models.features import cosine

    ridge, _, train, test = ridges
    X, Y = (view.transform(train["full text"]) for view in (ridge._text, ridge._brain))
    alphas = set()
    for kind, query in test.items():
        alpha = ridge.tuned_on(kind).chosen["alpha"]
        coefficients = Ridge(alpha, fit_intercept=False).fit(X, Y).coef_.T
        expected = cosine(
            ridge._text.transform(query) @ coefficients, ridge._brain.transform(query)
        )
        np.testing.assert_allclose(ridge.similarity(query), expected, atol=1e-3)
        alphas.add(alpha)
    assert len(alphas) > 1
