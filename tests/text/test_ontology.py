"""Ways up and down an ontology, what is refused, and what of it lies in a vocabulary."""

import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sklearn_mnm import TermVectorizer, load_database
from sklearn_mnm.exceptions import DataWarning, InvalidInputError
from sklearn_mnm.text import Ontology, load_cognitive_atlas, match_terms

PROPERTY = settings(max_examples=100, derandomize=True)
PAIRS = [
    ("Working memory", "Memory", "kind_of", "train"),
    ("working  memory", "executive function", "part_of", "tune"),
    ("memory", "cognition", "kind_of", "train"),
    ("executive function", "cognition", "kind_of", "tune"),
    ("n-back task", "working memory", "kind_of", "train"),
]


@pytest.fixture
def ontology():
    """A diamond: working memory has two parents, which have one."""
    return Ontology.from_frame(
        pd.DataFrame(PAIRS, columns=["child", "parent", "relation", "split"], index=[7] * 5)
    )


def terms_of(*rows):
    """Make `terms` of ids and names with aliases."""
    table = pd.DataFrame(rows, columns=["id", "name", "aliases"])
    return table.assign(definition="", kind="")


def relations_of(*rows):
    return pd.DataFrame(rows, columns=["child", "parent", "relation"], dtype=object)


# Ways up and down


def test_ancestors_come_nearest_first_with_the_steps_to_them(ontology):
    ancestors = ontology.ancestors("n-back task")
    assert ancestors["name"].tolist() == [
        "Working memory", "memory", "executive function", "cognition"
    ]  # fmt: skip
    assert ancestors["steps"].tolist() == [1, 2, 2, 3]
    assert ontology.ancestors("n-back task", max_steps=2)["steps"].tolist() == [1, 2, 2]
    assert ontology.parents("WORKING memory")["id"].tolist() == ["memory", "executive function"]
    assert ontology.ancestors("cognition").empty
    assert ontology.descendants("memory")["name"].tolist() == ["Working memory", "n-back task"]
    assert ontology.descendants("cognition", max_steps=1)["steps"].tolist() == [1, 1]


@PROPERTY
@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=15), st.integers(1, 4))
def test_ways_are_those_of_powers_of_the_adjacency(edges, max_steps):
    names = [f"term{row}" for row in range(7)]
    ontology = Ontology(
        terms_of(*((name, name, ()) for name in names)),
        relations_of(*((names[child], names[parent], "is_a") for child, parent in edges)),
    )
    links = np.zeros((7, 7), dtype=int)
    for child, parent in edges:
        links[child, parent] = 1
    within = np.linalg.matrix_power(links + np.eye(7, dtype=int), max_steps) > 0
    np.fill_diagonal(within, False)
    np.testing.assert_array_equal(ontology.closure_in(names, max_steps).toarray(), within)
    for row, name in enumerate(names):
        for found, expected in (
            (ontology.ancestors(name, max_steps), within[row]),
            (ontology.descendants(name, max_steps), within[:, row]),
        ):
            assert sorted(found["id"]) == [names[i] for i in np.flatnonzero(expected)]
    ever = np.linalg.matrix_power(links + np.eye(7, dtype=int), 7) > 0
    in_circle = {names[i] for i in range(7) if links[i, i] or (ever[i] & ever[:, i]).sum() > 1}
    circles = ontology.circles()
    assert {term for circle in circles for term in circle} == in_circle
    for circle in circles:
        assert all(ever[names.index(a), names.index(b)] for a in circle for b in circle)


def test_a_term_is_found_by_id_then_by_name_then_by_alias():
    ontology = Ontology(
        terms_of(
            ("t1", "bank", ()), ("t2", "Bank", ("shore",)), ("t3", "shore", ("rim",)),
            ("t4", "slope", ()), ("t5", "firm", ()), ("bank", "t1", ()),
        ),
        relations_of(("t1", "t4", "is_a"), ("t2", "t5", "is_a"), ("t3", "t4", "is_a")),
    )  # fmt: skip
    assert ontology.ancestors("t1")["id"].tolist() == ["t4"]
    assert ontology.ancestors("bank").empty  # an id
    assert ontology.ancestors("BANK")["id"].tolist() == ["t4", "t5"]  # two terms of that name
    assert ontology.ancestors("Shore")["id"].tolist() == ["t4"]
    assert ontology.ancestors("rim")["id"].tolist() == ["t4"]
    with pytest.raises(InvalidInputError, match=r"'slopes' is no id, .* near are 'slope'"):
        ontology.ancestors("slopes")
    with pytest.raises(InvalidInputError, match=r"'xyzzy' is no id, .* 6 terms; see `terms`"):
        ontology.ancestors("xyzzy")
    with pytest.raises(InvalidInputError, match="expected an id or a name, got 3"):
        ontology.descendants(3)


@pytest.mark.parametrize("max_steps", [0, -1, 1.5, True, "all"])
def test_steps_are_a_positive_number(ontology, max_steps):
    for call in (ontology.ancestors, ontology.descendants):
        with pytest.raises(InvalidInputError, match="max_steps: got"):
            call("memory", max_steps)
    for call in (ontology.closure_in, ontology.pairs_in):
        with pytest.raises(InvalidInputError, match="max_steps: got"):
            call(["memory"], max_steps)


def test_other_relations_are_kept_and_not_followed():
    ontology = Ontology(
        terms_of(("task", "task", ()), ("memory", "memory", ())),
        relations_of(("task", "memory", "measures"), ("task", "elsewhere", "in_class")),
    )
    assert len(ontology.relations) == 2
    assert ontology.ancestors("task").empty
    assert ontology.pairs_in(["task", "memory"]).empty


# Parts of it


def test_relations_are_selected_by_their_columns_and_terms_stay(ontology):
    train = ontology.select(split="train")
    assert train.ancestors("working memory")["name"].tolist() == ["memory", "cognition"]
    assert len(train) == len(ontology) == 5
    assert len(ontology.relations) == 5
    assert len(ontology.select(split=["train", "tune"], relation="kind_of").relations) == 4
    assert repr(train) == "Ontology(5 terms, 3 relations)"
    with pytest.raises(
        InvalidInputError, match=r"split: no relation has 'test'; .* 'train', 'tune'"
    ):
        ontology.select(split="test")
    with pytest.raises(InvalidInputError, match="fold: no column of the relations; they have"):
        ontology.select(fold=1)


def test_a_forest_has_one_parent_a_term_and_the_others_are_counted(ontology):
    with pytest.warns(DataWarning, match="^1 broader terms are a second one"):
        forest = ontology.forest()
    parent = {
        name: ontology.names[row]
        for name, row in zip(ontology.names, forest, strict=True)
        if row >= 0
    }
    assert parent == {
        "n-back task": "Working memory", "Working memory": "memory", "memory": "cognition",
        "executive function": "cognition",
    }  # fmt: skip
    assert ontology.select(split="train").forest().tolist().count(-1) == 2


def test_an_ontology_is_pickled_with_what_it_has_looked_up(ontology):
    before = ontology.ancestors("n-back task")
    pd.testing.assert_frame_equal(
        pickle.loads(pickle.dumps(ontology)).ancestors("n-back task"), before
    )


# A table of one's own


def test_names_of_a_table_are_terms_without_their_case_and_spaces(ontology):
    assert sorted(ontology.names) == [
        "Working memory", "cognition", "executive function", "memory", "n-back task"
    ]  # fmt: skip
    assert list(ontology.relations) == ["child", "parent", "relation", "split"]
    assert ontology.terms["id"].tolist() == [name.lower() for name in ontology.names]


def test_relations_of_a_table_without_names_are_kinds_and_its_other_names_are_followed():
    table = pd.DataFrame({"parent": ["b"], "child": ["a"]})
    assert Ontology.from_frame(table).relations["relation"].tolist() == ["kind_of"]
    followed = Ontology.from_frame(table.assign(relation="falls under"))
    assert followed.parents("a")["id"].tolist() == ["b"]
    assert list(table) == ["parent", "child"]


def test_a_table_of_polars_is_taken(ontology):
    polars = pytest.importorskip("polars")
    table = polars.DataFrame({"child": ["a"], "parent": ["b"]})
    assert Ontology.from_frame(table).parents("a")["id"].tolist() == ["b"]


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ([("a", "A ")], "1 circles of relations .* one of 'a'; take out"),
        ([("a", "b"), ("b", "c"), ("c", "a"), ("d", "a")], "one of 'a', 'b', 'c'; take out"),
        ([("a", "b"), ("b", None)], "parent of row 1 is (None|nan); give the name"),
        ([(" ", "b")], "child of row 0 is ' '; give the name"),
    ],
)
def test_circles_and_missing_names_of_a_table_are_refused(pairs, message):
    with pytest.raises(InvalidInputError, match=message):
        Ontology.from_frame(pd.DataFrame(pairs, columns=["child", "parent"]))


def test_what_is_no_table_of_pairs_is_refused():
    with pytest.raises(InvalidInputError, match="expected a data frame with columns"):
        Ontology.from_frame(PAIRS)
    with pytest.raises(InvalidInputError, match=r"table: missing column\(s\) \['parent'\]"):
        Ontology.from_frame(pd.DataFrame({"child": ["a"]}))
    with pytest.raises(InvalidInputError, match="relation of row 0 is nan"):
        Ontology.from_frame(pd.DataFrame({"child": ["a"], "parent": ["b"], "relation": [np.nan]}))


@pytest.mark.parametrize(
    ("terms", "relations", "message"),
    [
        (terms_of(("a", "a", ()), ("a", "b", ())), relations_of(), "id 'a' stands in several"),
        (terms_of((1, "a", ())), relations_of(), "id of row 0 is 1; give a string"),
        (
            terms_of(("a", "a", ())),
            relations_of(("a", "b", "is_a"), ("a", "c", "is_a")),
            r"parent 'b' is no id of `terms` \(2 such relations\)",
        ),
        (terms_of(("a", "a", ())), relations_of(("b", "a", "is_a")), "child 'b' is no id"),
        (terms_of().drop(columns="kind"), relations_of(), r"terms: missing column\(s\) \['kind'\]"),
        (terms_of(), [("a", "b")], "relations: expected a data frame, got list"),
    ],
)
def test_tables_that_do_not_fit_together_are_refused(terms, relations, message):
    with pytest.raises(InvalidInputError, match=message):
        Ontology(terms, relations)


# In a vocabulary

VOCABULARY = ["cognition", "working memory", "nback task", "memory", "task", "wm"]


def test_the_closure_leads_over_terms_that_the_vocabulary_lacks(ontology):
    table = pd.DataFrame(PAIRS, columns=["child", "parent", "relation", "split"])
    ontology = Ontology.from_frame(table[table["parent"] != "Memory"])
    closure = ontology.closure_in(VOCABULARY)
    assert closure.dtype == bool
    assert closure.shape == (6, 6)
    assert set(zip(*closure.nonzero(), strict=True)) == {(1, 0), (2, 1), (2, 0), (3, 0)}
    assert ontology.closure_in(VOCABULARY, max_steps=1).nnz == 2


def test_pairs_are_those_of_the_closure_by_name(ontology):
    assert ontology.pairs_in(VOCABULARY).to_numpy().tolist() == [
        ["working memory", "memory"], ["nback task", "working memory"], ["memory", "cognition"]
    ]  # fmt: skip
    pairs = ontology.pairs_in(VOCABULARY, max_steps=None)
    closure = ontology.closure_in(VOCABULARY)
    assert len(pairs) == closure.nnz == 6
    for child, parent in pairs.to_numpy():
        assert closure[VOCABULARY.index(child), VOCABULARY.index(parent)]


def test_only_whole_names_and_aliases_stand_for_a_term_and_names_go_first():
    ontology = Ontology(
        terms_of(
            ("1", "Theory of minds", ()),
            ("2", "social cognition", ("mentalizing", "pain", "-")),
            ("3", "pain", ("fear of pain",)),
            ("4", "vitamin D", ()),
            ("5", "the emotions", ()),
            ("6", "brain", ()),
        ),
        relations_of(*((str(child), "6", "is_a") for child in range(1, 6)), ("1", "2", "is_a")),
    )
    vocabulary = ["theory mind", "mentalizing", "pain", "vitamin", "emotion", "brain", "fear"]
    assert ontology.pairs_in(vocabulary).to_numpy().tolist() == [
        ["theory mind", "mentalizing"], ["theory mind", "brain"],
        ["mentalizing", "brain"], ["pain", "brain"],
    ]  # fmt: skip


def test_names_that_are_one_term_of_the_vocabulary_make_no_pair():
    table = pd.DataFrame({"child": ["faces", "face"], "parent": ["face", "object"]})
    pairs = Ontology.from_frame(table).pairs_in(["face", "object"])
    assert pairs.to_numpy().tolist() == [["face", "object"]]
    assert Ontology.from_frame(table).pairs_in([]).empty


def test_of_a_vectorizer_the_kept_terms_are_taken(ontology):
    counts = np.ones((2, len(VOCABULARY)))
    counts[0, VOCABULARY.index("memory")] = 0
    vectorizer = TermVectorizer(VOCABULARY, min_df=2).fit(counts)
    closure = ontology.closure_in(vectorizer)
    assert closure.shape == (5, 5)
    pairs = ontology.pairs_in(vectorizer, max_steps=2)
    assert pairs.to_numpy().tolist() == [
        ["working memory", "cognition"], ["nback task", "working memory"]
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("vocabulary", "message"),
    [("memory", "expected several strings"), (["memory", "Memory"], "cannot be told apart")],
)
def test_vocabularies_that_make_no_sense_are_refused(ontology, vocabulary, message):
    with pytest.raises(InvalidInputError, match=message):
        ontology.pairs_in(vocabulary)


@pytest.mark.filterwarnings("ignore::sklearn_mnm.exceptions.DataWarning")
def test_pairs_of_the_cognitive_atlas_in_neuroquery_are_whole_names_of_both(
    real_data, atlas_folder
):
    atlas = load_cognitive_atlas(atlas_folder)
    vocabulary = list(load_database(real_data / "neuroquery").vocabulary)
    train, tune = (atlas.select(split=split).pairs_in(vocabulary) for split in ("train", "tune"))
    assert (len(train), len(tune)) == (299, 38)
    assert ["long term memory", "memory"] in tune.to_numpy().tolist()
    spelled = match_terms(atlas.names, vocabulary)
    whole = {t[0] for t, missing in zip(spelled["terms"], spelled["missing"], strict=True)
             if len(t) == 1 and not missing}  # fmt: skip
    aliases = [alias for aliases in atlas.terms["aliases"] for alias in aliases]
    also = {t[0] for t in match_terms(aliases, vocabulary)["terms"] if len(t) == 1}
    assert set(train.to_numpy().ravel()) <= whole | also
