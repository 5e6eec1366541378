"""Studies as references."""

import csv
import io
import re

import numpy as np
import pandas as pd
import pytest

from sklearn_mnm.datasets import format_references
from sklearn_mnm.exceptions import InvalidInputError

STUDIES = pd.DataFrame(
    {
        "query": [0, 0, 1, 1],
        "id": ["12880830", "smith-2001", "12880830", 14527595],
        "title": ["Fear, \n 50% & {more}", None, "Fear again", "Pain_1"],
    }
)


def test_ris_has_a_record_for_each_study():
    records = format_references(STUDIES).split("ER  -\n")[:-1]
    fields = [[line.split("  - ", 1) for line in r.splitlines() if line] for r in records]
    assert [dict(f)["AN"] for f in fields] == ["12880830", "smith-2001", "14527595"]
    assert all(f[0] == ["TY", "JOUR"] for f in fields)
    assert dict(fields[0])["TI"] == "Fear, 50% & {more}"
    assert dict(fields[0])["UR"] == "https://pubmed.ncbi.nlm.nih.gov/12880830/"
    assert "TI" not in dict(fields[1])
    assert "UR" not in dict(fields[1])


def test_bibtex_escapes_what_it_reads_otherwise():
    text = format_references(STUDIES, "bibtex")
    assert text.count("@article{") == 3
    assert r"title = {{Fear, 50\% \& \{more\}}}" in text
    assert "pmid = {14527595}" in text
    assert text.count("{") - text.count(r"\{") == text.count("}") - text.count(r"\}")


@pytest.mark.parametrize(
    ("authors", "names"),
    [
        (["Smith, John", "van der Lugt, A."], ["Smith, John", "van der Lugt, A."]),
        ("Chow, Jacky C.K.; Koles", ["Chow, Jacky C.K.", "Koles"]),
        ("Cracco, Emiel;Brass, Marcel", ["Cracco, Emiel", "Brass, Marcel"]),
        ("Denton D, Shade R,  Blair-West JR", ["Denton, D", "Shade, R", "Blair-West, JR"]),
        ("Denton D, Shade R", ["Denton, D", "Shade, R"]),
        ("Smith, John", ["Smith, John"]),
        ("J. Gläscher; C. Büchel", ["J. Gläscher", "C. Büchel"]),
        ("Smith J and Jones & Sons", ["Smith, J", "Jones & Sons"]),
        ("Smith et al.", ["Smith et al."]),
        ("Le Bihan, Denis Jean", ["Le Bihan, Denis Jean"]),
        ("Smith, J., Doe, B. C., & Jones, A.", ["Smith, J.", "Doe, B. C.", "Jones, A."]),
        ("Müller Ö, Smith J-P, Roe J.A.", ["Müller, Ö", "Smith, J-P", "Roe, J.A."]),
        (np.array(["Doe A", "Roe B"]), ["Doe, A", "Roe, B"]),
        ([None, np.nan, "Doe A"], ["Doe, A"]),
    ],
)
def test_authors_are_written_where_the_corpus_has_them(authors, names):
    studies = pd.DataFrame({"id": ["12880830"], "title": ["Fear"], "authors": [authors]})
    ris = format_references(studies).splitlines()
    assert [line[6:] for line in ris if line.startswith("AU  - ")] == names
    bibtex = format_references(studies, "bibtex")
    assert f"author = {{{' and '.join(names)}}}".replace("&", r"\&") in bibtex
    assert bibtex.startswith("@article{")
    (row,) = csv.DictReader(io.StringIO(format_references(studies, "csv")))
    assert row["authors"] == "; ".join(names)


def test_a_consortium_stays_one_author_in_bibtex():
    studies = pd.DataFrame({"id": ["1"], "authors": [["Brain and Mind Consortium", "Doe A"]]})
    assert "author = {{Brain and Mind Consortium} and Doe, A}" in format_references(
        studies, "bibtex"
    )


def entries_of(bibtex):
    """Fields by key, and what stands outside of entries, as a reader of BibTeX finds them."""
    found, outside, rest = {}, "", bibtex
    while (start := rest.find("@")) >= 0:
        outside += rest[:start]
        key, body = re.match(r"@article\{([^\s,{}]+),\n(.*)", rest[start:], re.DOTALL).groups()
        end = re.search(r"^\}$", body, re.MULTILINE)
        fields = re.findall(r"^  (\w+) = \{(.*)\},$", body[: end.start()], re.MULTILINE)
        assert len(fields) == body[: end.start()].count("\n")
        assert key not in found
        found[key], rest = dict(fields), body[end.end() :]
    return found, outside + rest


def test_without_authors_entries_are_valid_and_a_comment_says_so():
    found, outside = entries_of(format_references(STUDIES, "bibtex"))
    assert list(found) == ["pmid12880830", "smith-2001", "pmid14527595"]
    assert not any("author" in fields for fields in found.values())
    assert " ".join(outside.split()).startswith("% The corpus holds no authors. ")
    assert all(line.startswith("%") for line in outside.splitlines() if line)
    some = STUDIES.assign(authors=["Smith J; Jones A", float("nan"), "", None])
    found, outside = entries_of(format_references(some, "bibtex"))
    assert [fields.get("author") for fields in found.values()] == [
        "Smith, J and Jones, A",
        None,
        None,
    ]
    assert "no authors of 2 of these studies" in outside


def test_csv_is_read_back():
    rows = list(csv.DictReader(io.StringIO(format_references(STUDIES, "csv"))))
    assert [row["id"] for row in rows] == ["12880830", "smith-2001", "14527595"]
    assert rows[2]["title"] == "Pain_1"
    assert rows[1]["url"] == ""


def test_what_is_no_table_of_studies_is_refused():
    with pytest.raises(InvalidInputError, match="style='endnote'"):
        format_references(STUDIES, "endnote")
    for wrong in (STUDIES.drop(columns="id"), ["12880830"]):
        with pytest.raises(InvalidInputError, match="column 'id'"):
            format_references(wrong)
