"""What is read of WordNet's nouns: first senses, hypernyms, names."""

from pathlib import Path

import pytest

from sklearn_mnm import load_database
from sklearn_mnm.exceptions import DataFormatError, DataWarning
from sklearn_mnm.text import load_wordnet

DEBIAN = Path("/usr/share/wordnet")
LICENCE = "  1 This software and database is being provided to you  \n"
INDEX = """entity n 1 1 ~ 1 0 00000001
cognition n 1 2 @ ~ 1 1 00000002
knowledge n 1 2 @ ~ 1 1 00000002
memory n 2 3 @ ~ %p 2 2 00000003 00000005
long-term_memory n 1 1 @ 1 0 00000004
ltm n 1 1 @ 1 0 00000004
ram n 1 1 @ 1 0 00000005
computer_memory n 1 1 @ 1 0 00000006
storage n 2 1 @ 2 0 00000005 00000007
penfield n 1 1 @i 1 0 00000008
"""
DATA = """00000001 03 n 01 entity 0 001 ~ 00000002 n 0000 | what is
00000002 09 n 02 cognition 0 knowledge 0 002 @ 00000001 n 0000 + 00614999 v 0101 | known; a | b
00000003 09 n 01 memory 0 002 @ 00000002 n 0000 %p 00000005 n 0000 | what stays
00000004 09 n 02 long-term_memory 0 LTM 0 001 @ 00000003 n 0000 | what stays long
00000005 06 n 03 memory 1 RAM 0 storage 0 001 @ 00000001 n 0000 | where data stay
00000006 06 n 01 computer_memory 0 001 @ 00000005 n 0000 | where they stay
00000007 04 n 01 storage 1 002 @ 00000001 n 0000 @ 00000002 n 0000 | the act
00000008 18 n 01 Penfield 0 001 @i 00000001 n 0000 | neurosurgeon
"""  # fmt: skip


def write(folder, data=DATA, index=INDEX):
    """Write the two files in WordNet's own form."""
    (folder / "data.noun").write_text(LICENCE + data, encoding="utf-8")
    (folder / "index.noun").write_text(LICENCE + index, encoding="utf-8")
    return folder


def test_sets_of_synonyms_are_terms_by_the_words_whose_first_sense_they_are(tmp_path):
    wordnet = load_wordnet(write(tmp_path))
    terms = wordnet.terms.set_index("id")
    assert terms["name"].tolist() == [
        "entity", "cognition", "memory", "long-term memory", "RAM", "computer memory",
        "storage.n.02", "Penfield",
    ]  # fmt: skip
    assert terms.loc["00000002", "aliases"] == ("knowledge",)
    assert terms.loc["00000005", "aliases"] == ("storage",)  # and of "memory" the second sense
    assert terms.loc["00000002", "definition"] == "known; a | b"


def test_hypernyms_and_those_of_instances_are_the_only_relations(tmp_path):
    wordnet = load_wordnet(str(write(tmp_path)))
    assert wordnet.relations["relation"].value_counts().to_dict() == {
        "kind_of": 7, "instance_of": 1
    }  # fmt: skip
    assert wordnet.ancestors("ltm", max_steps=2)["name"].tolist() == ["memory", "cognition"]
    assert wordnet.parents("storage.n.02")["name"].tolist() == ["entity", "cognition"]
    assert wordnet.parents("penfield")["name"].tolist() == ["entity"]
    assert wordnet.select(relation="kind_of").parents("penfield").empty


def test_a_word_of_the_vocabulary_stands_for_its_first_noun_sense(tmp_path):
    wordnet = load_wordnet(write(tmp_path))
    vocabulary = ["memory", "knowledge", "computer memory", "storage", "LTM"]
    assert wordnet.pairs_in(vocabulary, max_steps=2).to_numpy().tolist() == [
        ["memory", "knowledge"], ["computer memory", "storage"], ["LTM", "memory"],
        ["LTM", "knowledge"],
    ]  # fmt: skip


def test_hypernyms_that_are_not_in_the_file_are_counted(tmp_path):
    data = "".join(DATA.splitlines(keepends=True)[2:])
    with pytest.warns(DataWarning, match=r"^5 hypernyms are not in data.noun\.$"):
        wordnet = load_wordnet(write(tmp_path, data=data))
    assert wordnet.parents("ltm")["name"].tolist() == ["memory"]


@pytest.mark.parametrize(
    ("data", "index", "message"),
    [
        (DATA, INDEX + "short n 1\n", "index.noun: line 12 is no entry"),
        (DATA, INDEX + "short n 2 1 @ 2 0 00000001\n", "index.noun: line 12 is no entry"),
        (DATA + "00000009 03 n 02 lonely 0 000 | x\n", INDEX, "data.noun: line 10 is no entry"),
        (DATA + "00000009 03 n 01 lonely 0 002 @ 1\n", INDEX, "data.noun: line 10 is no entry"),
        (DATA + "00000009 03 n 01 lonely 0 000 | x\n", INDEX, "data.noun: line 10 is no entry"),
        ("", INDEX, "data.noun: holds no noun"),
    ],
)
def test_lines_that_are_not_wordnets_are_told(tmp_path, data, index, message):
    with pytest.raises(DataFormatError, match=message):
        load_wordnet(write(tmp_path, data, index))


def test_a_folder_without_the_files_is_refused(tmp_path):
    with pytest.raises(
        DataFormatError, match=r"index.noun: cannot be read as text .* wordnet-base"
    ):
        load_wordnet(tmp_path)


@pytest.mark.skipif(not DEBIAN.is_dir(), reason="Debian's package wordnet-base is not installed")
def test_the_real_wordnet_has_no_circle_and_one_root(real_data):
    wordnet = load_wordnet(DEBIAN)
    assert len(wordnet) == 82115
    assert wordnet.circles() == []
    assert wordnet.ancestors("amygdala")["name"].tolist()[-1] == "entity"
    assert wordnet.parents("entity").empty
    vocabulary = load_database(real_data / "neuroquery").vocabulary
    pairs = wordnet.pairs_in(vocabulary, max_steps=3)
    assert len(pairs) == 3548
    assert ["zoster", "herpes"] in pairs.to_numpy().tolist()
