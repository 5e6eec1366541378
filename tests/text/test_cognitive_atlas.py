"""What is read of the Cognitive Atlas, in its two forms."""

import dataclasses
import tempfile
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sklearn_mnm.exceptions import DataFormatError, DataWarning, InvalidInputError
from sklearn_mnm.metrics import tree_distances
from sklearn_mnm.text import CognitiveAtlas, load_cognitive_atlas
from sklearn_mnm.text._tables import readable

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
        for name, parent in zip(atlas.names, atlas.forest(), strict=True)
        if parent >= 0
    }


# NiMARE's files


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
        ("dso_2", "dso_1", "is_a"),
        ("trm_2", "ctp_C5", "in_class"),
        ("trm_2", "trm_1", "kind_of"),
        ("trm_3", "trm_2", "part_of"),
        ("tsk_1", "trm_2", "measures"),
    ]


def test_parents_are_a_forest_of_broader_terms(tmp_path):
    atlas = load_cognitive_atlas(write(tmp_path))
    assert parents_by_name(atlas) == {
        "working memory": "memory",
        "maintenance, active": "working memory",
        "schizophrenia": "psychosis",
    }
    distances = tree_distances(atlas.forest())
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
    with pytest.warns(DataWarning, match="^1 circles of relations .* one of 'memory', 'working"):
        atlas = load_cognitive_atlas(folder)
    with pytest.warns(DataWarning, match="^3 broader terms are a second one or close a circle"):
        assert parents_by_name(atlas) == {"working memory": "memory"}
    assert len(atlas.relations) == 4
    assert atlas.circles() == [("trm_1", "trm_2")]


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
    parents = atlas.forest()
    for term in range(7):
        line = [term]
        while parents[line[-1]] >= 0:
            line.append(int(parents[line[-1]]))
            assert (line[-2], line[-1]) in up
            assert line.count(line[-1]) == 1, "a circle"
        ancestors.append(line)
    for child, parent in up:
        # A term without parent has none left that would not close a circle.
        assert parents[child] >= 0 or child in ancestors[parent]


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
    with pytest.raises(DataFormatError, match=r"neither concepts.tsv, .* nor cogat_aliases.csv"):
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


# The tables of a release

CONCEPTS = """id\tname\talias\tclass\tdefinition
trm_1\tMemory\t\tLearning and Memory\t&#34;What&#34; stays
trm_2\tworking memory\tWM, short-term store\tLearning and Memory\toneâ\x80\x99s store
trm_3\tmaintenance\t\t\t"of ""items"" "
trm_4\temotion\t\tEmotion\t
trm_5\t\t\tEmotion\t
"""
TASKS = """id\tname\talias\tcontrasts\tasserted_concepts\tdefinition
tsk_1\tn-back task\tn-back\t2-back - 0-back|d&#39; | \ttrm_2|trm_1\tLetters
tsk_2\tfaces task\t\t\t\t
"""
LINKS = """child\tparent\trelation\tsplit
trm_2\ttrm_1\tkind_of\ttrain
trm_3\ttrm_2\tpart_of\ttune
trm_3\ttrm_404\tkind_of\ttrain
"""


def release(folder, concepts=CONCEPTS, tasks=TASKS, relations=LINKS):
    """Write the tables of a release."""
    for name, text in (("concepts", concepts), ("tasks", tasks), ("relations", relations)):
        (folder / f"{name}.tsv").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def released(tmp_path):
    with pytest.warns(DataWarning) as caught:
        atlas = load_cognitive_atlas(release(tmp_path))
    (message,) = (str(warning.message) for warning in caught)
    assert message == (
        "1 rows of concepts.tsv have no id or name; 1 relations name terms that are not listed."
    )
    return atlas


def test_concepts_tasks_and_classes_of_a_release_are_terms(released):
    terms = released.terms.set_index("name")
    assert terms["kind"].to_dict() == {
        "Emotion": "class", "Learning and Memory": "class", "Memory": "concept",
        "emotion": "concept", "faces task": "task", "maintenance": "concept",
        "n-back task": "task", "working memory": "concept",
    }  # fmt: skip
    assert terms.loc["working memory", "aliases"] == ("WM", "short-term store")
    assert terms.loc["n-back task", "contrasts"] == ("2-back - 0-back", "d'")
    assert terms.loc["faces task", "contrasts"] == terms.loc["Memory", "contrasts"] == ()


def test_conditions_are_the_first_sides_of_contrasts(tmp_path):
    contrasts = (
        "Faces|Faces minus Shapes|Negative Faces|Story vs. Math|old versus new|left > right|"
        "Match - Relate|go/no-go|level (deep versus shallow)|[why minus how] minus [what]|- alone"
    )
    header = "id\tname\talias\tcontrasts\tasserted_concepts\tdefinition\n"
    rows = [("faces task", contrasts), ("other task", "negative tone"), ("pencil test", "")]
    tasks = header + "".join(f"t{name}\t{name}\t\t{shown}\t\t\n" for name, shown in rows)
    with pytest.warns(DataWarning):
        atlas = load_cognitive_atlas(release(tmp_path, tasks=tasks))
    assert atlas.conditions() == {
        "faces task": (
            "Faces",
            "Story",
            "old",
            "left",
            "Match",
            "go/no-go",
            "level (deep versus shallow)",
            "[why minus how]",
            "- alone",
        ),
        "other task": ("negative tone",),
    }
    (tmp_path / "nimare").mkdir()
    with pytest.raises(InvalidInputError, match="no column 'contrasts', as NiMARE's"):
        load_cognitive_atlas(write(tmp_path / "nimare")).conditions()


def test_entities_and_misread_letters_of_a_release_are_mended(released):
    definitions = released.terms.set_index("name")["definition"]
    assert definitions["Memory"] == '"What" stays'
    assert definitions["working memory"] == "one\N{RIGHT SINGLE QUOTATION MARK}s store"
    assert definitions["maintenance"] == 'of "items" '
    assert readable("déjà vu, Â alone, &amp;") == "déjà vu, Â alone, &"


def test_relations_of_a_release_keep_their_columns(released):
    assert sorted(released.relations.itertuples(index=False, name=None)) == [
        ("trm_1", "class: Learning and Memory", "in_class", ""),
        ("trm_2", "class: Learning and Memory", "in_class", ""),
        ("trm_2", "trm_1", "kind_of", "train"),
        ("trm_3", "trm_2", "part_of", "tune"),
        ("trm_4", "class: Emotion", "in_class", ""),
        ("tsk_1", "trm_1", "measures", ""),
        ("tsk_1", "trm_2", "measures", ""),
    ]
    assert list(released.relations) == ["child", "parent", "relation", "split"]
    train = released.select(split="train")
    assert isinstance(train, CognitiveAtlas)
    assert train.ancestors("maintenance").empty
    assert released.ancestors("maintenance")["name"].tolist() == ["working memory", "Memory"]


def test_what_a_task_measures_and_classes_are_not_broader_terms_unless_asked_for(released):
    assert released.ancestors("n-back task").empty
    assert released.ancestors("emotion").empty
    classes = dataclasses.replace(released, broader=("kind_of", "part_of", "in_class"))
    assert classes.ancestors("maintenance")["name"].tolist() == [
        "working memory", "Memory", "Learning and Memory"
    ]  # fmt: skip


def test_an_id_in_two_rows_is_counted(tmp_path):
    folder = release(tmp_path, tasks=TASKS + "trm_4\temotion task\t\t\t\t\n")
    with pytest.warns(DataWarning, match="; 1 rows have the id of another row; "):
        atlas = load_cognitive_atlas(folder)
    assert atlas.terms.set_index("id").loc["trm_4", "name"] == "emotion"


def test_a_release_without_a_file_or_column_or_term_is_refused(tmp_path):
    release(tmp_path, concepts="id\tname\talias\tclass\tdefinition\n", tasks=TASKS.split("tsk")[0])
    with pytest.raises(DataFormatError, match=r"concepts.tsv: holds no term"):
        load_cognitive_atlas(tmp_path)
    (release(tmp_path) / "relations.tsv").unlink()
    with pytest.raises(
        DataFormatError, match=r"relations.tsv: cannot be read as a table with tabs"
    ):
        load_cognitive_atlas(tmp_path)
    with pytest.raises(DataFormatError, match=r"tasks.tsv: missing column\(s\) \['alias'"):
        load_cognitive_atlas(release(tmp_path, tasks="id\tname\n"))


def test_the_real_release_is_read_whole(atlas_folder):
    with pytest.warns(DataWarning, match="^1 rows of tasks.tsv have no id or name; 2 circles"):
        atlas = load_cognitive_atlas(atlas_folder)
    assert atlas.terms["kind"].value_counts().to_dict() == {
        "concept": 915, "task": 852, "class": 10
    }  # fmt: skip
    assert atlas.relations["split"].value_counts()[["train", "tune"]].tolist() == [381, 79]
    assert not atlas.terms["definition"].str.contains("&#|\x80", regex=True).any()
    assert "memory" in atlas.ancestors("long-term memory")["name"].tolist()
