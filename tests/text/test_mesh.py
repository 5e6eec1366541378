"""What is read of Medical Subject Headings."""

import pytest

from sklearn_mnm import load_database
from sklearn_mnm.exceptions import DataFormatError, DataWarning
from sklearn_mnm.text import load_mesh_tree

TREE = [
    ("F01", "Behavior"),
    ("F01.100", "Memory"),
    ("F01.100.200", "Memory, Short-Term"),
    ("F02.463", "Mental Processes"),
    ("F02.463.425", "Learning"),
    ("F02.463.425.540", "Memory"),
    ("F02.463.425.540.305", "Memory, Short-Term"),
    ("F03.700.100", "Epilepsy, Partial, Motor"),
]


@pytest.fixture(params=["table", "mtrees"])
def tree(request, tmp_path):
    """The file in both forms."""
    path = tmp_path / "tree"
    if request.param == "table":
        lines = ["tree_number\theading", *("\t".join(row) for row in TREE)]
    else:
        lines = [";".join(row[::-1]) for row in TREE]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_a_heading_is_one_term_below_the_headings_of_all_its_numbers(tree):
    mesh = load_mesh_tree(tree)
    assert len(mesh) == 6
    assert mesh.terms.set_index("id").loc["Memory", "tree_numbers"] == (
        "F01.100", "F02.463.425.540"
    )  # fmt: skip
    assert mesh.parents("memory")["name"].tolist() == ["Behavior", "Learning"]
    ancestors = mesh.ancestors("memory, short-term")
    assert ancestors["name"].tolist() == ["Memory", "Behavior", "Learning", "Mental Processes"]
    assert mesh.relations["relation"].unique().tolist() == ["narrower_than"]
    assert mesh.relations["tree_number"].is_unique


def test_a_heading_whose_parent_is_not_in_the_file_is_a_root(tree):
    mesh = load_mesh_tree(str(tree))
    roots = [name for name in mesh.names if mesh.parents(name).empty]
    assert sorted(roots) == ["Behavior", "Epilepsy, Partial, Motor", "Mental Processes"]


def test_inverted_headings_are_known_by_their_words_in_order(tree):
    mesh = load_mesh_tree(tree)
    aliases = dict(zip(mesh.names, mesh.terms["aliases"], strict=True))
    assert aliases["Memory, Short-Term"] == ("Short-Term Memory",)
    assert aliases["Memory"] == aliases["Epilepsy, Partial, Motor"] == ()
    assert mesh.pairs_in(["memory", "short term memory"]).to_numpy().tolist() == [
        ["short term memory", "memory"]
    ]


def test_rows_that_are_left_out_are_counted(tmp_path):
    path = tmp_path / "tree.tsv"
    path.write_text(
        "tree_number\theading\nF01\tBehavior\nF1\tWrong\nF01.1\t\nF01.2\tF01.3\nF01.4\tA01\nF01\tOther\n"
    )
    with pytest.warns(DataWarning) as caught:
        mesh = load_mesh_tree(path)
    (message,) = (str(warning.message) for warning in caught)
    assert message == (
        "1 rows of tree.tsv have no tree number; 1 rows of tree.tsv have no heading; "
        "2 rows of tree.tsv have a tree number for a heading; "
        "1 rows of tree.tsv have the tree number of another row."
    )
    assert mesh.names.tolist() == ["Behavior"]


def test_a_file_that_is_no_tree_is_refused(tmp_path):
    with pytest.raises(
        DataFormatError, match=r"tree: cannot be read as text .*; give a table with"
    ):
        load_mesh_tree(tmp_path / "tree")
    path = tmp_path / "tree"
    path.write_bytes(b"\xff\x00")
    with pytest.raises(DataFormatError, match="cannot be read as text"):
        load_mesh_tree(path)
    path.write_text("number\theading\nF01\tBehavior\n")
    with pytest.raises(DataFormatError, match=r"missing column\(s\) \['tree_number'\]"):
        load_mesh_tree(path)
    for nothing in ("", "tree_number\theading\n"):
        path.write_text(nothing)
        with pytest.raises(DataFormatError, match="holds no heading with a tree number; give"):
            load_mesh_tree(path)


def test_the_real_tree_lies_in_the_vocabulary_of_neuroquery(real_data, mesh_tree):
    with pytest.warns(DataWarning, match="^711 rows of tree.tsv have a tree number for a heading"):
        mesh = load_mesh_tree(mesh_tree)
    assert len(mesh) == 916
    vocabulary = load_database(real_data / "neuroquery").vocabulary
    pairs = mesh.pairs_in(vocabulary).to_numpy().tolist()
    assert len(pairs) == 156
    assert ["anterograde amnesia", "amnesia"] in pairs
