"""What is read of the Cognitive Atlas, and which terms of a list a vocabulary holds."""

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sklearn_mnm import TermVectorizer, load_database
from sklearn_mnm.exceptions import DataFormatError, DataWarning, InvalidInputError
from sklearn_mnm.hierarchy_metrics import tree_distances
from sklearn_mnm.text import CognitiveAtlas, load_cognitive_atlas, match_terms

PROPERTY = settings(max_examples=50, derandomize=True)
# As NiMARE writes them: several spellings a term, the name among them, the longest first.
ALIASES = [
    ("tsk_1", "n-back task", "n-back working memory task"),
    ("tsk_1", "n-back task", "n-back task"),
    ("trm_2", "working memory", "working memory"),
    ("tsk_1", "n-back task", "n-back"),
    ("trm_2", "working memory", "wm"),
    ("trm_1", "memory", "memory"),
    ("trm_3", "maintenance, active", "maintenance, active"),
    ("trm_4", "null", "null"),  # a word that pandas takes for a missing value
    ("dso_1", "psychosis", "psychosis"),
    ("dso_2", "schizophrenia", "schizophrenia"),
]
RELATIONSHIPS = [
    ("trm_2", "ctp_C5", "inCategory"),
    ("trm_4", "", "inCategory"),
    ("trm_1", "trm_1", "isSelf"),
    ("trm_1", "trm_2", "hasKind"),
    ("trm_2", "trm_1", "isKindOf"),
    ("trm_2", "trm_3", "hasPart"),
    ("tsk_1", "trm_2", "measures"),
    ("trm_2", "tsk_1", "measuredBy"),
    ("dso_2", "dso_1", "isA"),
]


def write(folder, aliases=ALIASES, relationships=RELATIONSHIPS):
    """Write the two files as NiMARE does."""
    for name, header, rows in (
        ("cogat_aliases.csv", ["id", "name", "alias"], aliases),
        ("cogat_relationships.csv", ["input", "output", "rel_type"], relationships),
    ):
        pd.DataFrame(rows, columns=header).to_csv(folder / name, index=False)
    return folder


def parents_by_name(atlas):
    return {
        name: atlas.names[parent]
        for name, parent in zip(atlas.names, atlas.parents, strict=True)
        if parent >= 0
    }


# The atlas


def test_terms_are_sorted_by_name_and_have_their_other_spellings(tmp_path):
    atlas = load_cognitive_atlas(write(tmp_path))
    assert isinstance(atlas, CognitiveAtlas)
    assert len(atlas) == 7
    assert atlas.names.tolist() == sorted({name for _, name, _ in ALIASES})
    aliases = dict(zip(atlas.names, atlas.terms["aliases"], strict=True))
    assert aliases["n-back task"] == ("n-back working memory task", "n-back")
    assert aliases["working memory"] == ("wm",)
    assert aliases["null"] == ()
    assert repr(atlas) == "CognitiveAtlas(7 terms, 5 relations)"


def test_relations_lead_from_the_narrower_term_to_the_broader_one_once(tmp_path):
    atlas = load_cognitive_atlas(str(write(tmp_path)))
    assert sorted(atlas.relations.itertuples(index=False, name=None)) == [
        ("dso_2", "dso_1", "isA"),
        ("trm_2", "ctp_C5", "inCategory"),
        ("trm_2", "trm_1", "isKindOf"),
        ("trm_3", "trm_2", "isPartOf"),
        ("tsk_1", "trm_2", "measures"),
    ]


def test_parents_are_a_forest_of_broader_terms(tmp_path):
    atlas = load_cognitive_atlas(write(tmp_path))
    assert parents_by_name(atlas) == {
        "working memory": "memory",
        "maintenance, active": "working memory",
        "schizophrenia": "psychosis",
    }
    distances = tree_distances(atlas.parents)
    row = {name: index for index, name in enumerate(atlas.names)}
    assert distances[row["maintenance, active"], row["memory"]] == 2


def test_kinds_go_before_parts_and_circles_are_cut(tmp_path):
    relationships = [
        ("trm_2", "trm_3", "isPartOf"),
        ("trm_2", "trm_1", "isKindOf"),
        ("trm_1", "trm_2", "isPartOf"),
        ("trm_1", "trm_1", "isKindOf"),
    ]
    folder = write(tmp_path, relationships=relationships)
    with pytest.warns(DataWarning, match="^3 broader terms are a second one or close a circle"):
        atlas = load_cognitive_atlas(folder)
    assert parents_by_name(atlas) == {"working memory": "memory"}
    assert len(atlas.relations) == 4


def test_what_is_incomplete_is_counted(tmp_path):
    aliases = [*ALIASES, ("", "nameless", "nameless"), ("trm_9", "", "x")]
    relationships = [*RELATIONSHIPS, ("trm_1", "trm_404", "isKindOf"), ("trm_9", "C", "inCategory")]
    with pytest.warns(DataWarning) as caught:
        atlas = load_cognitive_atlas(write(tmp_path, aliases, relationships))
    (message,) = (str(warning.message) for warning in caught)
    assert message == (
        "2 rows of cogat_aliases.csv have no id or name; "
        "2 relations name terms that are not listed."
    )
    assert len(atlas) == 7
    assert len(atlas.relations) == 5


@PROPERTY
@given(
    st.lists(
        st.tuples(
            st.integers(0, 6),
            st.integers(0, 6),
            st.sampled_from(["isKindOf", "hasKind", "isPartOf"]),
        ),
        max_size=20,
    )
)
@pytest.mark.filterwarnings("ignore::sklearn_mnm.exceptions.DataWarning")
def test_whatever_the_relations_parents_have_no_circle_and_miss_no_term(edges):
    aliases = [(f"trm_{i}", f"term {i}", f"term {i}") for i in range(7)]
    relationships = [(f"trm_{a}", f"trm_{b}", kind) for a, b, kind in edges]
    with tempfile.TemporaryDirectory() as folder:
        atlas = load_cognitive_atlas(write(Path(folder), aliases, relationships))
    up = {(b, a) if kind == "hasKind" else (a, b) for a, b, kind in edges}
    ancestors = []
    for term in range(7):
        line = [term]
        while atlas.parents[line[-1]] >= 0:
            line.append(int(atlas.parents[line[-1]]))
            assert (line[-2], line[-1]) in up
            assert line.count(line[-1]) == 1, "a circle"
        ancestors.append(line)
    for child, parent in up:
        # A term without parent has none left that would not close a circle.
        assert atlas.parents[child] >= 0 or child in ancestors[parent]


def test_without_a_folder_nimares_own_is_read(tmp_path, monkeypatch):
    pytest.importorskip("nimare")
    (tmp_path / "cognitive_atlas").mkdir()
    write(tmp_path / "cognitive_atlas")
    monkeypatch.delenv("NIMARE_SHARED_DATA", raising=False)
    monkeypatch.setenv("NIMARE_DATA", str(tmp_path))
    assert len(load_cognitive_atlas()) == 7


def test_a_download_that_fails_says_what_to_do(tmp_path, monkeypatch):
    pytest.importorskip("nimare")
    monkeypatch.delenv("NIMARE_SHARED_DATA", raising=False)
    monkeypatch.setenv("NIMARE_DATA", str(tmp_path))
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # nobody listens there
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(
        DataFormatError, match=r"could not be downloaded .*folder=\.\.\. with cogat"
    ):
        load_cognitive_atlas()


def test_files_that_cannot_be_read_are_named(tmp_path):
    with pytest.raises(DataFormatError, match=r"cogat_aliases.csv: cannot be read as CSV"):
        load_cognitive_atlas(tmp_path)
    write(tmp_path)
    (tmp_path / "cogat_relationships.csv").unlink()
    with pytest.raises(DataFormatError, match=r"cogat_relationships.csv: cannot be read"):
        load_cognitive_atlas(tmp_path)
    (tmp_path / "cogat_relationships.csv").write_bytes(b"\xff\xfe\x00binary")
    with pytest.raises(DataFormatError, match=r"cogat_relationships.csv: cannot be read"):
        load_cognitive_atlas(tmp_path)
    (tmp_path / "cogat_relationships.csv").write_text("input,output\na,b\n")
    with pytest.raises(DataFormatError, match=r"missing column\(s\) \['rel_type'\]; it has"):
        load_cognitive_atlas(tmp_path)
    with pytest.raises(DataFormatError, match=r"cogat_aliases.csv: holds no term"):
        load_cognitive_atlas(write(tmp_path, aliases=[]))


# Terms of a list in a vocabulary

VOCABULARY = ["memory", "working memory", "nback task", "emotion", "faces", "theory mind"]


@pytest.fixture
def vectorizer():
    """Keeps all terms but "emotion", which one document holds."""
    counts = np.ones((2, len(VOCABULARY)))
    counts[0, 3] = 0
    return TermVectorizer(VOCABULARY, min_df=2).fit(counts)


def test_names_are_found_in_the_spelling_of_the_vocabulary():
    names = ["N-Back tasks", "Emotional face, memories", "Theory of mind", "memory"]
    matches = match_terms(names, VOCABULARY)
    assert matches["name"].tolist() == names
    assert matches["query"].tolist() == [
        "nback task", "emotional faces memory", "theory mind", "memory"
    ]  # fmt: skip
    assert matches["terms"].tolist() == [
        ("nback task",), ("faces", "memory"), ("theory mind",), ("memory",)
    ]  # fmt: skip
    assert matches["known"].tolist() == [True] * 4
    assert matches["missing"].tolist() == [(), ("emotional",), (), ()]


def test_terms_that_the_vectorizer_dropped_are_missing(vectorizer):
    with pytest.warns(DataWarning, match="names: 1 of 2 hold no known term: 'Emotions'; see"):
        matches = match_terms(["Emotions", "emotion and memory"], vectorizer)
    assert matches["terms"].tolist() == [(), ("memory",)]
    assert matches["missing"].tolist() == [("emotion",), ("emotion",)]


@PROPERTY
@given(
    st.lists(st.sampled_from(["memories", "Working-memory", "n-back", "tasks", "face", "emotions",
                              "of", "x", "Theory of Mind", "!"])).map(" ".join)
)  # fmt: skip
@pytest.mark.filterwarnings("ignore::sklearn_mnm.exceptions.DataWarning")
def test_known_terms_are_those_that_the_vectorizer_finds_in_the_query(name):
    counts = np.ones((2, len(VOCABULARY)))
    counts[0, 3] = 0
    vectorizer = TermVectorizer(VOCABULARY, min_df=2).fit(counts)
    (match,) = match_terms([name], vectorizer).itertuples()
    features = vectorizer.transform([match.query])
    names = vectorizer.get_feature_names_out()
    assert set(match.terms) == set(names[features.indices])
    assert match.known == bool(features.nnz)
    assert match_terms([match.query], vectorizer)["query"].tolist() == [match.query]


@pytest.mark.filterwarnings("ignore::sklearn_mnm.exceptions.DataWarning")
@PROPERTY
@given(st.lists(st.text(max_size=30), max_size=5))
def test_any_text_may_be_a_name(names):
    matches = match_terms(names, VOCABULARY)
    assert matches["name"].tolist() == names
    assert list(matches.columns) == ["name", "query", "terms", "known", "missing"]
    assert matches["known"].dtype == bool


def test_names_of_an_atlas_and_of_a_series_are_taken_as_they_come(tmp_path):
    atlas = load_cognitive_atlas(write(tmp_path))
    with pytest.warns(DataWarning, match="names: 4 of 7 hold no known term: 'maintenance, active'"):
        matches = match_terms(atlas.names, VOCABULARY)
    assert matches.loc[matches["known"], "name"].tolist() == [
        "memory", "n-back task", "working memory"
    ]  # fmt: skip
    series = pd.Series(["memory", "memory"], index=[5, 5])
    assert match_terms(series, np.array(VOCABULARY))["known"].tolist() == [True, True]


@pytest.mark.parametrize(
    ("names", "vocabulary", "message"),
    [
        ("memory", VOCABULARY, "names: expected several strings, got one"),
        (["memory", None], VOCABULARY, "names: row 1 is None"),
        (["memory"], "memory", "vocabulary: expected several strings, got one"),
        (["memory"], ["memory", "Memory"], "'memory' and 'Memory' cannot be told apart"),
        (["memory"], ["-"], "term '-' has no letter or digit"),
    ],
)
def test_lists_that_make_no_sense_are_refused(names, vocabulary, message):
    with pytest.raises(InvalidInputError, match=message):
        match_terms(names, vocabulary)


def test_concepts_and_tasks_are_found_in_the_vocabulary_of_neuroquery(real_data):
    studies = load_database(real_data / "neuroquery")
    vectorizer = TermVectorizer(studies.vocabulary, min_df=10).fit(studies.counts)
    names = ["go/no-go task", "Theory of Mind", "fear of faces", "decision-making", "Mentalizing"]
    matches = match_terms(names, vectorizer)
    assert matches["terms"].tolist() == [
        ("nogo", "task"), ("theory mind",), ("fear", "faces"), ("decision making",),
        ("mentalizing",),
    ]  # fmt: skip
    # Each kept term is found in itself.
    kept = list(vectorizer.vocabulary_)
    assert match_terms(kept, vectorizer)["terms"].tolist() == [(term,) for term in kept]
